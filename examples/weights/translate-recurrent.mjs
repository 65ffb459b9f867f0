// Weights of translate-recurrent.mjs, written by hand: what a recurrent translator may learn, in numbers that can be read.
//
// The encoder counts: one unit of its state, the clock, grows by a tick with each word. Read forwards it also remembers which
// word it is at, and whether the one before goes after its noun; read backwards, the gender of the next noun. The decoder has
// a clock of its own, and attention finds the word whose clock says the same, moved by a tick for words that change places.
import { ENGLISH, ENTRIES } from "../inputs/lexicon.mjs";
import { Weights } from "./blank.mjs";

const WORDS = ENGLISH.length;
/** Units of the hidden states, and features of the embedding, beyond one for each word. */
const [CLOCK, AFTER, BEFORE, GENDER] = [WORDS, WORDS + 1, WORDS + 2, WORDS + 3];
const NOUN = WORDS + 2;
/** So small that tanh(x) = x: the clock is then as good as linear. */
const TICK = 0.005;
/** tanh of it is 1, or a gate that is open or shut. */
const FULL = 20;

export function translatorByHand(model) {
  const weights = new Weights(model);
  const H = weights.get("bridge.bias").data.length;

  for (const { english, gender, after } of ENTRIES) {
    weights.put("embedding.weight", [english, english], 1);
    weights.put("embedding.weight", [english, AFTER], after ? 1 : 0);
    weights.put("embedding.weight", [english, NOUN], gender ? 1 : 0);
    weights.put("embedding.weight", [english, GENDER], gender);
  }

  // A GRU's gates: r open, z shut, so that h' = tanh(W x + b + U h): [r, z, n], each H rows
  const openGates = (name, suffix) => {
    for (let unit = 0; unit < H; unit++) {
      weights.put(`${name}.bias_ih_${suffix}`, [unit], FULL);
      weights.put(`${name}.bias_ih_${suffix}`, [H + unit], -FULL);
    }
  };
  const clock = (name) => {
    weights.put(`${name}.weight_hh_l0`, [2 * H + CLOCK, CLOCK], 1);
    weights.put(`${name}.bias_ih_l0`, [2 * H + CLOCK], TICK);
  };
  openGates("encoder", "l0");
  openGates("encoder", "l0_reverse");
  openGates("decoder", "l0");
  clock("encoder");
  clock("decoder");
  for (let word = 0; word < WORDS; word++) weights.put("encoder.weight_ih_l0", [2 * H + word, word], FULL);
  weights.put("encoder.weight_ih_l0", [2 * H + AFTER, AFTER], FULL);
  weights.put("encoder.weight_hh_l0", [2 * H + BEFORE, AFTER], FULL);
  // Backwards, z opens at nouns alone: the gender of one is kept until the next
  weights.put("encoder.weight_ih_l0_reverse", [2 * H + GENDER, GENDER], FULL);
  weights.put("encoder.bias_ih_l0_reverse", [H + GENDER], FULL);
  weights.put("encoder.weight_ih_l0_reverse", [H + GENDER, NOUN], -2 * FULL);

  // v . tanh(Wq s + Wk h + b): the difference of two steps is a bump where both clocks agree
  for (const [unit, side] of [1, -1].entries()) {
    const steep = 2 / TICK;
    weights.put("attention.Wq.weight", [unit, CLOCK], steep);
    weights.put("attention.Wk.weight", [unit, CLOCK], -steep);
    weights.put("attention.Wk.weight", [unit, AFTER], -steep * TICK);
    weights.put("attention.Wk.weight", [unit, BEFORE], steep * TICK);
    // The decoder's clock says 0 when the encoder's had its first tick
    weights.put("attention.Wk.bias", [unit], steep * TICK + side);
    weights.put("attention.v.weight", [0, unit], 1.8 * side);
  }

  // The generator reads the word, and for its ending the gender, from the context
  const context = H;
  for (const { english, masculine, feminine } of ENTRIES) {
    weights.put("generator.weight", [masculine, context + english], 10);
    weights.put("generator.weight", [feminine, context + english], 10);
    if (masculine === feminine) continue;
    weights.put("generator.weight", [masculine, context + H + GENDER], -4);
    weights.put("generator.weight", [feminine, context + H + GENDER], 4);
  }
  return weights;
}
