// Files as others write them, files that lie, and round trips: .npy, .safetensors and PNG.
import { decode } from "fast-png";
import { zlibSync } from "fflate";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { FileTensor } from "../src/formats/file-tensor.js";
import { readNpy, writeNpy } from "../src/formats/npy.js";
import { readPng, writePng } from "../src/formats/png.js";
import { readSafetensors, writeSafetensors } from "../src/formats/safetensors.js";
import { npyFile, pngFile, safetensorsFile } from "./cli/hand-made-files.js";
import { refuses, survives } from "./cli/unreadable.js";

const TENSORS: FileTensor[] = [
  { data: Float32Array.of(1, -2.5, 3e-40, Infinity, 5, 6), shape: [2, 3], dtype: "float32" },
  { data: Uint16Array.of(0x3c00, 0xfc00, 1), shape: [3], dtype: "float16" },
  { data: Int32Array.of(-7), shape: [], dtype: "int32" },
  { data: BigInt64Array.of(-(2n ** 62n), 5n), shape: [1, 2, 1], dtype: "int64" },
  { data: Uint8Array.of(1, 0, 1), shape: [3, 1], dtype: "bool" },
  { data: new Float32Array(0), shape: [0, 4], dtype: "float32" },
];

const npy = suite("npy");
npy("survives any bytes", () => survives(writeNpy(TENSORS[0]!), readNpy));
const F4 = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
const six = new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);

npy("round trips", () => {
  for (const tensor of TENSORS) assert.equal(readNpy(writeNpy(tensor)), tensor);
});

npy("reads what numpy writes, float64 as float32, at any alignment and version", () => {
  const expected = { data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3], dtype: "float32" };
  assert.equal(readNpy(npyFile(F4, six)), expected);
  assert.equal(readNpy(npyFile(F4, six, { padTo: 1 })), expected); // data at an odd address
  assert.equal(readNpy(npyFile(F4, six, { version: 2 })), expected);
  assert.equal(readNpy(npyFile("{ 'shape':(2,3),'fortran_order':False, 'descr':'<f4'}", six)), expected);
  const wide = new Uint8Array(Float64Array.of(1, 2, 3, 4, 5, 6).buffer);
  assert.equal(readNpy(npyFile(F4.replace("f4", "f8"), wide)), expected);
  assert.equal(readNpy(Buffer.from(npyFile(F4, six))), expected); // whose slice() copies nothing
  const inside = new Uint8Array(npyFile(F4, six).length + 3); // a view at an offset
  inside.set(npyFile(F4, six), 3);
  assert.equal(readNpy(inside.subarray(3)), expected);
  assert.equal(
    readNpy(npyFile("{'descr': '|b1', 'fortran_order': True, 'shape': (2,), }", Uint8Array.of(0, 1))).dtype,
    "bool",
  );
});

npy("refuses float64 that float32 cannot hold, but not infinity itself", () => {
  const file = (...numbers: number[]) =>
    npyFile(F4.replace("f4", "f8").replace("2, 3", "1, 3"), new Uint8Array(Float64Array.from(numbers).buffer));
  refuses(() => readNpy(file(1, 2, -1e300)), /holds -1e\+300 at \[0, 2\], more than float32/);
  assert.equal([...readNpy(file(-Infinity, NaN, 3e38)).data], [-Infinity, NaN, Math.fround(3e38)]);
});

