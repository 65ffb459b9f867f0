// Attention as anyone would first write it in float32: every step rounded, sums in order. The measure of our own error.
import type { Operand } from "../../src/reference/index.js";

const f = Math.fround;

/** One head: query [S, D], key [S, D], value [S, D] -> [S, D]; causal: key j <= query i. */
export function plainAttention(query: Operand, key: Operand, value: Operand, causal: boolean): Float32Array {
  const [Sq, D] = query.shape.slice(-2) as [number, number];
  const Sk = key.shape.at(-2)!;
  const scale = f(1 / Math.sqrt(D));
  const output = new Float32Array(Sq * D);
  const p = new Float32Array(Sk);
  for (let i = 0; i < Sq; i++) {
    const keys = causal ? i + 1 : Sk;
    let maximum = Number.NEGATIVE_INFINITY;
    for (let j = 0; j < keys; j++) {
      let sum = 0;
      for (let d = 0; d < D; d++) sum = f(sum + f(query.data[i * D + d]! * key.data[j * D + d]!));
      p[j] = f(sum * scale);
      if (p[j]! > maximum) maximum = p[j]!;
    }
    let total = 0;
    for (let j = 0; j < keys; j++) {
      p[j] = f(Math.exp(f(p[j]! - maximum)));
      total = f(total + p[j]!);
    }
    for (let j = 0; j < keys; j++) {
      for (let d = 0; d < D; d++) {
        output[i * D + d] = f(output[i * D + d]! + f(p[j]! * value.data[j * D + d]!));
      }
    }
    for (let d = 0; d < D; d++) output[i * D + d] = f(output[i * D + d]! / total);
  }
  return output;
}
