// attention-wasm image, run as a program: against plain float64 non-local means, and everything it must refuse.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { estimateNoise } from "../src/cli/patches.js";
import { withNoise } from "../src/cli/sample.js";
import { type Picture, readPng, writePng } from "../src/formats/png.js";
import { Folder } from "./cli/program.js";

const folder = new Folder();
const test = suite("image");
test.after(() => folder.remove());

/** Two areas, an edge, and noise. */
function noisyPicture(width: number, height: number, channels: number, sigma = 0.08): Picture {
  const clean = Float32Array.from({ length: width * height * channels }, (_, i) => {
    const x = Math.floor(i / channels) % width;
    return i % channels === 3 ? (x % 5) / 4 : x < width / 2 ? 0.3 : 0.6;
  });
  const noisy = withNoise(clean, sigma, 7).map((v, i) => (channels === 4 && i % 4 === 3 ? clean[i]! : v));
  const picture: Picture = { width, height, channels, depth: 8, data: noisy };
  return readPng(writePng(picture)); // as the file will hold it
}

/** Non-local means as its formula says, in float64; the own weight is that of an equal pixel. */
function plainMeans(
  { width, height, channels, data }: Picture,
  strength: number,
  patch: number,
  window = Infinity,
): number[] {
  const colours = channels === 4 ? 3 : channels;
  const only = data.filter((_, i) => i % channels < colours);
  const noise = estimateNoise({ width, height, channels: colours as 1 | 3, data: only });
  const h2 = (strength * noise) ** 2;
  const mirror = (i: number, size: number): number =>
    i < 0 ? mirror(-i, size) : i >= size ? mirror(2 * size - 2 - i, size) : i;
  const at = (x: number, y: number, c: number) => only[(mirror(y, height) * width + mirror(x, width)) * colours + c]!;
  const [reach, radius] = [(window - 1) / 2, (patch - 1) / 2];
  const result: number[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sums = new Array<number>(colours).fill(0);
      let total = 0;
      for (let v = 0; v < height; v++) {
        for (let u = 0; u < width; u++) {
          if (Math.abs(u - x) > reach || Math.abs(v - y) > reach) continue;
          let distance = 0;
          for (let dy = -radius; dy <= radius; dy++) {
            for (let dx = -radius; dx <= radius; dx++) {
              for (let c = 0; c < colours; c++) distance += (at(x + dx, y + dy, c) - at(u + dx, v + dy, c)) ** 2;
            }
          }
          const mean = u === x && v === y ? 2 * noise * noise : distance / (patch * patch * colours);
          const weight = Math.exp(-mean / h2);
          total += weight;
          for (let c = 0; c < colours; c++) sums[c]! += weight * at(u, v, c);
        }
      }
      result.push(...sums.map((sum) => sum / total));
    }
  }
  return result;
}

function assertNear(got: Picture, expected: number[]): void {
  const colours = got.channels === 4 ? 3 : got.channels;
  const values = got.data.filter((_, i) => i % got.channels < colours);
  assert.is(values.length, expected.length);
  const worst = values.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
  assert.ok(worst <= 0.5 / 255 + 1e-5, `off by ${worst}, more than rounding to 8 bits`);
}

test("is non-local means, in colour, grey and with alpha", () => {
  for (const [name, channels] of [
    ["rgb", 3],
    ["grey", 1],
    ["rgba", 4],
  ] as const) {
    const picture = noisyPicture(21, 13, channels);
    folder.write(`${name}.png`, writePng(picture));
    folder.succeed(`image ${name}.png -o ${name}.out.png --strength 0.7 --patch 3`);
    const result = readPng(folder.read(`${name}.out.png`));
    assert.is(result.channels, channels);
    assertNear(result, plainMeans(picture, 0.7, 3));
    if (channels === 4)
      assert.equal(
        result.data.filter((_, i) => i % 4 === 3),
        picture.data.filter((_, i) => i % 4 === 3),
      );
  }
});

