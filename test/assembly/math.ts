// The elementary functions over arrays, so that tests can hold each to its error bound.
import { exp, exp2, log, storeExpConstants, tanh } from "../../assembly/simd/math";
export { narrowRow, widenRow } from "../../assembly/simd/convert";

/** y f32 [n] = 2^(x - shift) of x f32 [n], n a multiple of 4; constants at `scratch`. */
export function exp2Array(x: usize, y: usize, n: i32, shift: i32, scratch: usize): void {
  storeExpConstants(scratch, shift);
  for (let i: usize = 0; i < <usize>n << 2; i += 16) v128.store(y + i, exp2(v128.load(x + i), scratch));
}

/** y f32 [n] = e^x */
export function expArray(x: usize, y: usize, n: i32, scratch: usize): void {
  storeExpConstants(scratch, 0);
  for (let i: usize = 0; i < <usize>n << 2; i += 16) v128.store(y + i, exp(v128.load(x + i), scratch));
}

export function tanhArray(x: usize, y: usize, n: i32, scratch: usize): void {
  storeExpConstants(scratch, 0);
  for (let i: usize = 0; i < <usize>n << 2; i += 16) v128.store(y + i, tanh(v128.load(x + i), scratch));
}

/** y f64 [n] = ln of x f64 [n] */
export function logArray(x: usize, y: usize, n: i32): void {
  for (let i: usize = 0; i < <usize>n << 3; i += 8) store<f64>(y + i, log(load<f64>(x + i)));
}
