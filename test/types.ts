// What must compile, and what must not; checked by `npm run check`, run by nobody.
import type { Engine, HostTensor, Tensor } from "../src/index.js";

declare const engine: Engine;
declare const host: HostTensor;
declare const resident: Tensor;

export function compiles(): void {
  const a: HostTensor = engine.attention(host, host, host).output;
  const b: Tensor = engine.attention(resident, resident, resident, { causal: "lower-right" }).output;
  const c: HostTensor = engine.attention(host, host, host, { returnLse: true }).lse;
  const d: Tensor = engine.attention(resident, resident, resident, { returnWeights: { rows: [1] } }).weights;
  const e: Tensor = engine.attention(resident, resident, resident, { mask: host, bias: resident }).output;
  const f: HostTensor = engine.rotaryEmbedding(host);
  const g: Tensor = engine.mergeAttention([{ output: resident, lse: resident }]).output;
  void [a, b, c, d, e, f, g];
}

export function doesNotCompile(): void {
  // @ts-expect-error a typo
  engine.attention(host, host, host, { casual: true });
  // @ts-expect-error not asked for
  engine.attention(host, host, host).lse;
  // @ts-expect-error not asked for
  engine.attention(host, host, host, { returnLse: false }).lse;
  // @ts-expect-error sides that differ
  engine.attention(host, resident, host);
  // @ts-expect-error resident gives resident
  const wrong: HostTensor = engine.attention(resident, resident, resident).output;
  // @ts-expect-error no such similarity
  engine.attention(host, host, host, { similarity: "l2" });
  // @ts-expect-error plain arrays are not data
  engine.tensor({ data: [1, 2], shape: [2] });
  void wrong;
}
