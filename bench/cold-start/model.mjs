// softmax(Q K^T / sqrt(D)) V as an ONNX model, written field by field (onnx.proto, opset 17).

/** A field: a number, a text or bytes, or a message made of fields. */
function field(number, value) {
  if (typeof value === "number") return [...varint(number * 8), ...varint(value)];
  const bytes = typeof value === "string" ? [...Buffer.from(value)] : value;
  return [...varint(number * 8 + 2), ...varint(bytes.length), ...bytes];
}

function varint(value) {
  const bytes = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return [...bytes, value];
}

function node(operator, inputs, output, attributes = []) {
  return field(1, [
    ...inputs.flatMap((name) => field(1, name)),
    ...field(2, output),
    ...field(4, operator),
    ...attributes.flatMap((attribute) => field(5, attribute)),
  ]);
}

export function attentionModel(shape) {
  const permutation = [...field(1, "perm"), ...[0, 1, 3, 2].flatMap((axis) => field(8, axis)), ...field(20, 7)];
  const axis = [...field(1, "axis"), ...field(3, shape.length - 1), ...field(20, 2)];
  const scale = [...new Uint8Array(new Float32Array([1 / Math.sqrt(shape.at(-1))]).buffer)];
  const dimensions = shape.flatMap((size) => field(1, field(1, size)));
  const float32 = [...field(1, 1), ...field(2, dimensions)];
  const port = (number, name) => field(number, [...field(1, name), ...field(2, field(1, float32))]);
  const graph = [
    ...node("Transpose", ["key"], "turned", [permutation]),
    ...node("MatMul", ["query", "turned"], "products"),
    ...node("Mul", ["products", "scale"], "scores"),
    ...node("Softmax", ["scores"], "weights", [axis]),
    ...node("MatMul", ["weights", "value"], "output"),
    ...field(2, "attention"),
    ...field(5, [...field(2, 1), ...field(8, "scale"), ...field(9, scale)]),
    ...["query", "key", "value"].flatMap((name) => port(11, name)),
    ...port(12, "output"),
  ];
  return Uint8Array.from([...field(1, 8), ...field(7, graph), ...field(8, field(2, 17))]);
}