test("--window looks only at the pixels around, also across the squares it works in", () => {
  const picture = noisyPicture(75, 41, 1);
  folder.write("wide.png", writePng(picture));
  const printed = folder.succeed("image wide.png -o wide.out.png --window 7 --patch 3 --strength 0.8");
  assertNear(readPng(folder.read("wide.out.png")), plainMeans(picture, 0.8, 3, 7));
  assert.match(printed, /each attends to 7 x 7 pixels/);
  assert.match(folder.succeed("image wide.png -o wide.51.png --window 51"), /attends to 51 x 41 pixels, fewer at the/);
  const all = folder.succeed("image wide.png -o wide.999.png --window 999");
  assert.match(all, /attends to all of them, for the window of 999 x 999 holds the picture/);
  folder.succeed("image wide.png -o wide.all.png");
  assert.equal(folder.read("wide.999.png"), folder.read("wide.all.png"));
});

test("a picture smaller than a patch, and one of a single pixel", () => {
  for (const [name, width, height] of [
    ["tiny", 2, 3],
    ["dot", 1, 1],
  ] as const) {
    const picture: Picture = {
      width,
      height,
      channels: 3,
      depth: 8,
      data: new Float32Array(width * height * 3).fill(0.4),
    };
    folder.write(`${name}.png`, writePng(picture));
    folder.succeed(`image ${name}.png -o ${name}.out.png --explain 0,0`);
    folder.succeed(`image ${name}.png -o ${name}.window.png --window 3`);
    assert.equal(readPng(folder.read(`${name}.out.png`)), readPng(writePng(picture)));
    assert.equal(folder.read(`${name}.window.png`), folder.read(`${name}.out.png`));
  }
});

test("16 bits stay 16 bits", () => {
  const picture: Picture = { ...noisyPicture(9, 9, 1), depth: 16 };
  folder.write("deep.png", writePng(picture));
  folder.succeed("image deep.png -o deep.out.png");
  assert.is(readPng(folder.read("deep.out.png")).depth, 16);
});

test("without a file: a sample, cleaned, in a fresh folder each time", () => {
  const printed = folder.succeed("--window 9");
  for (const name of ["sample", "noisy", "clean", "before-after", "explain"])
    assert.ok(folder.has(`attention-output/run-1/${name}.png`), name);
  folder.succeed("image --window 3");
  assert.ok(folder.has("attention-output/run-2/clean.png"));
  const [, before, after] = /([\d.]+) dB before, ([\d.]+) dB after/.exec(printed)!.map(Number);
  assert.ok(before! > 19 && before! < 21 && after! > before! + 8, printed);
  for (const shown of [
    /tokens +16384/,
    /GFLOP\/s/,
    /[kM]B at its peak; the score matrix alone would take 1\.07 GB/,
    /next:/,
  ])
    assert.match(printed, shown);
});

test("--reference tells how near it came", async () => {
  folder.write("ref.png", writePng({ ...noisyPicture(21, 13, 3, 0) }));
  const printed = folder.succeed("image rgb.png -o ref.out.png --reference ref.png");
  assert.match(printed, /PSNR +2\d\.\d\d dB before, [23]\d\.\d\d dB after \(against ref\.png\)/);
  await folder.refuse(
    ["image rgb.png -o x.png --reference grey.png", /grey\.png: must be as large.*21 x 13 x 3.*21 x 13 x 1/],
    ["image rgb.png -o x.png --reference none.png", /none\.png: no such file/],
    ["image -o x.png --reference rgb.png", /--reference goes with a picture/],
  );
});

test("--explain writes the picture beside the weights of one pixel, both with a ring", async () => {
  const printed = folder.succeed("image rgb.png -o ex.png --explain 4,6 --window 5 --patch 1");
  assert.match(printed, /pixel 4,6, in the ring; weights dark/);
  const { width, height, data } = readPng(folder.read("ex.explain.png"));
  const factor = Math.ceil(512 / 21);
  assert.equal([width, height], [(2 * 21 + 1) * factor, 13 * factor]);
  const bright = (x: number, y: number) => {
    const middle = ((y * factor + (factor >> 1)) * width + (22 + x) * factor + (factor >> 1)) * 3;
    return data[middle]! + data[middle + 1]! + data[middle + 2]!;
  };
  assert.ok(bright(4, 6) > 0.3, "the pixel itself has weight");
  for (const [x, y] of [
    [1, 6],
    [7, 6],
    [4, 3],
    [4, 9],
    [20, 12],
  ] as const)
    assert.ok(bright(x, y) < 0.1, `${x},${y} lies outside of the window`);
  await folder.refuse(
    ["image rgb.png -o ey.png --explain 21,0", /outside of the picture, which has 21 x 13/],
    ["image rgb.png -o ey.png --explain 4", /column and row/],
    ["image rgb.png -o ey.png --explain -1,2", /column and row/],
  );
});

