// The micro-benchmarks, in a process of the chosen Node: kernels on both builds and the machine's limits, in rounds.
// Arguments as JSON: { names, modules: { simd, relaxed }, limits, rounds, warm? }; prints one line of JSON.
import { readFileSync } from "node:fs";
import { additionsOf, limitsOf } from "../engines/limits.mjs";
import { settle } from "./cores.mjs";
import { rotated } from "./interleave.mjs";
import { KERNEL_FILES } from "./kernel-list.mjs";
import { sample } from "./measure.mjs";
import { abi } from "./parameters.mjs";
import { median, summary } from "./statistics.mjs";
import { randomWords } from "./workloads.mjs";

/** ms of a sample. */
const SAMPLE = 4;
/** Bytes of what is read from memory instead of cache. */
const LARGE = 96 * 2 ** 20;

/** `warm`: ms of warming up each case. */
const { names, modules, limits: limitsPath, rounds, warm = 60 } = JSON.parse(process.argv[2]);
const program = new WebAssembly.Module(readFileSync(limitsPath));
const machine = limitsOf(program);
const additions = additionsOf(program);
const { load } = await import("../../build/index.js");
const threads = await import("../../build/threads.js");

const jobs = [];
for (const build of ["relaxed", "simd"]) {
  const context = await contextOf(build);
  for (const name of names) {
    const { cases } = await import(`../${KERNEL_FILES[name]}.mjs`);
    for (const each of cases(context)) jobs.push({ name, build, ...each, times: [], repeats: warmUp(each) });
  }
}
const limits = [];
for (let round = 0; round < rounds; round++) {
  await settle(process.pid, additions);
  limits.push(machine());
  for (const job of rotated(jobs, round)) {
    const time = await sample(job, job.repeats);
    const less = job.minus ? await sample({ run: job.minus }, job.repeats) : 0;
    job.times.push(time - less);
  }
}
const limit = {
  multiplyAdd: median(limits.map(({ multiplyAdd }) => multiplyAdd)),
  read: median(limits.map(({ read }) => read)),
};
const result = {
  limits: limit,
  cases: jobs.map(({ name, build, title, times, ...work }) => ({
    name,
    file: `assembly/${KERNEL_FILES[name]}.ts`,
    build,
    title,
    ...summary(times),
    ...figuresOf(median(times), work),
  })),
};
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit());

/**
 * Rate and limit in one unit. Element by element, the limit is the time in which as many vector operations as the kernel
 * has would be issued if each were one of the multiply-adds of the peak: 8 operations on 4 lanes. What is read from cache is
 * held against no limit.
 */
function figuresOf(ms, { flops, bytes, cached, elements, operations }) {
  if (flops) return { value: flops / ms / 1e6, unit: "GFLOP/s", limit: limit.multiplyAdd };
  if (bytes) return { value: bytes / ms / 1e6, unit: "GB/s", ...(!cached && { limit: limit.read }) };
  if (!elements) return { value: ms * 1e6, unit: "ns/call" };
  const value = (ms * 1e6) / elements;
  return { value, unit: "ns/element", ...(operations && { limit: (operations * 2) / limit.multiplyAdd }) };
}

function warmUp({ run, minus }) {
  let calls = 0;
  const started = performance.now();
  for (; performance.now() - started < warm; calls++) {
    run();
    minus?.();
  }
  return Math.max(1, Math.ceil((SAMPLE * calls) / warm));
}

/** What the cases are made of: a memory of their own for single kernels, and an engine on the build. */
async function contextOf(build) {
  const wasm = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(modules[build]))).exports;
  const { memory } = wasm;
  let free = memory.grow(256) * 65536;
  const next = randomWords(1);
  const uniform = () => next() / 2 ** 31 - 1;
  const reserve = (bytes) => {
    const at = free;
    free += Math.ceil(bytes / 64) * 64 + 64;
    return at;
  };
  const numbers = (n, scale = 1, shift = 0) => {
    const at = reserve(n * 4);
    new Float32Array(memory.buffer, at, n).set(Float32Array.from({ length: n }, () => shift + scale * uniform()));
    return at;
  };
  const doubles = (n) => {
    const at = reserve(n * 8);
    new Float64Array(memory.buffer, at, n).set(Float64Array.from({ length: n }, () => 1 + Math.abs(uniform())));
    return at;
  };
  let large = 0;
  /** The address of more than caches hold, f32 and finite as 16-bit floats; written, since memory that never was is one page of zeros. */
  const outOfCache = () => {
    if (large) return large;
    large = memory.grow(LARGE / 65536) * 65536;
    new Float32Array(memory.buffer, large, LARGE / 4).fill(0.5);
    return large;
  };
  /** The address of a parameter block; fields left out are zero. */
  const block = (layout, fields) => {
    const at = reserve(layout.words * 4);
    const { buffer } = memory;
    abi.writeBlock({ words: new Int32Array(buffer), floats: new Float32Array(buffer) }, at, layout, fields);
    return at;
  };
  const engine = await load({ build });
  const size = (shape) => shape.reduce((n, each) => n * each, 1);
  const tensorOf = (on, shape) => on.tensor({ data: Float32Array.from({ length: size(shape) }, uniform), shape });
  return {
    build,
    wasm,
    memory,
    abi,
    block,
    reserve,
    numbers,
    outOfCache,
    largeBytes: LARGE,
    doubles,
    engine,
    shared: await threads.load({ build, threads: 2 }),
    tensorOf,
    tensor: (shape) => tensorOf(engine, shape),
    mask: (shape) =>
      engine.tensor({
        data: Uint8Array.from({ length: size(shape) }, () => Number(uniform() < 0.8)),
        shape,
        dtype: "bool",
      }),
  };
}
