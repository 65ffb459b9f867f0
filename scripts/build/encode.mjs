// The builds as text inside the bundles (docs/package.md): simd in full, each other build as its difference from one that
// is there already, since the builds repeat each other nearly word for word.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { decode, placeOf, ranks, SINGLE } from "./decode.mjs";

const DECODER = JSON.stringify(fileURLToPath(new URL("decode.mjs", import.meta.url)));
/** Shorter repetitions are left to gzip. */
const SHORTEST_COPY = 24;
const BASES = { relaxed: "simd", "simd-threads": "simd", "relaxed-threads": "relaxed" };

/**
 * esbuild plugin for two modules: `attention-wasm:builds` (both plain builds) and `attention-wasm:threaded-builds` (their
 * twins). Each exports `bytes(build)`.
 */
export function embeddedBuilds() {
  const namespace = "attention-wasm";
  return {
    name: namespace,
    setup({ onLoad, onResolve }) {
      onResolve({ filter: /^attention-wasm:/ }, ({ path }) => ({ path, namespace, sideEffects: false }));
      onLoad({ filter: /./, namespace }, async ({ path }) => {
        const { frequent, steps } = await encoded();
        const threaded = path.endsWith("threaded-builds");
        const contents = threaded
          ? `import { bytes as plain, unpack } from "attention-wasm:builds";
             const steps = ${JSON.stringify({ simd: steps["simd-threads"], relaxed: steps["relaxed-threads"] })};
             export const bytes = (build) => unpack(steps[build], plain(build));`
          : `import { decode } from ${DECODER};
             const steps = ${JSON.stringify({ simd: steps.simd, relaxed: steps.relaxed })};
             export const unpack = (steps, base) => decode(${JSON.stringify(frequent)}, steps, base);
             export const bytes = (build) =>
               build === "simd" ? unpack(steps.simd) : unpack(steps.relaxed, bytes("simd"));`;
        return { contents, loader: "js", resolveDir: process.cwd() };
      });
    },
  };
}

let made;
function encoded() {
  made ??= encode();
  return made;
}

async function encode() {
  const builds = {};
  for (const name of ["simd", ...Object.keys(BASES)]) builds[name] = await readFile(`build/${name}.wasm`);
  const counts = new Array(256).fill(0);
  for (const name of ["simd", "relaxed"]) for (const byte of builds[name]) counts[byte]++;
  const byCount = [...counts.keys()].sort((a, b) => counts[b] - counts[a] || a - b);
  const frequent = byCount.slice(0, SINGLE).sort((a, b) => a - b);
  const texts = [];
  for (const [rank, byte] of ranks(frequent).entries()) texts[byte] = textOf(rank);
  const write = (bytes) => Array.from(bytes, (byte) => texts[byte]).join("");
  const steps = {};
  for (const [name, bytes] of Object.entries(builds)) {
    const base = builds[BASES[name]];
    steps[name] = base ? difference(base, bytes, write) : [write(bytes)];
    if (Buffer.compare(decode(frequent, steps[name], base), bytes) !== 0) {
      throw new Error(`${name}.wasm does not survive its encoding`);
    }
  }
  return { frequent, steps };
}

function textOf(rank) {
  const place = placeOf(rank);
  return place < 128 ? String.fromCharCode(place) : String.fromCharCode(124 + (place >> 7), place & 127);
}

/** A text, where to copy from, how much, a text ...: from each place the longest copy of what `base` has. */
function difference(base, bytes, write) {
  const places = new Map();
  const key = (from, at) => from.toString("latin1", at, at + SHORTEST_COPY);
  for (let at = 0; at + SHORTEST_COPY <= base.length; at++) {
    const list = places.get(key(base, at));
    if (list) list.push(at);
    else places.set(key(base, at), [at]);
  }
  const steps = [];
  let from = 0;
  for (let at = 0; at < bytes.length; ) {
    let best = 0;
    let place = 0;
    for (const candidate of places.get(key(bytes, at)) ?? []) {
      let length = 0;
      while (at + length < bytes.length && bytes[at + length] === base[candidate + length]) length++;
      if (length > best) [best, place] = [length, candidate];
    }
    if (best < SHORTEST_COPY) {
      at++;
      continue;
    }
    steps.push(write(bytes.subarray(from, at)), place, best);
    at += best;
    from = at;
  }
  if (from < bytes.length) steps.push(write(bytes.subarray(from)));
  return steps;
}
