// A little English and what it is in French: the words that both translators know.
/**
 * `french` has the form with masculine nouns and the one with feminine, where they differ. `gender` makes a word a noun. A word that
 * is `after` stands one place later in French than in English: the black cat, le chat noir; does not sleep, ne dort pas.
 */
const LEXICON = {
  the: { french: ["le", "la"] },
  a: { french: ["un", "une"] },
  small: { french: ["petit", "petite"] },
  big: { french: ["grand", "grande"] },
  young: { french: ["jeune"] },
  black: { french: ["noir", "noire"], after: true },
  white: { french: ["blanc", "blanche"], after: true },
  green: { french: ["vert", "verte"], after: true },
  red: { french: ["rouge"], after: true },
  cat: { french: ["chat"], gender: "masculine" },
  dog: { french: ["chien"], gender: "masculine" },
  garden: { french: ["jardin"], gender: "masculine" },
  mouse: { french: ["souris"], gender: "feminine" },
  house: { french: ["maison"], gender: "feminine" },
  sees: { french: ["voit"] },
  see: { french: ["voit"] },
  sleeps: { french: ["dort"] },
  sleep: { french: ["dort"] },
  does: { french: ["ne"] },
  not: { french: ["pas"], after: true },
  in: { french: ["dans"] },
  and: { french: ["et"] },
  ".": { french: ["."] },
};

export const SENTENCES = [
  "the young dog does not see the small white house .",
  "the black cat sees the green mouse .",
  "a big white mouse sleeps in the garden and the cat sleeps .",
];

/** Both vocabularies start with the token that starts a sentence. */
export const START = "<s>";
export const ENGLISH = [START, ...Object.keys(LEXICON)];
export const FRENCH = [START, ...new Set(Object.values(LEXICON).flatMap(({ french }) => french))];
export const ENTRIES = Object.entries(LEXICON).map(([english, { french, gender, after = false }]) => ({
  english: ENGLISH.indexOf(english),
  masculine: FRENCH.indexOf(french[0]),
  feminine: FRENCH.indexOf(french.at(-1)),
  gender: { masculine: -1, feminine: 1 }[gender] ?? 0,
  after,
}));

/** The indices of a sentence's words as a tensor [L]. */
export function tokens(sentence, vocabulary = ENGLISH) {
  const indices = sentence.split(" ").map((word) => vocabulary.indexOf(word));
  const unknown = indices.indexOf(-1);
  if (unknown >= 0) throw new RangeError(`"${sentence.split(" ")[unknown]}" is not in the vocabulary`);
  return { data: Int32Array.from(indices), shape: [indices.length] };
}
