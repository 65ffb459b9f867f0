// The oracle behind the engine's interface, as far as the cases need it: so the same harness holds it to the same data.
import type { AttentionOptions, Engine, HostTensor } from "../../src/index.js";
import * as reference from "../../src/reference/index.js";
import type { Operand, ReferenceOptions, Result } from "../../src/reference/index.js";
import { ReferenceTensor } from "./reference-tensor.js";
import { numbersOf } from "./tolerance.js";

type Any = HostTensor | ReferenceTensor;

/** Results are float64; a resident operand gives a resident result. */
export function referenceEngine(): Engine {
  return {
    close() {},
    tensor: (host: HostTensor) => ReferenceTensor.of(host),
    attention(query: Any, key: Any, value: Any, options: AttentionOptions = {}) {
      const bshd = options.layout === "BSHD";
      const [q, k, v] = [query, key, value].map((tensor) => heads(tensor, bshd)) as [Operand, Operand, Operand];
      const { output, lse, weights } = reference.attention(q, k, v, plainOptions(options));
      const rank = query.shape.length;
      const lead = query.shape.slice(0, Math.max(0, rank - 3));
      const rows = rank === 2 ? [q.shape[2]!] : [...lead, q.shape[1]!, q.shape[2]!];
      const side = (result: Result, shape: readonly number[]) => sideOf(query, { ...result, shape });
      return {
        output: sideOf(query, shaped(output, bshd, [...query.shape.slice(0, -1), v.shape[3]!])),
        lse: side(lse, rows),
        ...(options.returnWeights && { weights: side(weights, [...rows, k.shape[2]!]) }),
      };
    },
    attentionScores(query: Any, key: Any, options: AttentionOptions & { stage: keyof reference.Stages }) {
      const bshd = options.layout === "BSHD";
      const [q, k] = [heads(query, bshd), heads(key, bshd)];
      const scores = reference.attention(q, k, k, plainOptions(options)).stages[options.stage];
      return sideOf(query, query.shape.length === 2 ? { ...scores, shape: scores.shape.slice(2) } : scores);
    },
    linear: (x: HostTensor, weight: HostTensor, bias?: HostTensor) =>
      reference.linear(x as Operand, weight as Operand, bias as Operand),
    attentionPooling(x: HostTensor) {
      const [N, D] = x.shape.slice(-2) as [number, number];
      const batched = x.shape.length === 2;
      const { context, weights, scores } = reference.attentionPooling({
        ...(x as Operand),
        shape: batched ? [1, N, D] : x.shape,
      });
      const drop = (result: Result) => (batched ? { ...result, shape: result.shape.slice(1) } : result);
      return { context: drop(context), weights: drop(weights), scores: drop(scores) };
    },
    additiveAttention(query: Operand, key: Operand, value: Operand, options: Record<string, never>) {
      const { queryWeight, keyWeight, keyBias, scoreWeight, mask } = options as Record<string, Operand | undefined>;
      const q = reference.linear(query, queryWeight!);
      const k = reference.linear(key, keyWeight!, keyBias);
      const [B, Sq] = q.shape as [number, number];
      const four = mask && { ...mask, shape: [mask.shape[0]!, 1, ...mask.shape.slice(1)] };
      const { output, weights } = reference.additiveAttention(
        q,
        k,
        value,
        scoreWeight!.data,
        four ? { mask: four } : {},
      );
      return {
        output: { ...output, shape: [B, Sq, output.shape[3]!] },
        weights: { ...weights, shape: [B, Sq, weights.shape[3]!] },
      };
    },
    rotaryEmbedding(x: Any, options: Rotary) {
      const { base = 10000, interleaved = false, offset = 0, positions, cos, sin } = options;
      const bshd = options.layout === "BSHD";
      const four = heads(x, bshd);
      const [, , S, D] = four.shape as [number, number, number, number];
      const rotaryDim = options.rotaryDim ?? D;
      const half = rotaryDim / 2;
      const [cosines, sines] = [cos && plain(cos), sin && plain(sin)];
      const turned = reference.rotaryEmbedding(four, rotaryDim, interleaved, (b, s, i) => {
        if (!cosines || !sines) {
          const angle = (offset + s) * base ** ((-2 * i) / rotaryDim);
          return [Math.cos(angle), Math.sin(angle)];
        }
        const row = positions ? Number((positions.data as Int32Array)[b * S + s]) : b * S + s;
        return [cosines.data[row * half + i]!, sines.data[row * half + i]!];
      });
      return sideOf(x, shaped(turned, bshd, x.shape));
    },
  } as unknown as Engine;
}

interface Rotary {
  base?: number;
  interleaved?: boolean;
  rotaryDim?: number;
  offset?: number;
  positions?: HostTensor;
  cos?: Any;
  sin?: Any;
  layout?: string;
}

function plainOptions(options: AttentionOptions): ReferenceOptions {
  const { mask, bias, ...rest } = options;
  return {
    ...(rest as unknown as ReferenceOptions),
    ...(mask && { mask: plain(mask as Any) }),
    ...(bias && { bias: plain(bias as Any) }),
  };
}

function plain(tensor: Any): Operand {
  return tensor instanceof ReferenceTensor ? tensor : { data: numbersOf(tensor), shape: tensor.shape };
}

/** Any rank and layout as [B, H, S, D]. */
function heads(tensor: Any, bshd: boolean): Operand {
  const { data, shape } = bshd ? ReferenceTensor.of(plain(tensor)).permute([0, 2, 1, 3]) : plain(tensor);
  const padded = [1, 1, ...shape].slice(-Math.max(4, shape.length));
  const batch = padded.slice(0, -3).reduce((n, size) => n * size, 1);
  return { data, shape: [batch, ...padded.slice(-3)] };
}

/** [B, H, S, D] in the layout it came in. */
function shaped(result: Result, bshd: boolean, shape: readonly number[]): Operand {
  return { data: bshd ? ReferenceTensor.of(result).permute([0, 2, 1, 3]).data : result.data, shape };
}

function sideOf(like: Any, { data, shape }: Operand): Any {
  return like instanceof ReferenceTensor
    ? ReferenceTensor.of({ data, shape })
    : ({ data, shape } as unknown as HostTensor);
}
