// As much of the protocol buffer wire format as ONNX models need: varints, and fields that hold bytes. Large tensors are
// carried along as they are, and copied once when the message is joined.

/** A field that is a number, a text, bytes, or a message given as its fields. */
export function field(number, value) {
  if (typeof value === "number") return [varint(number * 8), varint(value)];
  const parts =
    typeof value === "string" ? [new TextEncoder().encode(value)] : value instanceof Uint8Array ? [value] : value;
  return [varint(number * 8 + 2), varint(lengthOf(parts)), ...parts];
}

/** Fields after each other, as bytes. */
export function join(parts) {
  const bytes = new Uint8Array(lengthOf(parts));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const lengthOf = (parts) => parts.reduce((sum, { length }) => sum + length, 0);

function varint(value) {
  if (!(Number.isSafeInteger(value) && value >= 0))
    throw new RangeError(`a varint must be an integer from 0: got ${value}`);
  const bytes = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Uint8Array.from([...bytes, rest]);
}
