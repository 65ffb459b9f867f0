// Ready-made masks against their definitions, written down again as the papers have them, and what they cost.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { BLOCK_EMPTY, MASK_BLOCK } from "../src/engine/abi.generated.js";
import { createBlockMask, load, type MaskPredicate } from "../src/index.js";
import {
  andMasks,
  bigBirdMask,
  fixedMask,
  globalTokenMask,
  longformerMask,
  maskMatrix,
  neighborhoodMask,
  orMasks,
  slidingWindowMask,
  stridedMask,
} from "../src/inspect/index.js";
import { generator, tensor } from "./random.js";

const test = suite("patterns");

function same(mask: MaskPredicate, length: number, heads: number, definition: MaskPredicate): void {
  for (let h = 0; h < heads; h++) {
    for (let q = 0; q < length; q++) {
      for (let k = 0; k < length; k++) {
        if (mask(0, h, q, k) !== definition(0, h, q, k)) assert.unreachable(`head ${h}, query ${q}, key ${k}`);
      }
    }
  }
}

/** Blocks of 64 x 64 in which some query attends to some key, counted one by one. */
function computedBlocks(mask: MaskPredicate, length: number, heads = 1): number {
  const found = new Set<string>();
  for (let h = 0; h < heads; h++) {
    for (let q = 0; q < length; q++) {
      for (let k = 0; k < length; k++) {
        if (mask(0, h, q, k)) found.add(`${h} ${Math.floor(q / MASK_BLOCK)} ${Math.floor(k / MASK_BLOCK)}`);
      }
    }
  }
  return found.size;
}

function costs(mask: MaskPredicate, length: number, blocks: number, heads = 1): void {
  assert.is(computedBlocks(mask, length, heads), blocks);
  const built = createBlockMask(mask, { heads, queryLength: length, keyLength: length });
  const all = heads * Math.ceil(length / MASK_BLOCK) ** 2;
  assert.ok(Math.abs(built.density * all - blocks) < 1e-6, `the block mask computes ${built.density * all}`);
}

test("sliding window: distances, dilated too", () => {
  for (const [left, right, dilation] of [
    [2, 0, 1],
    [0, 0, 1],
    [3, 2, 2],
    [-1, 1, 1],
    [-1, -1, 3],
  ] as const) {
    const within = (d: number, reach: number) => reach < 0 || d <= reach * dilation;
    same(
      slidingWindowMask({ left, right, dilation }),
      23,
      1,
      (_b, _h, q, k) => (q - k) % dilation === 0 && (k <= q ? within(q - k, left) : within(k - q, right)),
    );
  }
});

test("Longformer: window / 2 on each side, global tokens in rows and columns", () => {
  same(
    longformerMask({ window: 6, globalTokens: [0, 17] }),
    40,
    1,
    (_b, _h, q, k) => Math.abs(q - k) <= 3 || [0, 17].includes(q) || [0, 17].includes(k),
  );
  same(
    longformerMask({ window: 4, dilation: 3, globalTokens: [1], causal: true }),
    40,
    1,
    (_b, _h, q, k) => k <= q && ([0, 3, 6].includes(q - k) || q === 1 || k === 1),
  );
  same(globalTokenMask([5]), 9, 1, (_b, _h, q, k) => q === 5 || k === 5);
});

test("strided: A1 = {t .. i} with t = max(0, i - l), A2 = {j : (i - j) mod l = 0}", () => {
  for (const stride of [1, 4, 7]) {
    const first = (i: number) => Array.from({ length: i + 1 }, (_, j) => j).filter((j) => j >= Math.max(0, i - stride));
    const second = (i: number) => Array.from({ length: i + 1 }, (_, j) => j).filter((j) => (i - j) % stride === 0);
    same(stridedMask({ stride }), 40, 1, (_b, _h, q, k) => first(q).includes(k) || second(q).includes(k));
    same(stridedMask({ stride, heads: "split" }), 40, 4, (_b, h, q, k) => (h % 2 ? second(q) : first(q)).includes(k));
  }
});

test("fixed: the own block, and the last c cells of every block", () => {
  const [l, c] = [8, 2];
  const own = (i: number, j: number) => j <= i && Math.floor(j / l) === Math.floor(i / l);
  const summary = (i: number, j: number) => j <= i && [6, 7].includes(j % l);
  same(fixedMask({ stride: l, summary: c }), 50, 1, (_b, _h, q, k) => own(q, k) || summary(q, k));
  same(fixedMask({ stride: l, summary: c, heads: "split" }), 50, 2, (_b, h, q, k) => (h ? summary : own)(q, k));
});

test("strided and fixed: any earlier key in two steps", () => {
  for (const mask of [stridedMask({ stride: 5 }), fixedMask({ stride: 5 })]) {
    for (let q = 0; q < 35; q++) {
      for (let k = 0; k <= q; k++) {
        const there = Array.from({ length: q + 1 }).some((_, m) => mask(0, 0, q, m) && mask(0, 0, m, k));
        assert.ok(there, `from ${q} to ${k}`);
      }
    }
  }
});

