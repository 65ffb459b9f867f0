// What travels in the package to get the builds out of their text again. encode.mjs writes that text.
//
// It is made of 91 printable characters, '#' to '~' without the backslash. The 89 most frequent bytes are one character
// each, up to '|'; the others are two, the first of them '}' or '~'. So bytes stay aligned to characters and gzip sees
// repetitions. It runs once, cold, in an interpreter: hence one table, one loop, and copies done by the runtime.

export const SINGLE = 89;
export const CHARACTERS = Array.from({ length: 92 }, (_, i) => i + 35).filter((code) => code !== 92);

/** Where a byte's place in the table is, by its rank: the code of its character, or 128 times the prefix on. */
export function placeOf(rank) {
  if (rank < SINGLE) return CHARACTERS[rank];
  const over = rank - SINGLE;
  return 128 * (1 + Math.floor(over / CHARACTERS.length)) + CHARACTERS[over % CHARACTERS.length];
}

/** All bytes by their rank: first the frequent ones, then the others. `gaps` has how far each frequent byte is from the last. */
export function ranks(gaps) {
  let last = -1;
  const frequent = Array.from(gaps, (gap) => (last += gap.charCodeAt(0) - 34));
  const rest = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !frequent.includes(byte));
  return frequent.concat(rest);
}

/** The bytes that `steps` tell: a text, then how much of `base` to pass over and how much to copy, and so on. */
export function decode(gaps, steps, base) {
  const table = new Uint8Array(384);
  for (const [rank, byte] of ranks(gaps).entries()) table[placeOf(rank)] = byte;
  let room = 0;
  for (const [s, step] of steps.entries()) if (s % 3 !== 1) room += step.length ?? step;
  const bytes = new Uint8Array(room);
  let n = 0;
  let from = 0;
  for (let s = 0; s < steps.length; s += 3) {
    const text = steps[s];
    for (let i = 0; i < text.length; ) {
      const code = text.charCodeAt(i++);
      bytes[n++] = table[code < 125 ? code : (code - 124) * 128 + text.charCodeAt(i++)];
    }
    if (s + 1 < steps.length) {
      const length = steps[s + 2];
      from += steps[s + 1];
      bytes.set(base.subarray(from, from + length), n);
      from += length;
      n += length;
    }
  }
  return bytes.slice(0, n);
}
