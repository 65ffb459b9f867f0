// What travels in the package to get the builds out of their text again. encode.mjs writes that text.
//
// Its characters are numbered from '#' on, up to '~', 91. The frequent bytes are one character each, numbers below 89; any other
// byte is two: 89 + n / 92 and n % 92, where n is 256 - byte (byte itself would take gzip 46 bytes more). So bytes
// stay aligned to characters and gzip sees repetitions. It runs once, cold, in an interpreter: hence one table, one
// loop, and copies done by the runtime.

export const FIRST = 35;
export const SINGLE = 89;
export const ALL = 92;
/** Longer than any build. */
const ROOM = 65536;

/**
 * The bytes that `steps` tell: a text, then how much of `base` to pass over and how much to copy, and so on.
 * @param gaps how far each frequent byte is from the one before it
 */
export function decode(gaps, steps, base) {
  let byte = 0;
  const frequent = Uint8Array.from(gaps, (gap) => (byte += gap.charCodeAt(0) - FIRST));
  const bytes = new Uint8Array(ROOM);
  let n = 0;
  let from = 0;
  for (let s = 0; s < steps.length; s += 3) {
    const text = steps[s];
    for (let i = 0; i < text.length; ) {
      const number = text.charCodeAt(i++) - FIRST;
      bytes[n++] = number < SINGLE ? frequent[number] : (SINGLE - number) * ALL + FIRST - text.charCodeAt(i++);
    }
    if (s + 1 < steps.length) {
      from += steps[s + 1];
      const end = from + steps[s + 2];
      bytes.set(base.subarray(from, end), n);
      n += end - from;
      from = end;
    }
  }
  return bytes.slice(0, n);
}