test("BigBird: window, global and exactly r random blocks, the same for the same seed, another for each head", () => {
  const options = { length: 320, blockSize: 16, windowBlocks: 3, globalBlocks: 2, randomBlocks: 3, seed: 7 };
  const mask = bigBirdMask(options);
  const blocks = 20;
  const rows: string[] = [];
  for (let h = 0; h < 2; h++) {
    for (let i = 0; i < blocks; i++) {
      const seen = Array.from({ length: blocks }, (_, j) => j).filter((j) => mask(0, h, i * 16 + 3, j * 16 + 5));
      const fixed = Array.from({ length: blocks }, (_, j) => j).filter((j) => i < 2 || j < 2 || Math.abs(i - j) <= 1);
      assert.ok(fixed.every((j) => seen.includes(j)));
      assert.is(seen.length, fixed.length + (i < 2 ? 0 : 3), `row ${i}`);
      rows.push(seen.join());
    }
  }
  same(bigBirdMask(options), 320, 2, mask);
  same(mask, 320, 1, (b, h, q, k) => mask(b, h, q - (q % 16), k - (k % 16)));
  assert.not.equal(rows.slice(0, blocks), rows.slice(blocks));
  const other = bigBirdMask({ ...options, seed: 8 });
  assert.ok(
    Array.from({ length: blocks }).some(
      (_, i) =>
        !other(0, 0, i * 16, 0) ||
        rows[i] !==
          Array.from({ length: blocks }, (_, j) => j)
            .filter((j) => other(0, 0, i * 16, j * 16))
            .join(),
    ),
  );
  // More random blocks than there are: everything
  same(bigBirdMask({ length: 50, blockSize: 16, randomBlocks: 9 }), 50, 1, () => true);
});

test("BigBird: every free block is drawn about equally often", () => {
  const mask = bigBirdMask({ length: 40, blockSize: 1, windowBlocks: 1, globalBlocks: 0, randomBlocks: 4, seed: 1 });
  const counts = new Int32Array(40);
  for (let h = 0; h < 100; h++) {
    for (let q = 0; q < 40; q++) for (let k = 0; k < 40; k++) if (k !== q && mask(0, h, q, k)) counts[k]!++;
  }
  // 100 heads x 39 rows x 4 / 39 = 400 each, standard deviation about 19
  assert.ok(
    counts.every((n) => n > 300 && n < 500),
    counts.join(),
  );
});

/** First cell of the window, as NATTEN's `get_window_start` has it. */
function windowStart(i: number, size: number, kernel: number, dilation: number): number {
  const side = Math.floor(kernel / 2);
  if (dilation <= 1) return Math.max(i - side, 0) + (i + side >= size ? size - i - side - 1 : 0);
  const start = i - side * dilation;
  if (start < 0) return i % dilation;
  if (i + side * dilation >= size) {
    const group = i % dilation;
    const whole = Math.floor(size / dilation) * dilation;
    const rest = size - whole;
    if (group < rest) return size - rest + group - 2 * side * dilation;
    return whole + group - kernel * dilation;
  }
  return start;
}

test("neighbourhoods: NATTEN's windows in both axes, every cell with as many keys", () => {
  for (const [height, width, kernelY, kernelX, dilationY, dilationX] of [
    [7, 9, 3, 3, 1, 1],
    [6, 5, 5, 1, 1, 1],
    [9, 8, 3, 3, 2, 2],
    [11, 7, 3, 3, 3, 2],
    [3, 3, 3, 3, 1, 1],
    [10, 13, 5, 3, 2, 4],
  ] as const) {
    const mask = neighborhoodMask({ height, width, kernel: [kernelY, kernelX], dilation: [dilationY, dilationX] });
    const inside = (i: number, j: number, size: number, kernel: number, dilation: number) =>
      Array.from({ length: kernel }, (_, n) => windowStart(i, size, kernel, dilation) + n * dilation).includes(j);
    const n = height * width;
    same(
      mask,
      n,
      1,
      (_b, _h, q, k) =>
        inside(Math.floor(q / width), Math.floor(k / width), height, kernelY, dilationY) &&
        inside(q % width, k % width, width, kernelX, dilationX),
    );
    for (let q = 0; q < n; q++) {
      let keys = 0;
      for (let k = 0; k < n; k++) keys += Number(mask(0, 0, q, k));
      assert.is(keys, kernelY * kernelX);
    }
  }
});

test("and, or, and the matrix", () => {
  const mask = orMasks(
    andMasks(
      (_b, _h, q) => q > 1,
      (_b, _h, _q, k) => k < 1,
    ),
    (_b, h, q, k) => h === 1 && q === k,
  );
  assert.equal(maskMatrix(mask, { heads: 2, queryLength: 3, keyLength: 2 }), {
    data: Uint8Array.of(0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 1, 0),
    shape: [2, 3, 2],
    dtype: "bool",
  });
  assert.equal(maskMatrix(mask, { queryLength: 3, keyLength: 2 }).shape, [3, 2]);
  assert.equal(maskMatrix(mask, { batch: 1, queryLength: 3, keyLength: 2 }).shape, [1, 1, 3, 2]);
});

