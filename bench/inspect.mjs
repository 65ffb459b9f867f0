// What statistics cost beside the forward alone, and what sparse masks cost beside the share of blocks they compute:
// `npm run build && node bench/inspect.mjs`. Least of many interleaved runs, one thread, resident tensors.
import { createBlockMask, load } from "../build/index.js";
import { bigBirdMask, fixedMask, longformerMask, neighborhoodMask, stridedMask } from "../build/inspect.js";

const ROUNDS = Number(process.argv[2] ?? 12);
const engine = await load();
let state = 1;
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 31 - 1;
};
const resident = (...shape) => {
  const data = Float32Array.from({ length: shape.reduce((n, size) => n * size) }, random);
  return engine.tensor({ data, shape });
};

/** Least seconds of each call, all of them in turn in each round. */
function least(calls) {
  const best = calls.map(() => Infinity);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, call] of calls.entries()) {
      const start = performance.now();
      for (const tensor of Object.values(call())) if (tensor.dispose) tensor.dispose();
      best[i] = Math.min(best[i], performance.now() - start);
    }
  }
  return best;
}

function disposeAll({ output, statistics }) {
  const found = Object.values(statistics ?? {}).flatMap((s) => (s.dispose ? [s] : Object.values(s)));
  return { output, ...found };
}

console.log(
  `${engine.info.build} build, ${ROUNDS} rounds\n\nstatistics, H 4, S 2048, D 64, causal: share of the forward alone`,
);
{
  const [q, k, v] = [resident(4, 2048, 64), resident(4, 2048, 64), resident(4, 2048, 64)];
  const lists = {
    none: undefined,
    entropy: ["entropy"],
    "top 8": [{ topK: 8 }],
    mass: ["mass"],
    all: ["entropy", "distance", "mass", { topK: 8 }, { windowShare: [64, 0] }],
  };
  const calls = Object.values(lists).map(
    (statistics) => () => disposeAll(engine.attention(q, k, v, { causal: true, ...(statistics && { statistics }) })),
  );
  const times = least(calls);
  Object.keys(lists).forEach((name, i) => {
    console.log(`${name.padEnd(10)} ${times[i].toFixed(1).padStart(7)} ms  ${(times[i] / times[0]).toFixed(2)}`);
  });
  for (const tensor of [q, k, v]) tensor.dispose();
}

console.log("\nsparse masks, H 2, S 4096, D 64: blocks computed, and time as a share of all of them");
{
  const S = 4096;
  const [q, k, v] = [resident(2, S, 64), resident(2, S, 64), resident(2, S, 64)];
  const masks = {
    everything: () => true,
    "Longformer, window 512": longformerMask({ window: 512, globalTokens: [0] }),
    "BigBird, 3 + 1 + 3 blocks": bigBirdMask({ length: S }),
    "strided by 64": stridedMask({ stride: 64 }),
    "fixed, 64 + 8": fixedMask({ stride: 64, summary: 8 }),
    "7 x 7 of 64 x 64": neighborhoodMask({ height: 64, width: 64, kernel: 7 }),
  };
  const built = Object.values(masks).map((mask) => createBlockMask(mask, { queryLength: S, keyLength: S }));
  const times = least(built.map((blockMask) => () => engine.attention(q, k, v, { blockMask })));
  Object.keys(masks).forEach((name, i) => {
    const share = (x) => `${(100 * x).toFixed(1)}%`.padStart(7);
    console.log(
      `${name.padEnd(26)} ${share(built[i].density)} ${share(times[i] / times[0])}  ${times[i].toFixed(1)} ms`,
    );
  });
}
engine.close();
