// Attention flow: the most that can flow from a token of the last layer to an input token, weights being capacities.
//
// Source: Abnar and Zuidema 2020, "Quantifying attention flow in transformers", section 3; rows normalised as in the
// authors' code. It costs a maximum flow for every pair of tokens: fine for sentences, not for books.
import { boolean, knownOptions } from "../checks.js";
import { wrongValue } from "../errors.js";
import { checkJoin, checkLayers, joinHeads, type JoinOptions, type LayerWeights } from "./layers.js";
import { FlowNetwork } from "./max-flow.js";
import type { Float32Numbers } from "./numbers.js";
import { hasBatch } from "./rollout.js";

export interface FlowOptions extends JoinOptions {
  /** Only these tokens of the last layer; all where it is left out. */
  readonly rows?: readonly number[];
  /** Whether each row is divided by its sum; default true. */
  readonly normalize?: boolean;
}

/**
 * @param layers weights of self-attention, the first layer first
 * @returns [B, rows, S], or [rows, S] where the weights have no batch: the flow from each token of the last layer to each
 *   input token
 */
export function attentionFlow(layers: LayerWeights, options: FlowOptions = {}): Float32Numbers {
  knownOptions(options, ["headFusion", "residual", "rows", "normalize"]);
  checkJoin(options);
  const list = checkLayers(layers, true);
  const [{ batch, queries: n }] = list;
  const normalize = options.normalize === undefined || boolean("normalize", options.normalize);
  const rows = options.rows ?? Array.from({ length: n }, (_, i) => i);
  for (const row of rows) {
    if (!Number.isInteger(row) || row < 0 || row >= n) {
      throw wrongValue("ERR_VALUE", `rows must be integers from 0 to ${n - 1}: got ${row}`);
    }
  }
  const data = new Float32Array(batch * rows.length * n);
  for (let b = 0; b < batch; b++) {
    // Node l * n + i is token i before layer l; the last n are what comes out
    const network = new FlowNetwork((list.length + 1) * n);
    for (const [l, layer] of list.entries()) {
      const capacity = joinHeads(layer, b, options);
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) {
          if (capacity[i * n + j]! > 0) network.connect((l + 1) * n + i, l * n + j, capacity[i * n + j]!);
        }
      }
    }
    for (const [r, row] of rows.entries()) {
      const flows = Array.from({ length: n }, (_, j) => network.maximumFlow(list.length * n + row, j));
      const sum = normalize ? flows.reduce((total, flow) => total + flow, 0) : 1;
      data.set(sum > 0 ? flows.map((flow) => flow / sum) : flows, (b * rows.length + r) * n);
    }
  }
  return { data, shape: hasBatch(layers) ? [batch, rows.length, n] : [rows.length, n] };
}
