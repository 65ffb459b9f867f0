// The builds as text inside the bundles (docs/package.md): simd in full, each other build as its difference from one that
// is there already, since the builds repeat each other nearly word for word. Where simd multiplies, fetches and adds, relaxed
// fetches and multiply-adds: so its difference is from a simd in which that has been replaced, as far as one expression can: twice, since
// what is fetched may be a product and a sum itself.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { ALL, decode, FIRST, SINGLE } from "./decode.mjs";

const DECODER_FILE = fileURLToPath(new URL("decode.mjs", import.meta.url));
const DECODER = JSON.stringify(DECODER_FILE);
/** Shorter repetitions are left to gzip. */
const SHORTEST_COPY = 16;
/** f32x4.mul, f32x4.add and f32x4.relaxed_madd; what is between the first two is fetched in so few characters. */
const [MULTIPLY, ADD, MULTIPLY_ADD] = [
  [0xfd, 0xe6, 0x01],
  [0xfd, 0xe4, 0x01],
  [0xfd, 0x85, 0x02],
];
const FETCH = ".{2,30}?";
const BASES = { relaxed: "simd", "simd-threads": "simd", "relaxed-threads": "relaxed" };

/**
 * esbuild plugin for three modules: `attention-wasm:builds` (both plain builds), `attention-wasm:threaded-builds` (their
 * twins) and `attention-wasm:layer-builds` (all four of the layers). Each exports `bytes(build)`.
 */
export function embeddedBuilds() {
  const namespace = "attention-wasm";
  return {
    name: namespace,
    setup({ onLoad, onResolve }) {
      onResolve({ filter: /^attention-wasm:/ }, ({ path }) => ({ path, namespace, sideEffects: false }));
      onLoad({ filter: /./, namespace }, async ({ path }) => {
        if (path.endsWith("layer-builds")) return { contents: await layerBuilds(), loader: "js" };
        const { gaps, steps, fuse } = await encoded("");
        const threaded = path.endsWith("threaded-builds");
        const contents = threaded
          ? `import { bytes as plain, unpack } from "attention-wasm:builds";
             const steps = ${JSON.stringify({ simd: steps["simd-threads"], relaxed: steps["relaxed-threads"] })};
             export const bytes = (build) => unpack(steps[build], plain(build));`
          : `import { decode } from ${DECODER};
             const simd = ${JSON.stringify(steps.simd[0])};
             const relaxed = ${JSON.stringify(steps.relaxed)};
             const fuse = ${fuse};
             export const unpack = (steps, base) => decode(${JSON.stringify(gaps)}, steps, base);
             export const bytes = (build) => build === "simd"
               ? unpack([simd])
               : unpack(relaxed, unpack([fuse(fuse(simd))]));`;
        return { contents, loader: "js", resolveDir: process.cwd() };
      });
    },
  };
}

/** With a decoder of its own: a chunk shared with the other builds would be one more file for whoever uses only those. */
async function layerBuilds() {
  const { gaps, steps, fuse } = await encoded("layers-");
  const decoder = (await readFile(DECODER_FILE, "utf8")).replace(/^export /gm, "");
  return `${decoder}
    const gaps = ${JSON.stringify(gaps)};
    const steps = ${JSON.stringify(steps)};
    const fuse = ${fuse};
    const unpack = (name, base) => decode(gaps, steps[name], base);
    const plain = (build) => build === "simd"
      ? unpack("simd")
      : unpack("relaxed", decode(gaps, [fuse(fuse(steps.simd[0]))]));
    export const bytes = (build, shared) => shared ? unpack(build + "-threads", plain(build)) : plain(build);`;
}

const made = {};
/** @param family what the names of its files start with */
function encoded(family) {
  made[family] ??= encode(family);
  return made[family];
}

async function encode(family) {
  const builds = {};
  for (const name of ["simd", ...Object.keys(BASES)]) builds[name] = await readFile(`build/${family}${name}.wasm`);
  const counts = new Array(256).fill(0);
  for (const name of ["simd", "relaxed"]) for (const byte of builds[name]) counts[byte]++;
  const byCount = [...counts.keys()].sort((a, b) => counts[b] - counts[a] || a - b);
  const frequent = byCount.slice(0, SINGLE - 1).sort((a, b) => a - b);
  // One is there twice, so that nothing is written as a backslash, which would have to be escaped
  const backslash = "\\".charCodeAt(0) - FIRST;
  frequent.splice(backslash, 0, frequent[backslash]);
  const gaps = frequent.map((byte, i) => character(byte - (frequent[i - 1] ?? 0))).join("");
  const texts = Array.from({ length: 256 }, (_, byte) => {
    const rest = (256 - byte) % 256;
    return character(SINGLE + Math.floor(rest / ALL)) + character(rest % ALL);
  });
  for (const [number, byte] of frequent.entries()) texts[byte] = character(number);
  const write = (bytes) => Array.from(bytes, (byte) => texts[byte]).join("");
  const literal = (bytes) => write(bytes).replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  const products = new RegExp(`${literal(MULTIPLY)}(${FETCH})${literal(ADD)}`, "g");
  const fused = `$1${write(MULTIPLY_ADD).replaceAll("$", "$$$$")}`;
  const fuse = `(text) => text.replace(${products}, ${JSON.stringify(fused)})`;
  const simd = write(builds.simd);
  const guess = simd.replace(products, fused).replace(products, fused);
  const steps = {};
  for (const [name, bytes] of Object.entries(builds)) {
    const base = name === "relaxed" ? decode(gaps, [guess]) : builds[BASES[name]];
    steps[name] = base ? difference(base, bytes, write) : [write(bytes)];
    if (Buffer.compare(decode(gaps, steps[name], base), bytes) !== 0) {
      throw new Error(`${name}.wasm does not survive its encoding`);
    }
  }
  return { gaps, steps, fuse };
}

function character(number) {
  return String.fromCharCode(FIRST + number);
}

/** A text, how much to pass over, how much to copy, a text ...: at each place the longest copy of what `base` has. */
function difference(base, bytes, write) {
  const source = Buffer.from(base);
  const places = new Map();
  const key = (from, at) => from.toString("latin1", at, at + SHORTEST_COPY);
  for (let at = 0; at + SHORTEST_COPY <= source.length; at++) {
    const list = places.get(key(source, at));
    if (list) list.push(at);
    else places.set(key(source, at), [at]);
  }
  const steps = [];
  let from = 0;
  let passed = 0;
  for (let at = 0; at < bytes.length; ) {
    let best = 0;
    let place = 0;
    for (const candidate of places.get(key(bytes, at)) ?? []) {
      let length = 0;
      while (at + length < bytes.length && bytes[at + length] === source[candidate + length]) length++;
      const nearer = Math.abs(candidate - passed) < Math.abs(place - passed);
      if (length > best || (length === best && nearer)) [best, place] = [length, candidate];
    }
    if (best < SHORTEST_COPY) {
      at++;
      continue;
    }
    steps.push(write(bytes.subarray(from, at)), place - passed, best);
    at += best;
    from = at;
    passed = place + best;
  }
  if (from < bytes.length) steps.push(write(bytes.subarray(from)));
  return steps;
}
