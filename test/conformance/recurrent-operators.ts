// The ONNX operators whose state goes from call to call.
import type { Engine, HostTensor } from "../../src/index.js";
import { CausalConvWithState, LinearAttention, type LinearAttentionAttributes } from "../../src/onnx/index.js";
import type { Case } from "./cases.js";
import type { Results } from "./inputs.js";

function byName(test: Case, outputs: readonly HostTensor[]): Results {
  return Object.fromEntries(test.outputs.flatMap((want, i) => (want ? [[want.name, outputs[i]!]] : [])));
}

export const RECURRENT_OPERATORS: Record<string, (engine: Engine, test: Case) => Results> = {
  LinearAttention: (engine, test) => {
    const attributes = test.attributes as unknown as LinearAttentionAttributes;
    return byName(test, LinearAttention<HostTensor>(engine, test.inputs, attributes));
  },
  CausalConvWithState: (engine, test) =>
    byName(test, CausalConvWithState<HostTensor>(engine, test.inputs, test.attributes)),
};
