// The products of decoding, where lanes are channels: scores of few queries with the keys of one block, and sums of its
// values. Every byte of K and V is used once, so the order of reading decides: four keys run side by side in registers,
// and what comes next in memory is touched line by line, in order, a few kilobytes ahead, which the hardware's prefetcher
// follows where it does not follow four rows at once (docs/kernels.md has the numbers).
//
// 16-bit rows are read as they lie, eight channels in one vector: `first` takes the even channels of it, `second` the
// odd ones. Queries are packed in that order and outputs unpacked from it.
import { madd } from "../simd/math";

/** 4 bytes a channel: the first four channels, then the next four. */
@unmanaged @final
export class Float32 {
  @inline bytes(): usize { return 4; }
  @inline load(p: usize): v128 { return v128.load(p); }
  @inline first(x: v128, _c: v128, _m: v128): v128 { return x; }
  @inline second(_x: v128, p: usize, _m: v128): v128 { return v128.load(p, 16); }
  @inline watch(seen: v128, _x: v128): v128 { return seen; }
  @inline watchFour(seen: v128, _a: v128, _b: v128, _c: v128, _d: v128): v128 { return seen; }
}

/**
 * 2^-112 times the number, subnormals too: bits moved to where a float has them, without the exponent's bias, whose
 * factor the queries and the weights carry. Infinity and NaN would come out as numbers: `watch` keeps the largest
 * magnitude, and a block that holds one is read again by `widenBlock`.
 * c = 8192 in the even halves, m = 0x8fffe000
 */
@unmanaged @final
export class Float16 {
  @inline bytes(): usize { return 2; }
  @inline load(p: usize): v128 { return v128.load(p); }
  @inline first(x: v128, c: v128, m: v128): v128 { return v128.and(i32x4.dot_i16x8_s(x, c), m); }
  @inline second(x: v128, _p: usize, m: v128): v128 { return v128.and(i32x4.shr_s(x, 3), m); }
  @inline watch(seen: v128, x: v128): v128 { return i16x8.max_u(seen, i16x8.shl(x, 1)); }
  @inline watchFour(seen: v128, a: v128, b: v128, c: v128, d: v128): v128 {
    return i16x8.max_u(seen, this.watch(this.watch(this.watch(i16x8.shl(a, 1), b), c), d));
  }
}

/** m = 0xffff0000 */
@unmanaged @final
export class BFloat16 {
  @inline bytes(): usize { return 2; }
  @inline load(p: usize): v128 { return v128.load(p); }
  @inline first(x: v128, _c: v128, _m: v128): v128 { return i32x4.shl(x, 16); }
  @inline second(x: v128, _p: usize, m: v128): v128 { return v128.and(x, m); }
  @inline watch(seen: v128, _x: v128): v128 { return seen; }
  @inline watchFour(seen: v128, _a: v128, _b: v128, _c: v128, _d: v128): v128 { return seen; }
}

/** Sums of the lanes of four vectors. */
// @ts-ignore: decorator
@inline
export function sumLanes(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3));
}

/** Whether `watch` met an infinity or NaN: an exponent of all ones, moved to the top of its half. */
// @ts-ignore: decorator
@inline
function special(seen: v128): bool {
  return v128.any_true(i16x8.ge_u(seen, i16x8.splat(<i16>0xf800)));
}

/**
 * Reads a line that will be wanted and stores a word of it where something else is stored afterwards, so that the
 * read is not optimised away; cheaper than keeping it in a register.
 */
// @ts-ignore: decorator
@inline
export function touchLine(line: usize, sink: usize): void {
  store<i32>(sink, load<i32>(line));
}

/** The two lines that 8 channels of four rows of float32 take up; shorter rows are prefetched without. */
// @ts-ignore: decorator
@inline
function touch<T>(line: usize, sink: usize): void {
  if (changetype<T>(0).bytes() == 4) store<i32>(sink, load<i32>(line) | load<i32>(line, 64));
}

/**
 * scores f32 [n rounded up to 4] = one query times n keys.
 * @param query f32 [D / 8][2][4]
 * @param key T [n][D], rows `stride` bytes apart
 * @param ahead what to touch: `step` is 1, or 0 to stay where it is
 * @returns whether a key holds what T cannot read
 */
