// torch.nn.functional.scaled_dot_product_attention and its extensions in the reference data, as options of attention.
import type { AttentionOptions, Causal, Engine, HostTensor, Window } from "../../src/index.js";
import type { Case } from "./cases.js";
import { input, only, optional, type Results } from "./inputs.js";

const INPUTS = ["q", "k", "v", "mask", "bias", "kv_len"];
const ATTRIBUTES = ["causal", "offset", "window", "softcap", "scale"];

/** Cases with a given dropout mask belong to training. */
export function waitsForTraining(test: Case): boolean {
  return (
    test.op === "scaled_dot_product_attention" &&
    (optional(test, "keep") !== undefined || Boolean(test.attributes.dropout_p))
  );
}

export function scaledDotProduct(engine: Engine, test: Case): Results {
  only(test, INPUTS, ATTRIBUTES);
  const { scale, softcap } = test.attributes as { scale?: number; softcap?: number };
  const mask = optional(test, "mask");
  const bias = optional(test, "bias");
  const lengths = optional(test, "kv_len");
  const causal = causalOf(test);
  const window = windowOf(test);
  const options: AttentionOptions = {
    ...(scale !== undefined && { scale }),
    ...(softcap !== undefined && { softcap }),
    ...(mask && { mask }),
    ...(bias && { bias }),
    ...(lengths && { keyLengths: Int32Array.from(lengths.data as BigInt64Array, Number) }),
    ...(causal && { causal }),
    ...(window && { window }),
  };
  const { output, lse, weights } = engine.attention(input(test, "q"), input(test, "k"), input(test, "v"), {
    ...options,
    returnLse: true,
    returnWeights: test.outputs.some((expected) => expected?.name === "weights"),
  }) as { output: HostTensor; lse: HostTensor; weights?: HostTensor };
  return { out: output, lse, ...(weights && { weights }) };
}

function causalOf(test: Case): Causal | undefined {
  switch (test.attributes.causal) {
    case undefined:
    case null:
    case false:
      return undefined;
    case "top-left":
      return "upper-left";
    case "bottom-right":
      return "lower-right";
    case "offset":
      return { offset: test.attributes.offset as number | number[] };
    default:
      throw new Error(`the tests do not know the alignment '${test.attributes.causal}'`);
  }
}

function windowOf(test: Case): Window | undefined {
  const { window, offset, causal } = test.attributes as {
    window?: [number, number];
    offset?: number | number[];
    causal?: string;
  };
  if (!window) {
    if (offset !== undefined && causal !== "offset")
      throw new Error("the tests do not know an offset without causal or window");
    return undefined;
  }
  return offset === undefined || causal ? window : { left: window[0], right: window[1], offset };
}
