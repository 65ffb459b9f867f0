// The limit of the machine in the engine that runs the kernels: independent multiply-adds, nothing else.

/** 12 chains of 4 lanes, n steps: 96 n floating-point operations. */
export function chains(n: i32, x: f32): f32 {
  const b = f32x4.splat(x);
  let a0 = b, a1 = b, a2 = b, a3 = b, a4 = b, a5 = b;
  let a6 = b, a7 = b, a8 = b, a9 = b, a10 = b, a11 = b;
  const c = f32x4.splat(x * 0.5);
  for (let i = 0; i < n; i++) {
    a0 = step(a0, b, c);
    a1 = step(a1, b, c);
    a2 = step(a2, b, c);
    a3 = step(a3, b, c);
    a4 = step(a4, b, c);
    a5 = step(a5, b, c);
    a6 = step(a6, b, c);
    a7 = step(a7, b, c);
    a8 = step(a8, b, c);
    a9 = step(a9, b, c);
    a10 = step(a10, b, c);
    a11 = step(a11, b, c);
  }
  const s0 = f32x4.add(f32x4.add(a0, a1), f32x4.add(a2, a3));
  const s1 = f32x4.add(f32x4.add(a4, a5), f32x4.add(a6, a7));
  const s2 = f32x4.add(f32x4.add(a8, a9), f32x4.add(a10, a11));
  return f32x4.extract_lane(f32x4.add(f32x4.add(s0, s1), s2), 0);
}

// @ts-ignore: decorator
@inline
function step(acc: v128, b: v128, c: v128): v128 {
  return f32x4.relaxed_madd(acc, b, c);
}