export function scoreRow<T>(
  query: usize, key: usize, stride: usize, n: i32, D: i32, scores: usize, ahead: usize, step: usize, constants: usize,
): bool {
  const type = changetype<T>(0);
  const end = query + (<usize>D << 2);
  const c = v128.load(constants);
  const m = v128.load(constants, 16);
  const next = step << 7;
  ahead &= ~1;
  let seen = i32x4.splat(0);
  for (let j = 0; j < n; j += 4, key += stride << 2, scores += 16) {
    let k0 = key & ~1;
    let k1 = k0 + (j + 1 < n ? stride : 0);
    let k2 = k1 + (j + 2 < n ? stride : 0);
    let k3 = k2 + (j + 3 < n ? stride : 0);
    const zero = f32x4.splat(0);
    let a0 = zero, a1 = zero, a2 = zero, a3 = zero;
    for (let q = query & ~15; q < end; q += 32) {
      touch<T>(ahead, scores);
      if (type.bytes() == 4) ahead += next;
      const qa = v128.load(q);
      const qb = v128.load(q, 16);
      let x = type.load(k0);
      seen = type.watch(seen, x);
      a0 = madd(type.second(x, k0, m), qb, madd(type.first(x, c, m), qa, a0));
      x = type.load(k1);
      seen = type.watch(seen, x);
      a1 = madd(type.second(x, k1, m), qb, madd(type.first(x, c, m), qa, a1));
      x = type.load(k2);
      seen = type.watch(seen, x);
      a2 = madd(type.second(x, k2, m), qb, madd(type.first(x, c, m), qa, a2));
      x = type.load(k3);
      seen = type.watch(seen, x);
      a3 = madd(type.second(x, k3, m), qb, madd(type.first(x, c, m), qa, a3));
      k0 += type.bytes() << 3;
      k1 += type.bytes() << 3;
      k2 += type.bytes() << 3;
      k3 += type.bytes() << 3;
    }
    v128.store(scores, sumLanes(a0, a1, a2, a3));
  }
  return special(seen);
}

/**
 * outputs f32 [Dv / 8][2][4] += weights times n values; n a multiple of 4.
 * @param value T [n][Dv], rows `stride` bytes apart
 * @param weights f32 [n]
 */
export function sumRow<T>(
  value: usize, stride: usize, n: i32, Dv: i32, weights: usize, outputs: usize, ahead: usize, step: usize, constants: usize,
): bool {
  const type = changetype<T>(0);
  const end = outputs + (<usize>Dv << 2);
  const c = v128.load(constants);
  const m = v128.load(constants, 16);
  const next = step << 7;
  ahead &= ~1;
  let seen = i32x4.splat(0);
  for (let j = 0; j < n; j += 4, value += stride << 2, weights += 16) {
    let v0 = value & ~1;
    let v1 = v0 + stride;
    let v2 = v1 + stride;
    let v3 = v2 + stride;
    const w0 = v128.load_splat<f32>(weights);
    const w1 = v128.load_splat<f32>(weights, 4);
    const w2 = v128.load_splat<f32>(weights, 8);
    const w3 = v128.load_splat<f32>(weights, 12);
    for (let o = outputs & ~15; o < end; o += 32) {
      const x0 = type.load(v0);
      const x1 = type.load(v1);
      const x2 = type.load(v2);
      const x3 = type.load(v3);
      seen = type.watchFour(seen, x0, x1, x2, x3);
      let a = madd(type.first(x1, c, m), w1, f32x4.mul(type.first(x0, c, m), w0));
      let b = madd(type.second(x1, v1, m), w1, f32x4.mul(type.second(x0, v0, m), w0));
      a = madd(type.first(x3, c, m), w3, madd(type.first(x2, c, m), w2, a));
      b = madd(type.second(x3, v3, m), w3, madd(type.second(x2, v2, m), w2, b));
      // Four keys are summed on their own: fewer roundings of the total
      a = f32x4.add(v128.load(o), a);
      b = f32x4.add(v128.load(o, 16), b);
      touch<T>(ahead, o);
      if (type.bytes() == 4) ahead += next;
      v128.store(o, a);
      v128.store(o, b, 16);
      v0 += type.bytes() << 3;
      v1 += type.bytes() << 3;
      v2 += type.bytes() << 3;
      v3 += type.bytes() << 3;
    }
  }
  return special(seen);
}

/**
 * to f32 [n][D] = n rows of a 16-bit T as `first` and `second` read them, for four rows of queries.
 * @returns whether one holds what T cannot read
 */
export function widenRows<T>(from: usize, stride: usize, n: i32, D: i32, to: usize, constants: usize): bool {
  const type = changetype<T>(0);
  const c = v128.load(constants);
  const m = v128.load(constants, 16);
  let seen = i32x4.splat(0);
  for (let j = 0; j < n; j++, from += stride) {
    let x = from & ~1;
    for (const end = to + (<usize>D << 2); to < end; to += 32, x += 16) {
      const both = type.load(x);
      seen = type.watch(seen, both);
      v128.store(to, type.first(both, c, m));
      v128.store(to, type.second(both, x, m), 16);
    }
  }
  return special(seen);
}

/**
 * scores f32 [n rounded up to 4][4] = four queries times n keys.
 * @param query f32 [D / 8][2][4 rows][4]
 * @param key f32 [n][D], rows `stride` bytes apart
 */
