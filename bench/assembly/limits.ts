// The limits of the machine in the engine that runs the kernels: independent multiply-adds, and reading memory.
import { madd } from "../../assembly/simd/math";

const PAGE: usize = 4096;

/** One step of a chain: fused into a sum that stays where it is, since some engines fuse only so; else of what it was. */
// @ts-ignore: decorator
@inline
function step(a: v128, b: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? madd(b, b, a) : madd(a, b, b);
}

/**
 * 12 chains of 4 lanes, n steps: 96 n floating-point operations. One constant for all, since V8 12 makes a second one
 * anew in every step.
 */
export function chains(n: i32, x: f32): f32 {
  const b = f32x4.splat(x);
  let a0 = b, a1 = b, a2 = b, a3 = b, a4 = b, a5 = b;
  let a6 = b, a7 = b, a8 = b, a9 = b, a10 = b, a11 = b;
  for (let i = 0; i < n; i++) {
    a0 = step(a0, b);
    a1 = step(a1, b);
    a2 = step(a2, b);
    a3 = step(a3, b);
    a4 = step(a4, b);
    a5 = step(a5, b);
    a6 = step(a6, b);
    a7 = step(a7, b);
    a8 = step(a8, b);
    a9 = step(a9, b);
    a10 = step(a10, b);
    a11 = step(a11, b);
  }
  const s0 = f32x4.add(f32x4.add(a0, a1), f32x4.add(a2, a3));
  const s1 = f32x4.add(f32x4.add(a4, a5), f32x4.add(a6, a7));
  const s2 = f32x4.add(f32x4.add(a8, a9), f32x4.add(a10, a11));
  return f32x4.extract_lane(f32x4.add(f32x4.add(s0, s1), s2), 0);
}

/** 8 chains of additions, n steps: 8 n instructions of which none waits for another, so that it is their number that takes time. */
export function additions(n: i32, x: i32): i32 {
  let a0 = x, a1 = n, a2 = x + 1, a3 = n + 1, a4 = x + 2, a5 = n + 2, a6 = x + 3, a7 = n + 3;
  for (let i = 0; i < n; i++) {
    a0 += x;
    a1 ^= i;
    a2 += x;
    a3 ^= i;
    a4 += x;
    a5 ^= i;
    a6 += x;
    a7 ^= i;
  }
  return a0 ^ a1 ^ a2 ^ a3 ^ a4 ^ a5 ^ a6 ^ a7;
}

/** Writes f32 [bytes / 4]: memory that was never written is one page of zeros, and reads several times as fast. */
export function write(to: usize, bytes: usize): void {
  for (let at: usize = 0; at < bytes; at += 4) store<f32>(to + at, <f32>(at & 0xffff));
}

// @ts-ignore: decorator
@inline
function total(a0: v128, a1: v128, a2: v128, a3: v128, a4: v128, a5: v128, a6: v128, a7: v128): f32 {
  const s0 = f32x4.add(f32x4.add(a0, a1), f32x4.add(a2, a3));
  const s1 = f32x4.add(f32x4.add(a4, a5), f32x4.add(a6, a7));
  const s = f32x4.add(s0, s1);
  return f32x4.extract_lane(s, 0) + f32x4.extract_lane(s, 1) + f32x4.extract_lane(s, 2) + f32x4.extract_lane(s, 3);
}

/** Sum of f32 [bytes / 4], bytes a multiple of 128: 8 loads in flight, 8 sums that do not wait for each other. */
export function sum(from: usize, bytes: usize): f32 {
  const zero = f32x4.splat(0);
  let a0 = zero, a1 = zero, a2 = zero, a3 = zero, a4 = zero, a5 = zero, a6 = zero, a7 = zero;
  for (const end = from + bytes; from < end; from += 128) {
    a0 = f32x4.add(a0, v128.load(from));
    a1 = f32x4.add(a1, v128.load(from, 16));
    a2 = f32x4.add(a2, v128.load(from, 32));
    a3 = f32x4.add(a3, v128.load(from, 48));
    a4 = f32x4.add(a4, v128.load(from, 64));
    a5 = f32x4.add(a5, v128.load(from, 80));
    a6 = f32x4.add(a6, v128.load(from, 96));
    a7 = f32x4.add(a7, v128.load(from, 112));
  }
  return total(a0, a1, a2, a3, a4, a5, a6, a7);
}

/**
 * The same of both halves side by side, as assembly/attention/channels.ts reads them, bytes a multiple of two pages.
 * @param ahead bytes: the pages that lie so far ahead are looked up with loads of their own
 */
export function sumSideBySide(from: usize, bytes: usize, ahead: usize): f32 {
  const zero = f32x4.splat(0);
  let a0 = zero, a1 = zero, a2 = zero, a3 = zero, a4 = zero, a5 = zero, a6 = zero, a7 = zero;
  let looked: f32 = 0;
  const last = from + bytes - PAGE;
  let other = from + (bytes >> 1);
  for (const middle = other; from < middle; ) {
    looked += load<f32>(from + ahead) + load<f32>(min(other + ahead, last));
    for (const end = from + PAGE; from < end; from += 64, other += 64) {
      a0 = f32x4.add(a0, v128.load(from));
      a1 = f32x4.add(a1, v128.load(from, 16));
      a2 = f32x4.add(a2, v128.load(from, 32));
      a3 = f32x4.add(a3, v128.load(from, 48));
      a4 = f32x4.add(a4, v128.load(other));
      a5 = f32x4.add(a5, v128.load(other, 16));
      a6 = f32x4.add(a6, v128.load(other, 32));
      a7 = f32x4.add(a7, v128.load(other, 48));
    }
  }
  return looked + total(a0, a1, a2, a3, a4, a5, a6, a7);
}
