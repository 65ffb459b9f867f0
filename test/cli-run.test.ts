// attention-wasm run, as a program: every flag against plain float64 attention, every file format, maps.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { FileTensor } from "../src/formats/file-tensor.js";
import { readNpy, writeNpy } from "../src/formats/npy.js";
import { readPng } from "../src/formats/png.js";
import { readSafetensors, writeSafetensors } from "../src/formats/safetensors.js";
import {
  assertClose,
  bias,
  buckets,
  dot,
  H,
  hide,
  key,
  mask,
  type Plain,
  plainAttention,
  QKV,
  query,
  relative,
  SK,
  SQ,
  sinks,
  squared,
  tensor,
  value,
  writeTensors,
} from "./cli/plain-attention.js";
import { Folder } from "./cli/program.js";

const folder = new Folder();
writeTensors(folder);
const test = suite("run");
test.after(() => folder.remove());

const CASES: [flags: string, plain: Plain][] = [
  ["", {}],
  ["--scale -0.5", { scale: -0.5 }],
  ["--scale -.25e1 --similarity squared-euclidean", { scale: -2.5, similarity: (a, b) => -squared(a, b) }],
  ["--similarity euclidean", { scale: 1, similarity: (a, b) => -Math.sqrt(squared(a, b)) }],
  ["--similarity cosine --scale 3", { scale: 3, similarity: (a, b) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)) }],
  ["--causal upper-left", { change: (s, _h, i, j) => hide(j > i, s) }],
  ["--causal lower-right", { change: (s, _h, i, j) => hide(j > i + SK - SQ, s) }],
  ["--causal -1", { change: (s, _h, i, j) => hide(j > i - 1, s) }],
  ["--window -1,2", { change: (s, _h, i, j) => hide(j > i + 2, s) }],
  ["--window 1,0 --window-offset 2", { change: (s, _h, i, j) => hide(j > i + 2 || j < i + 1, s) }],
  [
    "--mask mask.npy --bias bias.npy",
    { change: (s, h, i, j) => hide(mask.data[i * SK + j] === 0, s + Number(bias.data[(h * SQ + i) * SK + j])) },
  ],
  ["--block-mask mask.npy", { change: (s, _h, i, j) => hide(mask.data[i * SK + j] === 0, s) }],
  ["--key-lengths 4 --softcap 0.4", { change: (s, _h, _i, j) => hide(j >= 4, 0.4 * Math.tanh(s / 0.4)) }],
  [
    "--segments 1,1,2,2,3 --key-segments 3,1,1,2,2,2,3",
    {
      change: (s, _h, i, j) => hide([1, 1, 2, 2, 3][i] !== [3, 1, 1, 2, 2, 2, 3][j], s),
    },
  ],
  ["--alibi-slopes auto", { change: (s, h, i, j) => s - [2 ** -4, 2 ** -8][h]! * Math.abs(i - j) }],
  ["--alibi-slopes 1,0.5", { change: (s, h, i, j) => s - [1, 0.5][h]! * Math.abs(i - j) }],
  [
    "--relative-bias relative.npy",
    { change: (s, h, i, j) => s + Number(relative.data[h * 5 + Math.min(4, Math.max(0, j - i + 2))]) },
  ],
  // Distances up to half of the 8 buckets have a bucket each, later keys share bucket 0
  [
    "--bucketed-bias buckets.npy --one-directional --max-distance 20",
    { change: (s, h, i, j) => s + Number(buckets.data[Math.min(4, Math.max(0, i - j)) * H + h]) },
  ],
  ["--sinks 0.5,-1", { sink: (h) => sinks[h]! }],
  ["--build simd", {}],
  ["--deterministic --maximum-memory 1e6", {}],
];
for (const [flags, plain] of CASES) {
  test(flags || "no flags", () => {
    folder.succeed(`${QKV} ${flags} -o out.safetensors --force --lse --weights`);
    const results = readSafetensors(folder.read("out.safetensors"));
    const expected = plainAttention(plain);
    assert.equal(results.get("output")!.shape, [1, H, SQ, 3]);
    for (const name of ["output", "lse", "weights"] as const) assertClose(results.get(name)!, expected[name], name);
  });
}

test("--query-lengths leaves the padding at zero", () => {
  folder.succeed(`${QKV} --query-lengths 3 -o short.npy`);
  const expected = plainAttention({}).output.map((value, i) => (Math.floor(i / 3) % SQ < 3 ? value : 0));
  assertClose(readNpy(folder.read("short.npy")), expected, "output");
});

