// What travels in the package to get the builds out of their text again. encode.mjs writes that text.
//
// A digit is one of the 91 printable characters from '#' to '~' without the backslash. The 89 most frequent bytes are one
// digit each; the others follow one of two prefixes, so that bytes stay aligned to characters and gzip sees repetitions.

export const SINGLE = 89;
export const DIGITS = 91;

function digit(text, at) {
  const code = text.charCodeAt(at);
  return code - (code > 92 ? 36 : 35);
}

/** All bytes by their rank: the frequent ones as listed, then the others in order. */
export function ranks(frequent) {
  const rest = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !frequent.includes(byte));
  return frequent.concat(rest);
}

/** Appends the bytes of a text. */
function append(bytes, text, ranked) {
  for (let i = 0; i < text.length; i++) {
    let rank = digit(text, i);
    if (rank >= SINGLE) rank = SINGLE + (rank - SINGLE) * DIGITS + digit(text, ++i);
    bytes.push(ranked[rank]);
  }
}

/** The bytes that `steps` tell: a text, then where in `base` to copy from and how much, and so on. */
export function decode(frequent, steps, base) {
  const ranked = ranks(frequent);
  const bytes = [];
  for (let i = 0; i < steps.length; i += 3) {
    append(bytes, steps[i], ranked);
    for (let at = steps[i + 1], end = at + steps[i + 2]; at < end; at++) bytes.push(base[at]);
  }
  return new Uint8Array(bytes);
}
