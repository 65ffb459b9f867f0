// Weights of translate-transformer.mjs, written by hand: heads with one job each, as trained models have them too (Voita
// et al. 2019, section 5).
//
// Channels are words, then what is known of a word, then its place, one channel each. Three heads of the encoder work:
// - next: a word that goes after its noun looks at the next word, and takes that place;
// - previous: a word behind such a one looks at it, and takes that place; who has nothing to move looks at <s>, the attention
//   sink (Xiao et al. 2023), whose place is no place: a row of zeros;
// - gender: a word looks at the nearest noun to its right, and takes its gender.
// So the memory stands in the order of French, and the decoder's heads look for the place that is being written.
import { ENGLISH, ENTRIES, FRENCH } from "../inputs/lexicon.mjs";
import { Weights } from "./blank.mjs";

const WORDS = ENGLISH.length;
const [AFTER, NOUN, GENDER] = [WORDS, WORDS + 1, WORDS + 2];
/** Two that make every embedding, with its place, sum to 0 and equally long: then LayerNorm leaves it as it is. */
const FILLERS = [WORDS + 3, WORDS + 4];
const PLACE = WORDS + 5;
const START = 0;
const LENGTH_SQUARED = 16;
/** A logit that decides. */
const SURE = 24;

export function transformerByHand(model) {
  const weights = new Weights(model);
  const [places, E] = weights.get("positions.weight").shape;
  const D = E / 4;
  const headsOf = (name) => [0, 1, 2, 3].map((head) => headOf(weights, name, E, D, head));
  for (const name of weights.keys()) {
    // LayerNorm would make them sqrt(E) long
    if (/norm\d?\.weight$/.test(name)) weights.fill(name, Math.sqrt(LENGTH_SQUARED / E));
  }
  embeddings(weights, places);
  const [next, previous, gender] = headsOf("transformer.encoder.layers.0.self_attn");
  moving(next, 1, places);
  moving(previous, -1, places);
  asking(gender, places);
  for (const [h, head] of headsOf("transformer.decoder.layers.0.multihead_attn").entries()) {
    writing(head, h * D, D, places);
  }
  // The last layer reads the word, and for its ending the gender
  for (const { english, masculine, feminine } of ENTRIES) {
    weights.put("generator.weight", [masculine, english], 10);
    weights.put("generator.weight", [feminine, english], 10);
    if (masculine === feminine) continue;
    weights.put("generator.weight", [masculine, GENDER], -4);
    weights.put("generator.weight", [feminine, GENDER], 4);
  }
  return weights;
}

function embeddings(weights, places) {
  const embed = (name, token, place, features) => {
    for (const [channel, value] of features) weights.put(name, [token, channel], value);
    const values = [place, ...features.map(([, value]) => value)];
    const sum = values.reduce((total, value) => total + value, 0);
    const length = values.reduce((total, value) => total + value * value, 0);
    const apart = Math.sqrt((LENGTH_SQUARED - length - sum ** 2 / 2) / 2);
    weights.put(name, [token, FILLERS[0]], -sum / 2 - apart);
    weights.put(name, [token, FILLERS[1]], -sum / 2 + apart);
  };
  for (let place = 1; place < places; place++) weights.put("positions.weight", [place, PLACE + place], 1);
  embed("embedding.weight", START, 0, [[START, 1]]);
  for (const { english, gender, after } of ENTRIES) {
    const flags = [after ? 1 : 0, gender ? 1 : 0, gender];
    embed("embedding.weight", english, 1, [[english, 1], ...[AFTER, NOUN, GENDER].map((c, i) => [c, flags[i]])]);
  }
  // The decoder has no use for the words so far: only for the place
  for (let french = 0; french < FRENCH.length; french++) embed("target_embedding.weight", french, 1, []);
}

/** From each place to the one a step away. Channels of a head: one for each place, then two of its own. */
function moving(head, step, places) {
  const [sink, after] = [places, places + 1];
  const exists = (place) => place > 0 && place < places;
  for (let place = 1; place < places; place++) {
    if (exists(place + step)) head.query(place + step, PLACE + place, SURE);
    head.key(place, PLACE + place, 1);
    // Brings back that place, less the one a word has already
    head.value(place, PLACE + place, 1);
    head.output(PLACE + place, place, 1);
    if (exists(place - step)) head.output(PLACE + place - step, place, -1);
  }
  head.key(sink, START, 1);
  head.key(after, AFTER, 1);
  if (step > 0) {
    // The sink holds everyone back but those that go after
    head.queryBias(sink, 2 * SURE);
    head.query(sink, AFTER, -2 * SURE);
  } else {
    // It is stronger than the word before, unless that one goes after
    head.queryBias(sink, 1.5 * SURE);
    head.queryBias(after, SURE);
  }
}

/** From each word to the nearest noun at its own place or further on. */
function asking(head, places) {
  for (let place = 1; place < places; place++) {
    head.key(place, PLACE + place, 1);
    for (let other = 1; other < places; other++) {
      const right = other - place;
      head.query(other, PLACE + place, right < 0 ? 40 * right : -5 * right);
    }
  }
  head.queryBias(places, 2 * SURE);
  head.key(places, NOUN, 1);
  head.value(0, GENDER, 1);
  head.output(GENDER, 0, 1);
}

/** From the place that is written to the word that stands there; each head carries its share of the channels. */
function writing(head, first, D, places) {
  for (let place = 1; place < places; place++) {
    head.query(place, PLACE + place, SURE / 2);
    head.key(place, PLACE + place, 1);
  }
  for (let d = 0; d < D && first + d < PLACE; d++) {
    head.value(d, first + d, 1);
    head.output(first + d, d, 1);
  }
}

/** Writes into one head: `channel` is of the model, `d` of the head. */
function headOf(weights, name, E, D, head) {
  const write = (part) => (d, channel, value) =>
    weights.put(`${name}.in_proj_weight`, [part * E + head * D + d, channel], value);
  // Scores are divided by sqrt(D)
  const query = write(0);
  return {
    query: (d, channel, value) => query(d, channel, value * Math.sqrt(D)),
    queryBias: (d, value) => weights.put(`${name}.in_proj_bias`, [head * D + d], value * Math.sqrt(D)),
    key: write(1),
    value: write(2),
    output: (channel, d, value) => weights.put(`${name}.out_proj.weight`, [channel, head * D + d], value),
  };
}
