// node bench/layers/gemm.mjs: the packed matrix product beside the most multiply-adds this machine does in the same engine,
// and beside onnxruntime-web's MatMul where `npm run bench` has installed it. Rounds are interleaved, the least
// time of each counts. Needs relaxed SIMD: Node 22 or later.
// Usage: node bench/layers/gemm.mjs [rounds, default 15] [MxKxN ...]
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus } from "node:os";
import { pathToFileURL } from "node:url";
import { load } from "../../build/index.js";
import { Linear, loadWeights, matmul } from "../../build/layers.js";
import { compileBoth } from "../harness/compile.mjs";
import { matMulModel } from "./matmul-model.mjs";

const [rounds = "15", ...wanted] = process.argv.slice(2);
const SHAPES = (wanted.length > 0 ? wanted : ["512x512x512", "128x768x3072", "16x768x768", "1x768x3072"]).map((text) =>
  text.split("x").map(Number),
);
const PEERS = new URL("../../build/bench/peers/package.json", import.meta.url);
const STEPS = 2e6;

const limits = await compileBoth("bench/assembly/limits.ts", "limits");
const peak = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(limits.relaxed))).exports;

const random = (...shape) => ({
  data: Float32Array.from({ length: shape.reduce((n, size) => n * size) }, () => Math.random() * 2 - 1),
  shape,
});

const jobs = [];
const engines = {
  relaxed: await load({ build: "relaxed" }).catch(() => undefined),
  simd: await load({ build: "simd" }),
};
const ort = await peerRuntime();
for (const [M, K, N] of SHAPES) {
  const [a, b] = [random(M, K), random(K, N)];
  const add = (title, run) => jobs.push({ title: `${M} x ${K} x ${N}`, M, K, N, kind: title, run, best: Infinity });
  for (const [build, engine] of Object.entries(engines)) {
    if (!engine) continue;
    const layer = new Linear(engine, { inFeatures: K, outFeatures: N, bias: false });
    loadWeights(layer, { weight: random(N, K) });
    const [x, y] = [engine.tensor(a), engine.tensor(b)];
    add(`${build}: Linear, resident`, () => layer.forward(x).dispose());
    add(`${build}: matmul, resident`, () => matmul(engine, x, y).dispose());
    add(`${build}: matmul, host arrays`, () => matmul(engine, a, b));
  }
  if (!ort) continue;
  const options = { executionProviders: ["wasm"] };
  const tensor = ({ data, shape }) => new ort.Tensor("float32", data, shape);
  const open = await ort.InferenceSession.create(matMulModel(M, K, N), options);
  const fixed = await ort.InferenceSession.create(matMulModel(M, K, N, b.data), options);
  const inputs = { a: tensor(a), b: tensor(b) };
  add("onnxruntime-web: MatMul", () => open.run(inputs));
  add("onnxruntime-web: MatMul, constant B", () => fixed.run({ a: inputs.a }));
}

let limit = 0;
for (let round = -2; round < Number(rounds); round++) {
  const started = performance.now();
  peak.chains(STEPS, 0.5);
  limit = Math.max(limit, (96 * STEPS) / (performance.now() - started) / 1e6);
  for (const job of jobs) {
    const repeats = Math.max(1, Math.ceil(2e7 / (job.M * job.K * job.N)));
    const begun = performance.now();
    for (let i = 0; i < repeats; i++) await job.run();
    job.best = Math.min(job.best, (performance.now() - begun) / repeats);
  }
}
console.log(`Node ${process.versions.node}, ${cpus()[0].model.trim()}, one thread, least of ${rounds}`);
console.log(`peak of independent multiply-adds: ${limit.toFixed(1)} GFLOP/s\n`);
for (const { title, kind, M, K, N, best } of jobs) {
  const rate = (2 * M * K * N) / best / 1e6;
  const share = (rate / limit).toFixed(2);
  console.log(
    `${title.padEnd(18)} ${kind.padEnd(36)} ${best.toFixed(3).padStart(9)} ms ${rate.toFixed(1).padStart(6)} GFLOP/s ${share}`,
  );
}
process.exit(0);

async function peerRuntime() {
  try {
    const entry = createRequire(PEERS).resolve("onnxruntime-web").replace(/\.js$/, ".mjs");
    const runtime = await import(pathToFileURL(entry).href);
    runtime.env.wasm.numThreads = 1;
    return runtime;
  } catch {
    console.log("onnxruntime-web is not installed: npm run bench installs it");
    return undefined;
  }
}
