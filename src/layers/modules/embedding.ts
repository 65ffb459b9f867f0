// Rows of a table by index (torch.nn.Embedding).
import type { AnyTensor } from "../../attention/options.js";
import { integer, knownOptions } from "../../checks.js";
import type { Engine } from "../../engine.js";
import { wrongKind, wrongValue } from "../../errors.js";
import { hostData, operand, Result } from "../../operand.js";
import { layerKernels } from "../kernels.js";
import { Module } from "../module.js";

export interface EmbeddingOptions {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
}

/** Parameter: `weight` [numEmbeddings, embeddingDim]. PyTorch's paddingIdx matters to training alone. */
export class Embedding extends Module {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;

  constructor(engine: Engine, options: EmbeddingOptions) {
    super(engine);
    knownOptions(options, ["numEmbeddings", "embeddingDim"]);
    this.numEmbeddings = integer("numEmbeddings", options.numEmbeddings, 1);
    this.embeddingDim = integer("embeddingDim", options.embeddingDim, 1);
    this.parameter("weight", [this.numEmbeddings, this.embeddingDim]);
  }

  /** indices int32 or int64 [...] -> float32 [..., embeddingDim], on the side of the indices */
  forward<T extends AnyTensor>(indices: T): T {
    this.ready();
    const { core } = this;
    const input = operand(core, "indices", indices);
    if (input.dtype !== "int32" && input.dtype !== "int64") {
      throw wrongKind("ERR_DTYPE", `indices must be int32 or int64: got ${input.dtype}`);
    }
    const data = hostData(input) as Int32Array | BigInt64Array;
    const rows = new Int32Array(data.length);
    for (let i = 0; i < data.length; i++) {
      const index = Number(data[i]);
      if (index < 0 || index >= this.numEmbeddings) {
        throw wrongValue("ERR_VALUE", `indices must lie from 0 to ${this.numEmbeddings - 1}: element ${i} is ${index}`);
      }
      rows[i] = index;
    }
    const table = this.values("weight");
    return core.call((scope) => {
      const shape = [...input.shape, this.embeddingDim];
      const result = new Result(scope, input.tensor !== undefined, shape, "float32");
      const indexed = scope.copyIn(rows);
      layerKernels(core).gatherRows(table.address, this.embeddingDim, indexed, rows.length, result.address);
      return result.take() as T;
    });
  }
}
