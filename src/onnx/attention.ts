// ONNX Attention, opsets 23 to 25: https://onnx.ai/onnx/operators/onnx__Attention.html
//
// Scores go through scale, softcap, attn_mask (with causal, window and padding) and softmax; qk_matmul_output shows
// them after one of these steps. Query i stands at key position i + offset: past length, nonpad[b] - Sq, or 0.
import { wrongValue } from "../errors.js";
import type { AnyTensor, AttentionOptions, Engine, HostTensor, Tensor } from "../index.js";
import { type AttentionAttributes, type CheckedAttributes, checkAttributes } from "./attention-attributes.js";
import { type AttentionShapes, checkShapes, INPUTS, type NamedInputs } from "./attention-shapes.js";
import { dtypeOf, hostOf, type Inputs, integersOf, isResident, nameInputs, Residents } from "./inputs.js";
import { paddedMask } from "./mask.js";
import { narrow } from "./sixteen-bits.js";

export type { AttentionAttributes };

/** Y, present_key, present_value and qk_matmul_output. */
export type AttentionOutputs<T extends AnyTensor = AnyTensor> = [
  Y: T,
  presentKey: T | null,
  presentValue: T | null,
  qkMatmulOutput?: T,
];

/**
 * @param inputs Q, K, V, attn_mask, past_key, past_value, nonpad_kv_seqlen
 * @param outputs how many outputs the node lists. The fourth, qk_matmul_output, is a matrix of queries by keys: it is made
 *   where this is 4 or qk_matmul_output_mode is given; where neither tells, when it is first read
 * @returns the outputs in order, on the side of Q: present_key and present_value are null without past_key
 */
export function Attention<T extends AnyTensor = AnyTensor>(
  engine: Engine,
  inputs: Inputs,
  attributes: AttentionAttributes = {},
  outputs?: number,
): AttentionOutputs<T> {
  if (outputs === undefined && attributes?.qk_matmul_output_mode === undefined) {
    const given = run<T>(engine, inputs, attributes, 3);
    // An accessor that becomes the value, so that a node without this output never pays for it
    const become = (value: T) => Object.defineProperty(given, 3, { value, enumerable: true, writable: true });
    const get = () => become(run<T>(engine, inputs, attributes, 4)[3]!)[3];
    return Object.defineProperty(given, 3, { get, enumerable: true, configurable: true });
  }
  return run(engine, inputs, attributes, outputs ?? 4);
}

function run<T extends AnyTensor>(
  engine: Engine,
  inputs: Inputs,
  attributes: AttentionAttributes,
  outputs: number,
): AttentionOutputs<T> {
  const named = nameInputs("Attention", inputs, INPUTS, 3);
  const checked = checkAttributes(attributes);
  const shapes = checkShapes(named, checked);
  if (!Number.isInteger(outputs) || outputs < 1 || outputs > 4) {
    throw wrongValue("ERR_VALUE", `outputs must be an integer from 1 to 4: got ${outputs}`);
  }
  const resident = isResident(named.Q!);
  const residents = new Residents(engine);
  try {
    const presents = placePresents(residents, engine, named, shapes);
    const query = headsApart(residents, named.Q!, shapes.queryHeads, shapes.flat);
    const options = { ...attentionOptions(named, checked, shapes), layout: shapes.flat ? "BSHD" : "BHSD" } as const;
    const wantsWeights = outputs === 4 && checked.mode === 3;

    const { output, weights } = engine.attention(query, presents.K, presents.V, {
      ...options,
      returnWeights: wantsWeights,
    }) as { output: Tensor; weights?: Tensor };
    residents.own(output);
    if (weights) residents.own(weights);
    const Y = shapes.flat
      ? residents.reshape(output, [...named.Q!.shape.slice(0, 2), shapes.queryHeads * shapes.valueSize])
      : output;
    const stage = (["scaled", "capped", "masked"] as const)[checked.mode]!;
    const scores = () => weights ?? residents.own(engine.attentionScores(query, presents.K, { ...options, stage }));
    const exposed = outputs === 4 ? asQuery(residents, engine, scores(), named.Q!) : undefined;

    // Nothing fails from here on
    const give = (tensor: Tensor, like: AnyTensor) => residents.release(tensor, resident, like) as T;
    const given: AttentionOutputs<T> = [
      give(Y, named.Q!),
      presents.key ? give(presents.key, named.K!) : null,
      presents.value ? give(presents.value, named.V!) : null,
    ];
    if (exposed) given.push(give(exposed, named.Q!));
    return given;
  } finally {
    residents.end();
  }
}

