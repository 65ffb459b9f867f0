// c = a b as an ONNX model (onnx.proto, opset 17); b is an input, or a constant of the model where its numbers are given.
import { field, join } from "../onnx/protobuf.mjs";

export function matMulModel(M, K, N, b) {
  const port = (number, name, shape) => {
    const dimensions = shape.flatMap((size) => field(1, field(1, size)));
    const type = field(1, [...field(1, 1), ...field(2, dimensions)]);
    return field(number, [...field(1, name), ...field(2, type)]);
  };
  const constant = b && [
    ...[K, N].flatMap((size) => field(1, size)),
    ...field(2, 1),
    ...field(8, "b"),
    ...field(9, new Uint8Array(b.buffer)),
  ];
  const graph = [
    ...field(1, [...field(1, "a"), ...field(1, "b"), ...field(2, "c"), ...field(4, "MatMul")]),
    ...field(2, "product"),
    ...(constant ? field(5, constant) : []),
    ...port(11, "a", [M, K]),
    ...(constant ? [] : port(11, "b", [K, N])),
    ...port(12, "c", [M, N]),
  ];
  return join([...field(1, 8), ...field(7, graph), ...field(8, field(2, 17))]);
}