export function scoreRows(
  query: usize, key: usize, stride: usize, n: i32, D: i32, scores: usize, ahead: usize, step: usize,
): void {
  const end = query + (<usize>D << 4);
  const next = step << 6;
  ahead &= ~1;
  for (let j = 0; j < n; j += 2, key += stride << 1, scores += 32) {
    let k0 = key & ~1;
    let k1 = k0 + (j + 1 < n ? stride : 0);
    const zero = f32x4.splat(0);
    let a0 = zero, a1 = zero, a2 = zero, a3 = zero;
    let b0 = zero, b1 = zero, b2 = zero, b3 = zero;
    for (let q = query & ~15; q < end; q += 128) {
      touchLine(ahead, scores);
      ahead += next;
      let x = v128.load(k0);
      let y = v128.load(k1);
      let row = v128.load(q);
      a0 = madd(x, row, a0);
      b0 = madd(y, row, b0);
      row = v128.load(q, 16);
      a1 = madd(x, row, a1);
      b1 = madd(y, row, b1);
      row = v128.load(q, 32);
      a2 = madd(x, row, a2);
      b2 = madd(y, row, b2);
      row = v128.load(q, 48);
      a3 = madd(x, row, a3);
      b3 = madd(y, row, b3);
      x = v128.load(k0, 16);
      y = v128.load(k1, 16);
      row = v128.load(q, 64);
      a0 = madd(x, row, a0);
      b0 = madd(y, row, b0);
      row = v128.load(q, 80);
      a1 = madd(x, row, a1);
      b1 = madd(y, row, b1);
      row = v128.load(q, 96);
      a2 = madd(x, row, a2);
      b2 = madd(y, row, b2);
      row = v128.load(q, 112);
      a3 = madd(x, row, a3);
      b3 = madd(y, row, b3);
      k0 += 32;
      k1 += 32;
    }
    v128.store(scores, sumLanes(a0, a1, a2, a3));
    v128.store(scores, sumLanes(b0, b1, b2, b3), 16);
  }
}

/**
 * outputs f32 [Dv / 8][2][4 rows][4] += weights times n values; n even.
 * @param value f32 [n][Dv], rows `stride` bytes apart
 * @param weights f32 [n][4 rows][4], each in four lanes
 * @param sink where a word may be written
 */
export function sumRows(
  value: usize, stride: usize, n: i32, Dv: i32, weights: usize, outputs: usize, ahead: usize, step: usize,
  sink: usize,
): void {
  const last = outputs + (<usize>Dv << 4);
  const end = weights + (<usize>n << 6);
  const next = step << 6;
  ahead &= ~1;
  for (; outputs < last; outputs += 128, value += 32) {
    const zero = f32x4.splat(0);
    let a0 = zero, a1 = zero, a2 = zero, a3 = zero;
    let b0 = zero, b1 = zero, b2 = zero, b3 = zero;
    let v = value & ~1;
    for (let w = weights & ~15; w < end; w += 128) {
      touchLine(ahead, sink);
      ahead += next;
      let x = v128.load(v);
      let y = v128.load(v, 16);
      let p = v128.load(w);
      a0 = madd(x, p, a0);
      b0 = madd(y, p, b0);
      p = v128.load(w, 16);
      a1 = madd(x, p, a1);
      b1 = madd(y, p, b1);
      p = v128.load(w, 32);
      a2 = madd(x, p, a2);
      b2 = madd(y, p, b2);
      p = v128.load(w, 48);
      a3 = madd(x, p, a3);
      b3 = madd(y, p, b3);
      v += stride;
      x = v128.load(v);
      y = v128.load(v, 16);
      p = v128.load(w, 64);
      a0 = madd(x, p, a0);
      b0 = madd(y, p, b0);
      p = v128.load(w, 80);
      a1 = madd(x, p, a1);
      b1 = madd(y, p, b1);
      p = v128.load(w, 96);
      a2 = madd(x, p, a2);
      b2 = madd(y, p, b2);
      p = v128.load(w, 112);
      a3 = madd(x, p, a3);
      b3 = madd(y, p, b3);
      v += stride;
    }
    v128.store(outputs, f32x4.add(v128.load(outputs), a0));
    v128.store(outputs, f32x4.add(v128.load(outputs, 16), a1), 16);
    v128.store(outputs, f32x4.add(v128.load(outputs, 32), a2), 32);
    v128.store(outputs, f32x4.add(v128.load(outputs, 48), a3), 48);
    v128.store(outputs, f32x4.add(v128.load(outputs, 64), b0), 64);
    v128.store(outputs, f32x4.add(v128.load(outputs, 80), b1), 80);
    v128.store(outputs, f32x4.add(v128.load(outputs, 96), b2), 96);
    v128.store(outputs, f32x4.add(v128.load(outputs, 112), b3), 112);
  }
}
