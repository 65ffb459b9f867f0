// The names of tokens, for the axes of maps: a JSON array of strings, or one token per line.
import { InputError } from "./failure.js";
import { readInput } from "./files.js";

export interface TokenNames {
  readonly queryTokens?: readonly string[];
  readonly keyTokens?: readonly string[];
}

/** Tokens for whichever of queries and keys there are as many of. */
export function readTokens(path: string, queries: number, keys: number): TokenNames {
  const tokens = readInput(path, (file) => parse(path, new TextDecoder().decode(file)));
  const names = {
    ...(tokens.length === queries && { queryTokens: tokens }),
    ...(tokens.length === keys && { keyTokens: tokens }),
  };
  if (Object.keys(names).length > 0) return names;
  const wanted = queries === keys ? `${queries}` : `${queries} queries or ${keys} keys`;
  throw new InputError(`${path}: must hold one token for each of ${wanted}: it holds ${tokens.length}`);
}

function parse(path: string, text: string): readonly string[] {
  if (!/\.json$/i.test(path)) return text.replace(/\r?\n$/, "").split(/\r?\n/);
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (error) {
    throw new InputError(`${path}: is no JSON: ${(error as Error).message}`);
  }
  if (!Array.isArray(found) || !found.every((token) => typeof token === "string")) {
    throw new InputError(`${path}: must be a JSON array of strings`);
  }
  return found;
}
