// The operations beside attention, on random numbers, shapes and dtypes, against the oracle; resident and host alike.
import * as assert from "uvu/assert";
import type { DType, Engine, HostTensor, Tensor } from "../../src/index.js";
import * as oracle from "../../src/reference/index.js";
import { halfUlp, numbersOf } from "../conformance/tolerance.js";
import { assertSameBits, hostTensor, operandOf, size, swapHeads } from "./arrays.js";
import { Random } from "./random.js";

const DTYPES: readonly DType[] = ["float32", "float32", "float16", "bfloat16"];
const LENGTHS = [1, 2, 7, 8, 9, 63, 64, 65, 96, 97];
const DIMS = [1, 2, 3, 8, 33, 64, 80];

function near(got: HostTensor, want: ArrayLike<number>, bound: number, what: string): void {
  const numbers = numbersOf(got);
  assert.is(numbers.length, want.length, what);
  for (let i = 0; i < want.length; i++) {
    const [x, y] = [numbers[i]!, want[i]!];
    if (x === y) continue;
    const allowed = bound * (1 + Math.abs(y)) + halfUlp(y, got.dtype);
    if (!(Math.abs(x - y) <= allowed)) assert.unreachable(`${what}[${i}] is ${x}, expected ${y} within ${allowed}`);
  }
}

/** Runs with resident operands too, and holds the results to the same bits. */
function onBothSides(
  engine: Engine,
  inputs: readonly HostTensor[],
  run: (tensors: readonly never[]) => Record<string, HostTensor | Tensor>,
): Record<string, HostTensor> {
  const used = engine.info.memory.used;
  const host = run(inputs as never) as Record<string, HostTensor>;
  const tensors = inputs.map((input) => engine.tensor(input));
  const resident = run(tensors as never) as Record<string, Tensor>;
  for (const name in host) assertSameBits(resident[name]!.toHost(), host[name]!, `resident ${name}`);
  for (const tensor of [...tensors, ...Object.values(resident)]) tensor.dispose();
  assert.is(engine.info.memory.used, used, "memory in use");
  return host;
}

export function checkLinear(engine: Engine): void {
  const random = new Random(20);
  for (let i = 0; i < 40; i++) {
    const dtype = random.pick(DTYPES);
    const [In, Out] = [random.pick(DIMS), random.pick(LENGTHS)];
    const lead = random.pick([[], [random.pick(LENGTHS)], [2, random.pick(LENGTHS)]]);
    const x = hostTensor(random.normals(size(lead) * In), [...lead, In], dtype);
    const weight = hostTensor(random.normals(Out * In), [Out, In], dtype);
    const bias = hostTensor(random.normals(Out), [Out], dtype);
    const inputs = random.chance(0.5) ? [x, weight, bias] : [x, weight];
    const { output } = onBothSides(engine, inputs, ([a, b, c]) => ({ output: engine.linear(a!, b!, c) }));
    const want = oracle.linear(operandOf(x), operandOf(weight), inputs[2] && operandOf(inputs[2]));
    assert.equal(output!.shape, want.shape);
    near(output!, want.data, 1e-5, `linear ${lead} ${In} ${Out} ${dtype}`);
  }
}

export function checkPooling(engine: Engine): void {
  const random = new Random(21);
  for (let i = 0; i < 40; i++) {
    const dtype = random.pick(DTYPES);
    const [B, N, D] = [random.integer(1, 3), random.pick(LENGTHS), random.pick(DIMS)];
    const shape = B === 1 && random.chance(0.5) ? [N, D] : [B, N, D];
    const x = hostTensor(random.normals(B * N * D, 0.3), shape, dtype);
    const got = onBothSides(engine, [x], ([a]) => ({ ...engine.attentionPooling(a!) }));
    const want = oracle.attentionPooling({ ...operandOf(x), shape: [B, N, D] });
    for (const name of ["context", "weights", "scores"] as const) {
      near(got[name]!, want[name].data, 2e-5, `pooling ${shape} ${dtype} ${name}`);
    }
  }
}

