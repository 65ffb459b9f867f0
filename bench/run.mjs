// npm run bench: the fused forward on both builds, beside the most multiply-adds this machine does in the same engine.
// Rounds are interleaved (peak, relaxed, simd, peak, ...), everything is warmed up first, medians are shown.
// Usage: npm run bench -- [rounds, default 15]
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus } from "node:os";
import { setUp } from "../scripts/setup.mjs";

const rounds = Number(process.argv[2] ?? 15);
const WORKLOADS = [
  { name: "H12 S512 D64", heads: 12, length: 512, dim: 64 },
  { name: "H12 S128 D64", heads: 12, length: 128, dim: 64 },
  { name: "H8 S2048 D64 causal", heads: 8, length: 2048, dim: 64, options: { causal: true } },
  { name: "H32 S512 D128 causal", heads: 32, length: 512, dim: 128, options: { causal: true } },
  { name: "H4 S16 D32", heads: 4, length: 16, dim: 32 },
];

setUp({ quiet: true });
mkdirSync("build/bench", { recursive: true });
const asc = createRequire(import.meta.url).resolve("assemblyscript/bin/asc.js");
const flags = "--config none -O3 --runtime stub --noAssert --use abort= --enable simd --enable relaxed-simd";
execFileSync(process.execPath, [asc, "bench/assembly/peak.ts", "-o", "build/bench/peak.wasm", ...flags.split(" ")]);

const { load } = await import("../build/index.js");
const engines = {
  relaxed: await load({ build: "relaxed" }).catch(() => undefined),
  simd: await load({ build: "simd" }),
};
if (!engines.relaxed) {
  console.error(
    "This Node has no relaxed SIMD: use Node 22 or later, or node --experimental-wasm-relaxed-simd bench/run.mjs",
  );
  process.exit(2);
}
const peak = new WebAssembly.Instance(new WebAssembly.Module(readFileSync("build/bench/peak.wasm"))).exports;

const STEPS = 5e6;
/** GFLOP/s of independent multiply-add chains: 12 vectors of 4 lanes, two operations each. */
function measurePeak() {
  const started = performance.now();
  peak.chains(STEPS, 0.5);
  return (96 * STEPS) / (performance.now() - started) / 1e6;
}

const random = (shape) => ({
  data: Float32Array.from({ length: shape.reduce((n, size) => n * size) }, () => Math.random() * 2 - 1),
  shape,
});

const jobs = WORKLOADS.flatMap((workload) => {
  const { heads, length, dim, options = {} } = workload;
  const inputs = [0, 1, 2].map(() => random([1, heads, length, dim]));
  // Two products of length x length x dim, two operations each; causal needs half of them
  const flops = 4 * heads * length * length * dim * (options.causal ? 0.5 : 1);
  return Object.entries(engines).map(([build, engine]) => {
    const tensors = inputs.map((input) => engine.tensor(input));
    const repeats = Math.max(1, Math.ceil(1e8 / flops));
    const measure = () => {
      const started = performance.now();
      for (let i = 0; i < repeats; i++) engine.attention(...tensors, options).output.dispose();
      return (performance.now() - started) / repeats;
    };
    return { workload, build, flops, measure, times: [] };
  });
});

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const peaks = [];
for (let round = -3; round < rounds; round++) {
  const measured = measurePeak();
  if (round >= 0) peaks.push(measured);
  for (const job of jobs) {
    const time = job.measure();
    if (round >= 0) job.times.push(time);
  }
}

const limit = median(peaks);
console.log(`Node ${process.versions.node}, ${cpus()[0].model.trim()}, one thread, resident tensors, ${rounds} rounds`);
console.log(`peak of independent multiply-adds: ${limit.toFixed(1)} GFLOP/s\n`);
console.log("workload               build     median ms   GFLOP/s   of peak");
for (const { workload, build, flops, times } of jobs) {
  const time = median(times);
  const rate = flops / time / 1e6;
  console.log(
    `${workload.name.padEnd(22)} ${build.padEnd(8)} ${time.toFixed(3).padStart(10)} ${rate.toFixed(1).padStart(9)} ` +
      `${(rate / limit).toFixed(2).padStart(9)}`,
  );
}
