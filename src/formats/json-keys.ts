// JSON.parse keeps the last of two equal keys and says nothing; a header that names a tensor twice is a lie.

/** The first key that one object of `text` has twice, or undefined. `text` must be valid JSON. */
export function repeatedKey(text: string): string | undefined {
  const objects: Set<string>[] = [];
  let string: string | undefined; // the string just read: a key if a colon follows
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') {
      const start = at;
      for (at++; text[at] !== '"'; at++) if (text[at] === "\\") at++;
      string = JSON.parse(text.slice(start, at + 1)) as string;
    } else if (char === "{") {
      objects.push(new Set());
    } else if (char === "}") {
      objects.pop();
    } else if (char === ":" && string !== undefined) {
      const keys = objects.at(-1);
      if (keys?.has(string)) return string;
      keys?.add(string);
      string = undefined;
    }
  }
  return undefined;
}