npy("refuses what npyjs would get wrong", () => {
  const file = npyFile(F4, six);
  const header = (text: string) => () => readNpy(npyFile(text, six));
  refuses(() => readNpy(new Uint8Array(0)), /empty/);
  refuses(() => readNpy(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)), /no \.npy file/);
  refuses(() => readNpy(file.subarray(0, 8)), /cut short/);
  refuses(() => readNpy(file.subarray(0, 40)), /cut short.*header/);
  refuses(() => readNpy(file.subarray(0, file.length - 1)), /cut short.*\[2, 3\].*24 bytes.*has 23/);
  refuses(() => readNpy(npyFile(F4, new Uint8Array(25))), /disagree/);
  refuses(() => readNpy(npyFile(F4, six, { claim: 60000 })), /claims a header of 60000/);
  refuses(() => readNpy(npyFile(F4, six, { version: 9 })), /version 9/);
  refuses(header(F4.replace("<f4", ">f4")), /big-endian/);
  refuses(header(F4.replace("<f4", "=f4")), /byte order/);
  refuses(header(F4.replace("False", "True")), /Fortran order/);
  refuses(header(F4.replace("<f4", "<c8")), /elements of type '<c8'/);
  refuses(header(F4.replace("<f4", "<U3")), /elements of type/);
  refuses(header(F4.replace("'<f4'", "[('x', '<f4')]")), /structured array/);
  refuses(header(F4.replace("2, 3", "-2, -3")), /no shape/);
  refuses(header(F4.replace("2, 3", "999999999999, 999999999999")), /more than any file/);
  refuses(header(F4.replace("2, 3", "99999999999999999999")), /no shape/);
  refuses(header(F4.replace("2, 3", "0x2, 3")), /not the dictionary|no shape/);
  refuses(header(F4.replace("2, 3", "2,, 3")), /no shape/);
  refuses(header(F4.replace("}", "'shape': (6,), }")), /twice/);
  refuses(header(F4.replace("}", "'more': 1}")), /not the dictionary/);
  refuses(header("{}"), /not the dictionary/);
  refuses(
    () => readNpy(npyFile("{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }", Uint8Array.of(0, 9))),
    /holds 9/,
  );
  refuses(() => writeNpy({ data: new Uint16Array(1), shape: [1], dtype: "bfloat16" }), /safetensors/);
  refuses(() => writeNpy({ data: new Float32Array(3), shape: [2], dtype: "float32" }), /12 bytes/);
});
npy.run();

const safetensors = suite("safetensors");
safetensors("survives any bytes", () => {
  survives(writeSafetensors(new Map(TENSORS.map((tensor, i) => [`t${i}`, tensor]))), readSafetensors);
});
const entry = (shape: number[], from: number, to: number, dtype = "F32") => ({
  dtype,
  shape,
  data_offsets: [from, to],
});

safetensors("round trips, also bfloat16", () => {
  const all = [...TENSORS, { data: Uint16Array.of(0x3f80), shape: [1], dtype: "bfloat16" } as FileTensor];
  const named = new Map(all.map((tensor, i) => [i === 1 ? "__proto__" : `t${i}`, tensor]));
  const back = readSafetensors(writeSafetensors(named));
  assert.is(back.size, named.size);
  for (const [name, tensor] of named) assert.equal(back.get(name), tensor);
  assert.is(readSafetensors(writeSafetensors(new Map())).size, 0);
});

safetensors("reads what others write: metadata, padding, any order, float64", () => {
  const data = new Uint8Array(Float64Array.of(1, 2).buffer);
  const header = { __metadata__: { format: "pt" }, b: entry([], 8, 16, "F64"), a: entry([1], 0, 8, "F64") };
  const back = readSafetensors(Buffer.from(safetensorsFile(`${JSON.stringify(header)}   `, data)));
  assert.equal(
    [...back],
    [
      ["b", { data: Float32Array.of(2), shape: [], dtype: "float32" }],
      ["a", { data: Float32Array.of(1), shape: [1], dtype: "float32" }],
    ],
  );
});

