// What V8 keeps on the stack in the innermost loops of the kernels, out of the machine code that it prints; x86-64 only.
// Usage: node bench/spills.mjs [simd or relaxed, default relaxed] [Node, default the newest]
//
// A loop is what is on a way from the target of a jump back to that jump, where every way to the jump leads through the target; it
// is an innermost one where no other begins inside of it. Calls, such as that of the stack check, and what goes with them do not count.
import { execFileSync } from "node:child_process";
import { setUp } from "../scripts/setup.mjs";

setUp({ quiet: true });
const { default: asc } = await import("assemblyscript/asc");
const { chooseNode, MAJORS } = await import("./harness/node.mjs");

const [build = "relaxed", major = MAJORS.at(-1)] = process.argv.slice(2);
const file = `build/bench/named-${build}.wasm`;
const args = ["--config", "asconfig.json", "--target", build, "--outFile", file, "--debug"];
const { error, stderr } = await asc.main(["assembly/index.ts", ...args]);
if (error) throw new Error(stderr.toString());

const PROGRAM = `const module = new WebAssembly.Module(require("fs").readFileSync("${file}"));
  new WebAssembly.Instance(module, { env: { memory: new WebAssembly.Memory({ initial: 1 }) } })`;
const FLAGS = ["--no-liftoff", "--no-wasm-lazy-compilation", "--print-wasm-code"];
const node = await chooseNode(major, console.error);
const printed = execFileSync(node.path, [...node.flags, ...FLAGS, "-e", PROGRAM], {
  encoding: "utf8",
  maxBuffer: 2 ** 28,
});

let loops = 0;
for (const { name, code } of functionsOf(printed)) {
  for (const loop of innermost(code)) {
    if (loop.filter((text) => text.includes("xmm")).length < 4) continue;
    loops++;
    const spilled = loop.filter((text) => text.includes("xmm") && text.includes("[rbp")).length;
    if (spilled > 0) console.log(`${name}: ${spilled} of ${loop.length} instructions`);
  }
}
console.log(`${build}, Node ${major}: ${loops} innermost loops with vectors`);

/** [{ name, code: its instructions [{ at: offset, text }] }] */
function functionsOf(text) {
  const functions = [];
  for (const line of text.split("\n")) {
    const name = /^name: (.*)/.exec(line)?.[1];
    if (name) functions.push({ name, code: [] });
    const [, at, instruction] = /^0x[0-9a-f]+\s+([0-9a-f]+)\s+[0-9a-f]+\s+(.*)/.exec(line) ?? [];
    if (at) functions.at(-1)?.code.push({ at: Number.parseInt(at, 16), text: instruction.trim() });
  }
  return functions;
}

/** The texts of each innermost loop. */
function innermost(code) {
  // Tables behind the code have lines of its form: the first counts
  const places = new Map(code.map(({ at }, i) => [at, i]).reverse());
  const next = code.map(({ text }, i) => {
    const target = places.get(Number.parseInt(/^j.*<\+0x([0-9a-f]+)>/.exec(text)?.[1], 16));
    const on = /^(jmp|ret|ud2|int3)/.test(text) || i + 1 === code.length ? [] : [i + 1];
    return target === undefined ? on : [...on, target];
  });
  const before = code.map(() => []);
  const order = reached(0, next);
  for (const i of order) for (const to of next[i]) before[to].push(i);
  const heads = new Map();
  for (const tail of order) {
    for (const head of next[tail]) {
      if (reached(0, next, head).includes(tail)) continue;
      heads.set(head, new Set([...(heads.get(head) ?? []), head, ...reached(tail, before, head)]));
    }
  }
  const inner = [...heads].filter(
    ([head, body]) => ![...heads.keys()].some((other) => other !== head && body.has(other)),
  );
  return inner.map(([, body]) =>
    withoutCalls(
      [...body].sort((a, b) => a - b),
      code,
    ),
  );
}

/** Instructions that are reached from the first one, without a way through `barred`. */
function reached(first, next, barred) {
  const seen = new Set(first === barred ? [] : [first]);
  for (const i of seen) for (const to of next[i]) if (to !== barred) seen.add(to);
  return [...seen];
}

/** Straight pieces of code that hold a call are left out. */
function withoutCalls(body, code) {
  const pieces = [[]];
  for (const [k, i] of body.entries()) {
    if (k > 0 && (i !== body[k - 1] + 1 || code[body[k - 1]].text.startsWith("j"))) pieces.push([]);
    pieces.at(-1).push(code[i].text);
  }
  return pieces.filter((piece) => !piece.some((text) => text.startsWith("call"))).flat();
}