export function checkAdditive(engine: Engine): void {
  const random = new Random(22);
  for (let i = 0; i < 40; i++) {
    const [B, Sq, Sk] = [random.integer(1, 3), random.pick(LENGTHS), random.pick(LENGTHS)];
    const [A, Dq, Dk, Dv] = [random.pick(DIMS), random.pick(DIMS), random.pick(DIMS), random.pick(DIMS)];
    const dtype = random.pick(DTYPES);
    const make = (...shape: number[]) => hostTensor(random.normals(size(shape), 0.5), shape, dtype);
    const [q, k, v] = [make(B, Sq, Dq), make(B, Sk, Dk), make(B, Sk, Dv)];
    const [Wq, Wk, b, s] = [make(A, Dq), make(A, Dk), make(A), make(A)];
    const mask = { data: Uint8Array.from({ length: B * Sk }, () => (random.chance(0.8) ? 1 : 0)), shape: [B, 1, Sk] };
    const got = onBothSides(
      engine,
      [q, k, v, Wq, Wk, b, s],
      ([a, c, d, queryWeight, keyWeight, keyBias, scoreWeight]) =>
        ({
          ...engine.additiveAttention(a!, c!, d!, {
            queryWeight: queryWeight!,
            keyWeight: keyWeight!,
            keyBias: keyBias!,
            scoreWeight: scoreWeight!,
            mask,
            returnLse: true,
            returnWeights: true,
          }),
        }) as Record<string, HostTensor | Tensor>,
    );
    const want = oracle.additiveAttention(
      oracle.linear(operandOf(q), operandOf(Wq)),
      oracle.linear(operandOf(k), operandOf(Wk), operandOf(b)),
      operandOf(v),
      numbersOf(s),
      { mask: { data: mask.data, shape: [B, 1, 1, Sk] } },
    );
    for (const name of ["output", "lse", "weights"] as const) {
      near(got[name]!, want[name].data, 2e-5, `additive ${[B, Sq, Sk, A, Dq, Dk, Dv]} ${dtype} ${name}`);
    }
  }
}

export function checkRotary(engine: Engine): void {
  const random = new Random(23);
  for (let i = 0; i < 60; i++) {
    const [B, H, S] = [random.integer(1, 3), random.integer(1, 3), random.pick(LENGTHS)];
    const D = random.pick([2, 4, 8, 64, 80, 33]);
    const rotaryDim = 2 * random.integer(1, Math.floor(D / 2));
    const interleaved = random.chance(0.5);
    const base = random.pick([10000, 500000, 100]);
    const dtype = random.pick(DTYPES);
    const bshd = random.chance(0.4);
    const x = hostTensor(random.normals(B * H * S * D), [B, H, S, D], dtype);
    const form = random.pick(["offset", "row", "batch"]);
    const offset = random.integer(-5, 100);
    const rows = Int32Array.from({ length: form === "batch" ? B * S : S }, (_, s) =>
      form === "offset" ? offset + s : random.integer(0, 300),
    );
    const options = {
      base,
      rotaryDim,
      interleaved,
      layout: bshd ? "BSHD" : "BHSD",
      ...(form === "offset"
        ? { offset }
        : form === "row"
          ? { positions: rows }
          : { positions: { data: rows, shape: [B, S] } }),
    } as const;
    const { output } = onBothSides(engine, [bshd ? swapHeads(x) : x], ([a]) => ({
      output: engine.rotaryEmbedding(a!, options),
    }));
    const want = oracle.rotaryEmbedding(operandOf(x), rotaryDim, interleaved, (b, s, pair) => {
      const angle = rows[form === "batch" ? b * S + s : s]! * base ** ((-2 * pair) / rotaryDim);
      return [Math.cos(angle), Math.sin(angle)];
    });
    const back = bshd ? swapHeads({ ...output!, shape: [B, S, H, D] }) : output!;
    near({ ...back, dtype }, want.data, 1e-6, `rotary ${[B, H, S, D]} ${JSON.stringify(options)} ${dtype}`);
  }
}

export function checkMerge(engine: Engine): void {
  const random = new Random(24);
  for (let i = 0; i < 40; i++) {
    const dtype = random.pick(DTYPES);
    const [B, H, S, D] = [random.integer(1, 2), random.integer(1, 3), random.pick(LENGTHS), random.pick(DIMS)];
    const count = random.integer(1, 4);
    const parts = Array.from({ length: count }, () => {
      const lse = random.normals(B * H * S, 20).map((x) => (random.chance(0.2) ? Number.NEGATIVE_INFINITY : x));
      return [hostTensor(random.normals(B * H * S * D), [B, H, S, D], dtype), hostTensor(lse, [B, H, S])] as const;
    });
    const got = onBothSides(engine, parts.flat(), (flat) => ({
      ...engine.mergeAttention(parts.map((_, part) => ({ output: flat[2 * part]!, lse: flat[2 * part + 1]! }))),
    }));
    const want = oracle.mergeAttention(
      parts.map(([output, lse]) => ({ output: operandOf(output), lse: operandOf(lse) })),
    );
    near(got.output!, want.output.data, 2e-5, `merge of ${count} ${[B, H, S, D]} ${dtype}: output`);
    near(got.lse!, want.lse.data, 1e-6, `merge of ${count} ${[B, H, S, D]}: lse`);
  }
}
