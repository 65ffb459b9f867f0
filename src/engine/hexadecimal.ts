// Bytes from hexadecimal digits, lower case.

export function fromHexadecimal(digits: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = digit(digits, 2 * i) * 16 + digit(digits, 2 * i + 1);
  return bytes;
}

/** '0' to '9' are 48 to 57, 'a' to 'f' 97 to 102. */
function digit(digits: string, at: number): number {
  const code = digits.charCodeAt(at);
  return code < 58 ? code - 48 : code - 87;
}
