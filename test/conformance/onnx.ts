// ONNX operators that run on the kernels of the layers: each by its name, with the case's inputs and attributes as they are.
import type { AnyTensor, Engine, HostTensor } from "../../src/index.js";
import * as onnx from "../../src/onnx/index.js";
import type { Case } from "./cases.js";
import type { Results } from "./inputs.js";

type Outputs = readonly (HostTensor | null | undefined)[];
type Operator = (engine: Engine, inputs: readonly (AnyTensor | null)[], attributes: never) => Outputs;

const OPERATORS = {
  CausalConvWithState: onnx.CausalConvWithState<HostTensor>,
  FlexAttention: onnx.FlexAttention<HostTensor>,
  Gelu: onnx.Gelu<HostTensor>,
  GRU: onnx.GRU<HostTensor>,
  LayerNormalization: onnx.LayerNormalization<HostTensor>,
  LinearAttention: onnx.LinearAttention<HostTensor>,
  LogSoftmax: onnx.LogSoftmax<HostTensor>,
  LSTM: onnx.LSTM<HostTensor>,
  RMSNormalization: onnx.RMSNormalization<HostTensor>,
  RNN: onnx.RNN<HostTensor>,
  Softmax: onnx.Softmax<HostTensor>,
  SwiGLU: onnx.SwiGLU<HostTensor>,
  Swish: onnx.Swish<HostTensor>,
  TensorScatter: onnx.TensorScatter<HostTensor>,
};

export const ONNX_OPERATIONS: Record<string, (engine: Engine, test: Case) => Results> = Object.fromEntries(
  Object.entries<Operator>(OPERATORS).map(([op, operator]) => [
    op,
    (engine, test) => byName(test, operator(engine, test.inputs, test.attributes as never)),
  ]),
);

/** An operator's outputs by the names that the case has for them; one that the case lists and that is not there is missed. */
export function byName(test: Case, outputs: Outputs): Results {
  const named = test.outputs.flatMap((expected, i) =>
    expected && outputs[i] ? [[expected.name, outputs[i]] as const] : [],
  );
  return Object.fromEntries(named);
}
