// Reads the wire format of protocol buffers, apart from the code that writes it: field number -> values, where a value is
// a number or the bytes of a text or message.
export type Message = Map<number, (number | Uint8Array)[]>;

export function fieldsOf(bytes: Uint8Array): Message {
  const message: Message = new Map();
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let power = 1; ; power *= 128) {
      const byte = bytes[at++]!;
      value += (byte % 128) * power;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    let value: number | Uint8Array;
    if (tag % 8 === 0) value = varint();
    else if (tag % 8 === 2) {
      const length = varint();
      value = bytes.subarray(at, at + length);
      at += length;
    } else if (tag % 8 === 5) {
      value = new DataView(bytes.buffer, bytes.byteOffset + at).getFloat32(0, true);
      at += 4;
    } else throw new Error(`wire type ${tag % 8} at ${at}`);
    if (at > bytes.length) throw new Error("a field goes past the end");
    message.set(number, [...(message.get(number) ?? []), value]);
  }
  return message;
}
