// Tokens appended to a cache that holds them as 8 or 4 bits with a scale per 32 channels.
const HEADS = 8;
const TOKENS = 64;
const DIM = 128;

export const cases = (context) => appends(context, ["int8", "int4"]);

/** One page of tokens, keys and values, appended over and over. */
export function appends({ engine, tensor }, dtypes) {
  const shape = [1, HEADS, TOKENS, DIM];
  const [key, value] = [tensor(shape), tensor(shape)];
  return dtypes.map((dtype) => {
    const cache = engine.kvCache({ kvHeads: HEADS, headDim: DIM, capacity: TOKENS, dtype });
    return {
      title: `${TOKENS} tokens of ${HEADS} heads as ${dtype}, D ${DIM}`,
      elements: 2 * HEADS * TOKENS * DIM,
      run() {
        cache.append(key, value);
        cache.reset();
      },
    };
  });
}