test("never overwrites without --force", async () => {
  folder.write("kept.png", "precious");
  await folder.refuse(["image rgb.png -o kept.png", /kept\.png: exists already; --force/]);
  folder.write("side.explain.png", "precious");
  await folder.refuse(["image rgb.png -o side.png --explain 1,1", /side\.explain\.png: exists already/]);
  folder.succeed("image rgb.png -o kept.png --force");
  assert.is(readPng(folder.read("kept.png")).width, 21);
});

test("bad input: one line, code 2, nothing written", async () => {
  const good = folder.read("rgb.png");
  folder.write("short.png", good.subarray(0, good.length - 20));
  folder.write(
    "lying.png",
    good.map((byte, i) => (i === 19 ? 200 : byte)),
  ); // the header's width
  folder.write("photo.jpg", Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 1, 2, 3));
  folder.write("text.png", "hello");
  folder.write("empty.png", "");
  folder.write("sub/file.txt", "x");
  await folder.refuse(
    ["image none.png -o x.png", /none\.png: no such file/],
    ["none.png -o x.png", /none\.png: no such file/],
    ["image sub -o x.png", /sub: is a folder/],
    ["image short.png -o x.png", /short\.png: the PNG is cut short/],
    ["image lying.png -o x.png", /lying\.png: the PNG is damaged/],
    ["image photo.jpg -o x.png", /photo\.jpg: is a JPEG picture; only PNG is read/],
    ["image text.png -o x.png", /text\.png: is not a picture/],
    ["image empty.png -o x.png", /empty\.png: the file is empty/],
    ["image rgb.png", /-o rgb\.clean\.png/],
    ["image rgb.png -o x.jpg", /x\.jpg: the name must end in \.png/],
    ["image rgb.png -o nowhere/x.png", /there is no folder nowhere/],
    ["image rgb.png -o sub/file.txt/x.png", /there is no folder/],
    ["image rgb.png -o x.png --window 4", /--window takes an odd integer/],
    ["image rgb.png -o x.png --patch 0", /--patch takes an odd integer/],
    ["image rgb.png -o x.png --strength 0", /--strength takes a number from 0.001 to 1000/],
    ["image rgb.png -o x.png --strength 1e-300", /--strength takes a number from/],
    ["image rgb.png -o x.png --strength 1e300", /--strength takes a number from/],
    ['image rgb.png -o ""', /--output takes the name of a file: got ""/],
    ['image ""', /give the name of a file/],
    ["image -", /standard input is not read/],
    ["image rgb.png -o x.png --strength", /argument missing/],
    ["image rgb.png -o x.png --wimdow 5", /unknown option '--wimdow'.*--window/],
    ["image rgb.png grey.png -o x.png", /too many arguments/],
  );
});

test("--help and --version", () => {
  assert.match(folder.succeed("--help"), /image.*run.*info/s);
  assert.match(folder.succeed("image --help"), /--window.*--explain.*--reference/s);
  assert.match(folder.succeed("--version"), /^\d+\.\d+\.\d+\n$/);
});

test("what to do next is said as the program was started", () => {
  const started = { npm_lifecycle_event: "start" };
  assert.match(
    folder.succeed("--window 3", started),
    /next: npm start -- image photo\.png -o out\.png .*; npm start -- run/,
  );
  assert.match(folder.succeed("info", started), /next: npm start cleans a sample picture; npm start -- run --help/);
  assert.match(folder.succeed("info"), /next: attention-wasm cleans a sample picture; attention-wasm run --help/);
});

test("info tells the builds and limits", () => {
  const printed = folder.succeed("info");
  assert.match(printed, /run --deterministic/);
  assert.match(printed, /run --maximum-memory/);
  assert.match(printed, /build simd +yes/);
  assert.match(printed, /build relaxed +(yes|no: .*relaxed)/);
  assert.match(printed, /memory +up to 4\.29 GB/);
  assert.match(printed, /Node \d+/);
});
test.run();
