// ONNX models of a few nodes, field by field (onnx.proto, IR version 8).
import { field, join } from "./protobuf.mjs";

export const FLOAT = 1;
export const INT32 = 6;
export const INT64 = 7;

const BYTES = new Map([
  [FLOAT, 4],
  [INT32, 4],
  [INT64, 8],
]);
/** Of a node's attribute: AttributeProto.type and the field its value stands in. */
const ATTRIBUTES = { float: [1, 2], int: [2, 3], ints: [7, 8] };

/** `inputs` and `outputs` may have empty names, for what is left out. */
export function node(operator, inputs, outputs, { domain = "", attributes = {} } = {}) {
  return field(1, [
    ...inputs.flatMap((name) => field(1, name)),
    ...outputs.flatMap((name) => field(2, name)),
    ...field(4, operator),
    ...Object.entries(attributes).flatMap(([name, value]) => field(5, attribute(name, value))),
    ...field(7, domain),
  ]);
}

function attribute(name, value) {
  const kind = Array.isArray(value) ? "ints" : Number.isInteger(value) ? "int" : "float";
  const [type, at] = ATTRIBUTES[kind];
  const values = kind === "float" ? floatField(at, value) : [value].flat().flatMap((each) => field(at, each));
  return [...field(1, name), ...values, ...field(20, type)];
}

/** Floats stand in four bytes, wire type 5. */
function floatField(number, value) {
  return [Uint8Array.of(number * 8 + 5), new Uint8Array(new Float32Array([value]).buffer)];
}

/** A tensor that is part of the model. `data` is a typed array of the type's width. */
export function constant(name, shape, data, type = FLOAT) {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const expected = shape.reduce((n, size) => n * size, BYTES.get(type));
  if (bytes.length !== expected) throw new RangeError(`${name} must have ${expected} bytes: got ${bytes.length}`);
  return field(5, [
    ...shape.flatMap((size) => field(1, size)),
    ...field(2, type),
    ...field(8, name),
    ...field(9, bytes),
  ]);
}

const value = (number, name, shape, type = FLOAT) =>
  field(number, [
    ...field(1, name),
    ...field(
      2,
      field(1, [
        ...field(1, type),
        ...field(
          2,
          shape.flatMap((size) => field(1, field(1, size))),
        ),
      ]),
    ),
  ]);

export const input = (name, shape, type) => value(11, name, shape, type);
export const output = (name, shape, type) => value(12, name, shape, type);

/** A model of the parts of its graph. `opsets`: domain -> version. */
export function model(parts, opsets = { "": 17 }) {
  const graph = [...field(2, "attention"), ...parts.flat()];
  const imports = Object.entries(opsets).flatMap(([domain, version]) =>
    field(8, [...field(1, domain), ...field(2, version)]),
  );
  return join([...field(1, 8), ...imports, ...field(7, graph)]);
}