test("--layout BSHD", () => {
  const swap = ({ data, shape, dtype }: FileTensor): FileTensor => {
    const [, heads, length, width] = shape as [number, number, number, number];
    const swapped = (data as Float32Array).map((_, i) => {
      const [c, h, s] = [i % width, Math.floor(i / width) % heads, Math.floor(i / width / heads)];
      return Number(data[(h * length + s) * width + c]);
    });
    return { data: swapped, shape: [1, length, heads, width], dtype };
  };
  folder.write(
    "bshd.safetensors",
    writeSafetensors(
      new Map([
        ["q", swap(query)],
        ["k", swap(key)],
        ["v", swap(value)],
      ]),
    ),
  );
  folder.succeed("run bshd.safetensors --layout BSHD -o bshd.npy --alibi-slopes auto --map bshd.svg --map-head 1");
  const plain = plainAttention({ change: (s, h, i, j) => s - [2 ** -4, 2 ** -8][h]! * Math.abs(i - j) });
  const expected = swap({ data: Float32Array.from(plain.output), shape: [1, H, SQ, 3], dtype: "float32" });
  assert.equal(readNpy(folder.read("bshd.npy")).shape, [1, SQ, H, 3]);
  assertClose(readNpy(folder.read("bshd.npy")), Array.from(expected.data as Float32Array), "output");
});

test("options lie beside the query in a .safetensors file", async () => {
  const tensors = new Map([
    ["query", query],
    ["key", key],
    ["value", value],
    ["mask", mask],
    ["key_lengths", { data: BigInt64Array.of(4n), shape: [1], dtype: "int64" } as FileTensor],
  ]);
  folder.write("all.safetensors", writeSafetensors(tensors));
  folder.succeed("run all.safetensors -o all.npy");
  const masked = (n: number): Plain => ({ change: (s, _h, i, j) => hide(j >= n || mask.data[i * SK + j] === 0, s) });
  assertClose(readNpy(folder.read("all.npy")), plainAttention(masked(4)).output, "output");
  await folder.refuse(
    ["run all.safetensors --key-lengths 6 -o x.npy", /tensor "key_lengths" and --key-lengths are two of one thing/],
    ["run all.safetensors --mask mask.npy -o x.npy", /all\.safetensors: tensor "mask" and --mask are two of one thing/],
  );
});

test("one tensor means self-attention, in its own type", () => {
  const half: FileTensor = { data: Uint16Array.of(0x3c00, 0x0000, 0x0000, 0x3c00), shape: [2, 2], dtype: "float16" };
  folder.write("half.npy", writeNpy(half));
  folder.write("half.safetensors", writeSafetensors(new Map([["anything", half]])));
  const printed = folder.succeed("run half.npy --scale 30 -o half.out.npy");
  assert.match(printed, /query, key and value +\[2, 2\] float16/);
  assert.equal(readNpy(folder.read("half.out.npy")), half); // so steep a softmax picks the token itself
  folder.succeed("run half.safetensors --causal --scale 30 -o half.out.safetensors");
  assert.equal(readSafetensors(folder.read("half.out.safetensors")).get("output"), half);
  folder.succeed("run --query half.npy --scale 30 -o alone.npy");
  assert.equal(readNpy(folder.read("alone.npy")), half);
});

test("lse and chosen weights in files of their own", () => {
  folder.succeed(`${QKV} --lse lse.npy --weights weights.npy --weight-rows 4,0 --weight-heads 1`);
  const { lse, weights } = plainAttention({});
  assertClose(readNpy(folder.read("lse.npy")), lse, "lse");
  const row = (i: number) => weights.slice((SQ + i) * SK, (SQ + i + 1) * SK);
  assert.equal(readNpy(folder.read("weights.npy")).shape, [1, 1, 2, SK]);
  assertClose(readNpy(folder.read("weights.npy")), [...row(4), ...row(0)], "weights");
});

/** The cells of a map. */
function cellsOf(svg: string) {
  const [, data] = /data:image\/png;base64,([\w+/=]+)"/.exec(svg)!;
  return readPng(new Uint8Array(Buffer.from(data!, "base64")));
}

test("--map draws the weights of one head, and shows them", () => {
  const printed = folder.succeed(`${QKV} --causal upper-left --map map.svg --map-head 1`);
  const svg = new TextDecoder().decode(folder.read("map.svg"));
  assert.match(svg, /^<svg .*<\/svg>\n$/s);
  assert.match(svg, /head 1 of 2.*5 queries by 7 keys.*>query<.*>key<.*0, hidden/s);
  for (let y = 0; y < SQ; y++) {
    for (let x = 0; x < SK; x++) {
      const [, fill] = new RegExp(`(fill[^>]*)><title>query ${y} \u2192 key ${x}:`).exec(svg)!;
      assert.is(fill === 'fill-opacity="0"', x > y, `cell ${x},${y}`);
    }
  }
  const rows = printed
    .slice(printed.indexOf("weights of head 1"))
    .split("\n")
    .slice(1, 1 + SQ);
  for (const [y, row] of rows.entries()) assert.match(row, new RegExp(`^[^ ]{${y + 1}} {${SK - y - 1}}$`));
});

