// The shapes of ONNX FlexAttention's inputs, checked against one another.
import { wrongValue } from "../errors.js";
import { showShape } from "../shape.js";
import { equalAxis } from "./inputs.js";

export interface FlexSizes {
  readonly batch: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly queries: number;
  readonly keys: number;
  readonly headSize: number;
  readonly valueSize: number;
}

type Named = { readonly name: string; readonly shape: readonly number[] };

export function checkFlexShapes(inputs: readonly Named[]): FlexSizes {
  for (const { name, shape } of inputs) {
    if (shape.length !== 4) {
      throw wrongValue(
        "ERR_SHAPE",
        `${name}.shape must have 4 axes, [batch, heads, length, size]: got ${showShape(shape)}`,
      );
    }
  }
  const [Q, K, V] = inputs.map(({ shape }) => shape) as [readonly number[], readonly number[], readonly number[]];
  const [batch, heads, queries, headSize] = Q as [number, number, number, number];
  if (headSize === 0) throw wrongValue("ERR_SHAPE", `Q.shape[3] must be at least 1: got ${headSize}`);
  equalAxis("K", K, 0, batch, "Q.shape[0]");
  equalAxis("V", V, 0, batch, "Q.shape[0]");
  equalAxis("K", K, 3, headSize, "Q.shape[3]");
  equalAxis("V", V, 1, K[1]!, "K.shape[1]");
  equalAxis("V", V, 2, K[2]!, "K.shape[2]");
  const keyHeads = K[1]!;
  if (keyHeads === 0 ? heads !== 0 : heads % keyHeads !== 0) {
    throw wrongValue("ERR_SHAPE", `Q.shape[1] must be a multiple of K.shape[1]: got ${heads} and ${keyHeads}`);
  }
  return { batch, heads, keyHeads, queries, keys: K[2]!, headSize, valueSize: V[3]! };
}
