// What the peers that take models only are given: one operator.
import { input, model, node, output } from "../onnx/model.mjs";

export function attentionModel(shape) {
  const names = ["query", "key", "value"];
  return model(
    [node("Attention", names, ["output"]), ...names.map((name) => input(name, shape)), output("output", shape)],
    { "": 23 },
  );
}