test("cost: Longformer computes its band and its rows and columns of blocks", () => {
  // 16 x 16 blocks; |i - j| <= 2 (128 / 64): 16 + 2 (15 + 14); row and column 0 add 2 * 13
  costs(longformerMask({ window: 256, globalTokens: [0] }), 1024, 16 + 2 * 29 + 26);
});

test("cost: BigBird computes window + global + random blocks in every row of blocks", () => {
  const n = 16;
  const mask = bigBirdMask({ length: n * 64, randomBlocks: 2, seed: 3 });
  // Row 0: all. Others: column 0, the window without column 0, cut at the end, and 2 random
  const window = (i: number) => [i - 1, i, i + 1].filter((j) => j > 0 && j < n).length;
  const rows = Array.from({ length: n - 1 }, (_, i) => 1 + window(i + 1) + 2);
  costs(mask, n * 64, n + rows.reduce((a, b) => a + b));
});

test("cost: a fixed pattern of the block's size with heads of their own", () => {
  // Head 0: 8 blocks on the diagonal; head 1: all blocks up to the diagonal have their last column
  costs(fixedMask({ stride: 64, heads: "split" }), 512, 8 + (8 * 9) / 2, 2);
});

test("cost: a strided pattern of one head keeps the band, of the other all blocks up to the diagonal", () => {
  // Head 0: the diagonal and the one before it (i - 64); head 1: (i - j) mod 64 = 0 is in every block
  costs(stridedMask({ stride: 64, heads: "split" }), 512, 8 + 7 + (8 * 9) / 2, 2);
});

test("cost: a neighbourhood of 7 x 7 on 64 x 64 cells, a row of the picture being one block", () => {
  // Every row of cells sees 7 rows of cells
  costs(neighborhoodMask({ height: 64, width: 64, kernel: 7 }), 4096, 64 * 7);
});

test("the engine gives the same with the block mask as with the mask, and reads no empty block", async () => {
  const engine = await load();
  const random = generator(9);
  const n = 256;
  const x = tensor(random, 2, n, 16);
  for (const mask of [
    longformerMask({ window: 32, globalTokens: [3] }),
    stridedMask({ stride: 16, heads: "split" }),
    fixedMask({ stride: 16 }),
    bigBirdMask({ length: n, blockSize: 32, randomBlocks: 1, globalBlocks: 0 }),
    neighborhoodMask({ height: 16, width: 16, kernel: 5 }),
  ]) {
    const shape = { heads: 2, queryLength: n, keyLength: n };
    const blockMask = createBlockMask(mask, shape);
    const got = engine.attention(x, x, x, { blockMask }).output.data;
    const want = engine.attention(x, x, x, { mask: maskMatrix(mask, shape) }).output.data;
    assert.ok(got.every((y, i) => Math.abs(y - want[i]!) < 1e-5));
  }
  // A window of one block: NaN in the keys of other blocks reaches nobody outside it
  const blockMask = createBlockMask((_b, _h, q, k) => q >> 6 === k >> 6, { queryLength: n, keyLength: n });
  const poisoned = { data: x.data.slice(), shape: x.shape };
  poisoned.data.fill(Number.NaN, 64 * 16, 128 * 16);
  const { output } = engine.attention(x, poisoned, poisoned, { blockMask });
  assert.not.ok(output.data.subarray(0, 64 * 16).some(Number.isNaN));
  assert.ok(output.data.subarray(64 * 16, 128 * 16).every(Number.isNaN));
  assert.ok(BLOCK_EMPTY < 0);
  engine.close();
});

const REFUSED: [() => unknown, RegExp][] = [
  [() => longformerMask({ window: 5 }), /^window must be even: got 5$/],
  [() => slidingWindowMask({ left: -2, right: 0 }), /^left must be an integer/],
  [() => fixedMask({ stride: 4, summary: 5 }), /^summary must be an integer from 1 to 4: got 5$/],
  [() => stridedMask({ stride: 4, heads: "both" as never }), /^heads must be 'merged', 'split': got "both"$/],
  [() => bigBirdMask({ length: 9, windowBlocks: 2 }), /^windowBlocks must be odd: got 2$/],
  [() => neighborhoodMask({ height: 9, width: 9, kernel: 4 }), /^kernel must be odd: got 4$/],
  [
    () => neighborhoodMask({ height: 9, width: 4, kernel: 5 }),
    /^kernel times dilation must be at most the width, 4: got 5$/,
  ],
  [() => andMasks(3 as never), /^a mask must be a function/],
];
for (const [call, message] of REFUSED) {
  test(`refused: ${message.source}`, () => assert.throws(call, (error: Error) => message.test(error.message)));
}

test.run();
