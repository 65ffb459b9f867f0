// Who takes part. `family`: ours, javascript (peers that run wherever JavaScript does) or native.
// `program` is a file of bench/engines, `options` what its `open` is given; `package`: the peer it needs.
import { folderOf } from "./commits.mjs";

/** Of this checkout, or of a commit that has been built. */
function ours(build, threads, commit) {
  const kind = [build, ...(threads === 1 ? [] : [threads])].join("-");
  return {
    name: commit ? `${kind}-${commit}` : kind,
    title: `attention-wasm ${build}${threads === 1 ? "" : `, ${threads} threads`}${commit ? `, ${commit}` : ""}`,
    family: "ours",
    program: "attention-wasm",
    options: { folder: `${commit ? folderOf(commit) : "."}/build`, build, threads },
    threads,
    ...(commit && { commit, kind }),
  };
}

const everyKind = (commit) => ["relaxed", "simd"].flatMap((build) => [ours(build, 1, commit), ours(build, 2, commit)]);

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
  ...everyKind(),
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

/** This package alone: this checkout's, and the same of each commit. */
export const enginesOfOurs = (commits = []) => [undefined, ...commits].flatMap(everyKind);

/** Whether it is of any use to ask an engine for a workload; a reason if not. */
export function declined(engine, workload) {
  if (!workload.alone || engine.family === "ours") return undefined;
  if (workload.plainToo && engine.name === "plain") return undefined;
  return workload.alone;
}
