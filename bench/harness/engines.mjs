// Who takes part. `family`: ours, javascript (peers that run wherever JavaScript does) or native.
// `program` is a file of bench/engines, `options` what its `open` is given; `package`: the peer it needs.

const ours = (build, threads) => ({
  name: threads === 1 ? build : `${build}-${threads}`,
  title: `attention-wasm ${build}${threads === 1 ? "" : `, ${threads} threads`}`,
  family: "ours",
  program: "attention-wasm",
  options: { build, threads },
  threads,
});

const onnxruntime = (name, family, short, operator) => ({
  name: `${short}-${operator.replace(/[a-z]/g, "").toLowerCase()}`,
  title: `${name} ${operator}`,
  family,
  program: "onnxruntime",
  options: { name, operator, threads: 1 },
  threads: 1,
  package: name,
});

const tfjs = (way, batched) => ({
  name: `tfjs-${way}`,
  title: `tfjs-backend-wasm, ${batched ? "batched" : "per head"}`,
  family: "javascript",
  program: "tfjs",
  options: { batched },
  threads: 1,
  package: "@tensorflow/tfjs-backend-wasm",
});

const OPERATORS = ["Attention", "MultiHeadAttention", "GroupQueryAttention"];

export const ENGINES = [
  ours("relaxed", 1),
  ours("relaxed", 2),
  ours("simd", 1),
  ours("simd", 2),
  ...OPERATORS.map((operator) => onnxruntime("onnxruntime-web", "javascript", "ort-web", operator)),
  tfjs("heads", false),
  tfjs("batched", true),
  {
    name: "plain",
    title: "plain JavaScript",
    family: "javascript",
    program: "plain-javascript",
    options: {},
    threads: 1,
    arraysInPlace: true,
  },
  ...OPERATORS.map((operator) => onnxruntime("onnxruntime-node", "native", "ort-node", operator)),
];

/** Whether it is of any use to ask an engine for a workload; a reason if not. */
export function declined(engine, workload) {
  if (!workload.alone || engine.family === "ours") return undefined;
  if (workload.plainToo && engine.name === "plain") return undefined;
  return workload.alone;
}