safetensors("refuses headers that lie", () => {
  const read = (header: unknown, bytes: number) => () => {
    readSafetensors(
      safetensorsFile(typeof header === "string" ? header : JSON.stringify(header), new Uint8Array(bytes)),
    );
  };
  refuses(() => readSafetensors(new Uint8Array(0)), /empty/);
  refuses(() => readSafetensors(new Uint8Array(7)), /cut short/);
  refuses(() => readSafetensors(new Uint8Array(16).fill(255)), /claims a header of 18446744073709551615/);
  refuses(() => readSafetensors(safetensorsFile("{}", new Uint8Array(0)).subarray(0, 9)), /cut short/);
  refuses(read("{nonsense", 0), /not JSON/);
  refuses(read("[]", 0), /not a JSON object/);
  refuses(read(' {"a":1}', 0), /not a JSON object/);
  refuses(read({ a: entry([2], 0, 8) }, 4), /cut short/);
  refuses(read({ a: entry([2], 0, 8) }, 12), /last 4 bytes/);
  refuses(read({ a: entry([2], 0, 8), b: entry([2], 4, 12) }, 12), /overlaps/);
  refuses(read({ a: entry([1], 0, 4), b: entry([1], 8, 12) }, 12), /4 to 8.*no tensor/);
  refuses(read({ a: entry([3], 0, 8) }, 8), /needs 12 bytes/);
  refuses(read({ a: entry([-2], 0, 8) }, 8), /no shape/);
  refuses(read({ a: entry([2 ** 31, 2 ** 31], 0, 8) }, 8), /more than any file/);
  refuses(read({ a: entry([1.5], 0, 6) }, 6), /no shape/);
  refuses(read({ a: entry([2], 8, 0) }, 8), /no range/);
  refuses(read({ a: entry([2], -8, 0) }, 8), /no range/);
  refuses(read({ a: { ...entry([2], 0, 8), data_offsets: [0] } }, 8), /no range/);
  refuses(read({ a: entry([2], 0, 8, "F8_E4M3") }, 8), /F8_E4M3/);
  refuses(read({ a: entry([2], 0, 8, "constructor") }, 8), /constructor/);
  const wide = new Uint8Array(Float64Array.of(0, 1e39).buffer);
  const lying = safetensorsFile(JSON.stringify({ a: entry([2, 1], 0, 16, "F64") }), wide);
  refuses(() => readSafetensors(lying), /tensor "a" holds 1e\+39 at \[1, 0\], more than float32/);
  refuses(read({ a: 5 }, 0), /other than an object/);
  refuses(read({ a: entry([1], 0, 1, "BOOL") }, 0), /cut short/);
  refuses(
    () => readSafetensors(safetensorsFile(JSON.stringify({ a: entry([1], 0, 1, "BOOL") }), Uint8Array.of(2))),
    /holds 2/,
  );
  const once = JSON.stringify(entry([1], 0, 4));
  refuses(read(`{"a":${once},"\\u0061":${once}}`, 4), /"a" twice/);
  refuses(read(`{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4), /"dtype" twice/);
});
safetensors.run();

const png = suite("png");
png("survives any bytes", () => {
  survives(pngFile({ width: 2, height: 2, depth: 8, colourType: 0, raw: [0, 1, 2, 1, 3, 4] }), readPng);
  survives(
    pngFile({
      width: 2,
      height: 1,
      depth: 1,
      colourType: 3,
      raw: [0, 64],
      extra: { PLTE: new Uint8Array(6), tRNS: new Uint8Array(1) },
    }),
    readPng,
  );
});

png("round trips at 8 and 16 bits, with and without alpha", () => {
  for (const channels of [1, 2, 3, 4]) {
    for (const depth of [8, 16] as const) {
      const top = 2 ** depth - 1;
      const data = Float32Array.from({ length: 5 * 3 * channels }, (_, i) => ((i * 37) % (top + 1)) / top);
      const picture = { width: 5, height: 3, channels, depth, data };
      assert.equal(readPng(writePng(picture)), picture);
    }
  }
});

png("clips what lies outside of 0 to 1", () => {
  const file = writePng({ width: 3, height: 1, channels: 1, depth: 8, data: Float32Array.of(-1, 0.5, 7) });
  assert.equal([...decode(file).data], [0, 128, 255]);
});

png("reads few bits, palettes and colours that mean transparent", () => {
  const grey = readPng(
    pngFile({ width: 3, height: 2, depth: 2, colourType: 0, raw: [0, 0b00_01_10_00, 0, 0b11_10_01_00] }),
  );
  assert.equal(
    [...grey.data].map((v) => Math.round(v * 3)),
    [0, 1, 2, 3, 2, 1],
  );
  const PLTE = Uint8Array.of(255, 0, 0, 0, 0, 255);
  const opaque = readPng(
    pngFile({ width: 2, height: 1, depth: 1, colourType: 3, raw: [0, 0b01_000000], extra: { PLTE } }),
  );
  assert.equal([opaque.channels, ...opaque.data], [3, 1, 0, 0, 0, 0, 1]);
  const extra = { PLTE, tRNS: Uint8Array.of(0) };
  const clear = readPng(pngFile({ width: 2, height: 1, depth: 8, colourType: 3, raw: [0, 0, 1], extra }));
  assert.equal([clear.channels, ...clear.data], [4, 1, 0, 0, 0, 0, 0, 1, 1]);
  const key = readPng(
    pngFile({ width: 2, height: 1, depth: 8, colourType: 0, raw: [0, 7, 255], extra: { tRNS: Uint8Array.of(0, 7) } }),
  );
  assert.equal([key.channels, key.data[1], key.data[3]], [2, 0, 1]);
  const interlaced = readPng(
    pngFile({ width: 2, height: 1, depth: 8, colourType: 0, interlace: 1, raw: [0, 9, 0, 255] }),
  );
  assert.equal(
    [...interlaced.data].map((v) => Math.round(v * 255)),
    [9, 255],
  );
});

png("is not hurt by damaged extras", () => {
  const extra = {
    iCCP: Uint8Array.of(1, 2, 3),
    tEXt: Uint8Array.of(0xff),
    pHYs: Uint8Array.of(1),
    acTL: new Uint8Array(1),
  };
  assert.is(readPng(pngFile({ width: 1, height: 1, depth: 8, colourType: 0, raw: [0, 255], extra })).data[0], 1);
});

png("refuses pictures that lie", () => {
  const good = { width: 2, height: 2, depth: 8, colourType: 0, raw: [0, 1, 2, 0, 3, 4] };
  const file = pngFile(good);
  const read = (change: object) => () => readPng(pngFile({ ...good, ...change }));
  for (let length = 8; length < file.length; length++)
    refuses(() => readPng(file.subarray(0, length)), /cut short|damaged/);
  refuses(read({ width: 0 }), /0 x 2/);
  refuses(read({ width: 2 ** 31 - 1, height: 2 ** 31 - 1 }), /at most 64000000/);
  refuses(read({ depth: 3 }), /does not exist/);
  refuses(read({ colourType: 5 }), /does not exist/);
  refuses(read({ depth: 4, colourType: 2 }), /does not exist/);
  refuses(read({ raw: [0, 1, 2, 0, 3] }), /fewer pixels/);
  refuses(read({ raw: [0, 1, 2, 0, 3, 4, 5] }), /more pixels/);
  refuses(read({ raw: [9, 1, 2, 0, 3, 4] }), /damaged/); // no such filter
  refuses(read({ colourType: 3 }), /palette/);
  refuses(read({ depth: 1, interlace: 1, raw: [0, 0, 0, 0, 0, 0] }), /interlaced/);
  const flipped = Uint8Array.from(file);
  flipped[41] = flipped[41]! ^ 0x55; // inside IDAT: the checksum no longer fits
  refuses(() => readPng(flipped), /damaged/);
  refuses(read({ extra: { IHDR: file.subarray(16, 29) } }), /two headers/);
  refuses(read({ extra: { ABCD: new Uint8Array(1) } }), /a part "ABCD" that cannot be read/);
  const packed = zlibSync(Uint8Array.from(good.raw));
  const wrong = packed.map((byte, i) => (i === packed.length - 1 ? byte ^ 1 : byte));
  refuses(read({ idat: wrong }), /checksum of its pixels/);
  const bytewise = (data: Uint8Array) => Array.from(data, (byte) => Uint8Array.of(byte));
  refuses(read({ idat: bytewise(wrong) }), /checksum of its pixels/);
  assert.is(read({ idat: bytewise(packed) })().data[3], Math.fround(4 / 255));
  const bomb = zlibSync(new Uint8Array(50_000_000));
  const before = process.memoryUsage().arrayBuffers;
  refuses(read({ idat: bomb }), /more pixels/);
  assert.ok(process.memoryUsage().arrayBuffers - before < 25_000_000, "a bomb must not be unpacked");
});

png("names what it is instead", () => {
  const text = (s: string) => Uint8Array.from(s, (c) => c.charCodeAt(0));
  refuses(() => readPng(text("\xff\xd8\xff\xe0..JFIF....")), /JPEG.*only PNG/);
  refuses(() => readPng(text("GIF89a............")), /GIF.*only PNG/);
  refuses(() => readPng(text("RIFF....WEBPVP8 ..")), /WebP.*only PNG/);
  refuses(() => readPng(text("hello, this is text")), /not a picture/);
  refuses(() => readPng(new Uint8Array(0)), /empty/);
});
png.run();