test("-Infinity hides keys in a bias, and takes sinks away", () => {
  const some = (i: number) => i % 3 === 1;
  const hiding = { ...bias, data: (bias.data as Float32Array).map((v, i) => (some(i) ? -Infinity : v)) };
  folder.write("hiding.npy", writeNpy(hiding));
  folder.write("nosinks.npy", writeNpy({ data: Float32Array.of(-Infinity, 1), shape: [2], dtype: "float32" }));
  folder.succeed(`${QKV} --bias hiding.npy --sinks nosinks.npy -o hidden.npy`);
  const plain = plainAttention({
    change: (s, h, i, j) => s + Number(hiding.data[(h * SQ + i) * SK + j]),
    sink: (h) => [-Infinity, 1][h]!,
  });
  assertClose(readNpy(folder.read("hidden.npy")), plain.output, "output");
});

test("--map in a terminal that reports no width", () => {
  for (const columns of [0, 1]) {
    folder.write("narrow.cjs", `Object.defineProperty(process.stdout, "columns", { value: ${columns} });`);
    const printed = folder.succeed(`${QKV} --map narrow.svg --force`, { NODE_OPTIONS: "--require ./narrow.cjs" });
    assert.match(printed, /queries down, keys to the right\n[^\n]{7}\n/);
  }
});

test("axes before H count as the batch, as --help says", () => {
  folder.write("five.npy", writeNpy({ ...query, shape: [1, 1, H, SQ, 4] }));
  folder.succeed("run five.npy -o five.out.npy");
  assert.equal(readNpy(folder.read("five.out.npy")).shape, [1, 1, H, SQ, 4]);
  assert.match(folder.succeed("run --help").replace(/\s+/g, " "), /any axes before H count as the batch/);
});

test("--map of many tokens is a map of means", () => {
  folder.write("long.npy", writeNpy(tensor(2, 2100, 4)));
  folder.succeed("run long.npy --causal --map long.svg");
  const svg = new TextDecoder().decode(folder.read("long.svg"));
  assert.match(svg, /2,100 queries by 2,100 keys; each cell is the mean of 3 by 3 weights/);
  assert.equal([cellsOf(svg).width, cellsOf(svg).height], [700, 700]);
  assert.ok(svg.length < 1e6);
});

test("--statistics: a table, and tensors of their own or beside the others", () => {
  const printed = folder.succeed(`${QKV} --causal upper-left --statistics told.safetensors -o both.safetensors`);
  assert.match(
    printed,
    /head {2}entropy {2}keys in effect {2}distance {2}looked at most\n0 {5}[\d.]+ .*\d+ \([\d.]+%\)/,
  );
  const told = readSafetensors(folder.read("told.safetensors"));
  const both = readSafetensors(folder.read("both.safetensors"));
  const names = ["distance", "entropy", "mass", "top_keys", "top_weights"].map((name) => `statistics.${name}`);
  assert.equal([...told.keys()].sort(), names);
  for (const name of names) assert.equal(both.get(name), told.get(name));
  assert.equal(told.get("statistics.mass")!.shape, [1, 2, SK]);
  const mass = told.get("statistics.mass")!.data as Float32Array;
  // Every query spends 1, on itself and what came before
  assert.ok(Math.abs(mass.subarray(0, SK).reduce((a, b) => a + b, 0) - SQ) < 1e-5);
  assert.equal([...mass.subarray(SQ, SK)], [0, 0]);
});

test("--report is one page with all heads; --tokens names what fits queries or keys", () => {
  folder.write("tokens.json", JSON.stringify(["a", "<b>", "c", "d", "e", "f", "g"]));
  folder.write("queries.txt", "one\ntwo\nthree\nfour\nfive\n");
  folder.succeed(`${QKV} --report report.html --map named.svg --tokens tokens.json`);
  const html = new TextDecoder().decode(folder.read("report.html"));
  const data = JSON.parse(/id="data">([^<]*)</.exec(html)![1]!);
  assert.equal([data.layers, data.heads, data.rows, data.columns], [1, 2, SQ, SK]);
  assert.equal([data.queryTokens, data.keyTokens?.[1]], [null, "<b>"]);
  assert.match(new TextDecoder().decode(folder.read("named.svg")), /query 0 \u2192 key 1 &lt;b&gt;:/);
  folder.succeed(`${QKV} --map named.svg --tokens queries.txt --force`);
  assert.match(new TextDecoder().decode(folder.read("named.svg")), /query 4 five \u2192 key 6:/);
});

test.run();