function attentionOptions(
  named: NamedInputs,
  { causal, window, scale, softcap }: CheckedAttributes,
  shapes: AttentionShapes,
): AttentionOptions {
  const nonpad = named.nonpad_kv_seqlen && integersOf("nonpad_kv_seqlen", named.nonpad_kv_seqlen);
  const offset = nonpad ? nonpad.map((length) => length - shapes.queryLength) : shapes.pastLength;
  const [left, right] = window;
  const open = left < 0 && right < 0;
  const mask = named.attn_mask && paddedMask(named.attn_mask, shapes.keyLength);
  return {
    ...(scale !== undefined && { scale }),
    ...(softcap > 0 && { softcap }),
    ...(causal && { causal: { offset } }),
    ...(!open && { window: causal ? window : { left, right, offset } }),
    ...(nonpad && { keyLengths: nonpad }),
    ...(mask && (dtypeOf("attn_mask", mask) === "bool" ? { mask } : { bias: mask })),
  };
}

/** Keys and values as attention reads them, and the new caches where there is a past. */
function placePresents(residents: Residents, engine: Engine, named: NamedInputs, { keyHeads, flat }: AttentionShapes) {
  const both = (["K", "V"] as const).map((name) => {
    const fresh = headsApart(residents, named[name]!, keyHeads, flat);
    const past = named[name === "K" ? "past_key" : "past_value"];
    if (!past) return { read: fresh, present: undefined };
    const news = flat ? residents.permute(fresh, [0, 2, 1, 3]) : fresh;
    const present = residents.own(engine.tensor(concatenate(hostOf(past), hostOf(news))));
    return { read: flat ? residents.permute(present, [0, 2, 1, 3]) : present, present };
  });
  const [key, value] = both as [(typeof both)[0], (typeof both)[0]];
  return { K: key.read, V: value.read, key: key.present, value: value.present };
}

/** [B, S, H * D] seen as [B, S, H, D]; [B, H, S, D] as it is. */
function headsApart(residents: Residents, tensor: AnyTensor, heads: number, flat: boolean): Tensor {
  const placed = residents.place(tensor);
  if (!flat) return placed;
  const [B, S, width] = tensor.shape as [number, number, number];
  return residents.reshape(placed, [B, S, heads, width / heads]);
}

/** [B, H, P, D] and [B, H, S, D] become [B, H, P + S, D]. */
function concatenate(past: HostTensor, fresh: HostTensor): HostTensor {
  const [B, H, P, D] = past.shape as [number, number, number, number];
  const S = fresh.shape[2]!;
  const bytes = (tensor: HostTensor) =>
    new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);
  const [before, after] = [bytes(past), bytes(fresh)];
  const joined = new Uint8Array(before.length + after.length);
  const head = joined.length / (B * H);
  for (let h = 0; h < B * H; h++) {
    const [p, s] = [before.length / (B * H), after.length / (B * H)];
    joined.set(before.subarray(h * p, (h + 1) * p), h * head);
    joined.set(after.subarray(h * s, (h + 1) * s), h * head + p);
  }
  const ArrayKind = past.data.constructor as new (bytes: ArrayBufferLike) => HostTensor["data"];
  return { ...past, data: new ArrayKind(joined.buffer), shape: [B, H, P + S, D] };
}

/** float32 scores in the dtype of Q. */
function asQuery(residents: Residents, engine: Engine, scores: Tensor, Q: AnyTensor): Tensor {
  const dtype = dtypeOf("Q", Q);
  if (dtype !== "float16" && dtype !== "bfloat16") return scores;
  const data = narrow(scores.toHost().data as Float32Array, dtype);
  return residents.own(engine.tensor({ data, shape: scores.shape, dtype }));
}
