// The pipelines of examples/: outputs and attention weights against the same models in float64, with seeded weights and with
// those the examples bring along; and each as a program, with and without a file of weights.
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { decode } from "fast-png";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { samplePicture } from "../src/cli/sample.js";
import type { Engine, HostTensor } from "../src/index.js";
import type { Module, WeightSource } from "../src/layers/index.js";
import { assertWithin } from "./layers/exact.js";
import type { Weights } from "./layers/multi-head.js";
import * as oracles from "./pipelines/oracles.js";

type Floats = HostTensor & { data: Float32Array<ArrayBuffer> };
type State = Map<string, Floats>;
// Examples import the package by its name, and so must what is given to them
const example = (path: string) => import(pathToFileURL(`examples/${path}.mjs`).href);
const packaged = (name: string) => import(name);
const run = promisify(execFile);

const { loadSync } = await packaged("attention-wasm");
const { loadWeights, saveWeights, stateDict } = await packaged("attention-wasm/layers");
const { seededWeights } = await example("weights/blank");
const { ENGLISH, FRENCH, SENTENCES, START, tokens } = await example("inputs/lexicon");
const { balloon, inPatches, withKite } = await example("inputs/pictures");
const engine: Engine = loadSync({ build: "simd" });
const folder = mkdtempSync(join(tmpdir(), "attention-pipelines-"));
const test = suite("examples: pipelines");
test.after(() => rmSync(folder, { recursive: true }));

/** A model with weights, and the weights as the oracles take them. */
function filled<M>(make: (engine: Engine) => M, weightsOf: (model: M) => State): { model: M; weights: Weights } {
  const model = make(engine);
  const state = weightsOf(model);
  loadWeights(model as Module, state as WeightSource);
  return { model, weights: Object.fromEntries(state) as Weights };
}

const SOURCES = [`${START} ${SENTENCES[0]}`, ...SENTENCES] as string[];
const TRANSLATIONS = [
  "le jeune chien ne voit pas la petite maison blanche .",
  "le chat noir voit la souris verte .",
  "une grande souris blanche dort dans le jardin et le chat dort .",
];

for (const [kind, SIZES] of [
  ["recurrent", { embeddingDim: 13, hiddenSize: 9, attentionDim: 7 }],
  ["transformer", { dModel: 36, nhead: 3, dimFeedforward: 20, maxLength: 16 }],
] as const) {
  const file = await example(`translate-${kind}`);
  const Translator = file[kind === "recurrent" ? "RecurrentTranslator" : "TransformerTranslator"];
  const { [kind === "recurrent" ? "translatorByHand" : "transformerByHand"]: byHand } = await example(
    `weights/translate-${kind}`,
  );

  const check = (model: InstanceType<typeof Translator>, weights: Weights, sentence: string, heads: number) => {
    const got = model.translate(sentence);
    // What was written is fed back, one late
    const fed = [0, ...got.words.slice(0, -1).map((word: string) => FRENCH.indexOf(word))];
    const source = tokens(kind === "recurrent" ? sentence : `${START} ${sentence}`).data;
    let steps: { logits: number[]; weights: number[] }[];
    if (kind === "recurrent") {
      steps = oracles.recurrentTranslator(weights, source, fed);
    } else {
      const whole = oracles.transformerTranslator(weights, source, fed, heads);
      assertWithin(got.heads, whole.heads, 1e-5, "weight of the encoder");
      ({ steps } = whole);
    }
    assert.equal(got.weights.shape, [got.words.length, source.length]);
    assertWithin(
      got.weights,
      steps.flatMap((step) => step.weights),
      1e-5,
      "weight",
    );
    assertWithin(
      got.logits,
      steps.flatMap((step) => step.logits),
      1e-4,
      "logit",
    );
    for (const [i, { logits }] of steps.entries()) {
      const most = Math.max(...logits);
      const chosen = logits[FRENCH.indexOf(got.words[i])]!;
      assert.ok(chosen > most - 1e-4, `word ${i} is not the likeliest`);
    }
    return got.words.join(" ");
  };

  test(`${kind} translation with seeded weights is the model in float64`, () => {
    const make = (e: Engine) => new Translator(e, SIZES);
    const written = new Set(
      [1, 2, 3].map((seed) => {
        const { model, weights } = filled(make, (model) => seededWeights(model, seed));
        return check(model, weights, SOURCES[seed]!, 3);
      }),
    );
    assert.is(written.size, 3);
  });

  test(`${kind} translation with weights by hand speaks French`, () => {
    const { model, weights } = filled((e) => new Translator(e), byHand);
    for (const [i, sentence] of SENTENCES.entries()) assert.is(check(model, weights, sentence, 4), TRANSLATIONS[i]);
    assert.throws(() => model.translate("the purple cat sleeps ."), /"purple" is not in the vocabulary/);
  });
}

test("both translators agree on every sentence of a small grammar", async () => {
  const [recurrent, transformer] = await Promise.all(
    ["recurrent", "transformer"].map(async (kind) => {
      const file = await example(`translate-${kind}`);
      const made = await example(`weights/translate-${kind}`);
      const Translator = file.RecurrentTranslator ?? file.TransformerTranslator;
      return filled<{ translate(sentence: string): { words: string[] } }>(
        (e) => new Translator(e),
        made.translatorByHand ?? made.transformerByHand,
      ).model;
    }),
  );
  const genders = { cat: "m", dog: "m", mouse: "f", house: "f", garden: "m" } as const;
  for (const [noun, gender] of Object.entries(genders)) {
    for (const verb of ["sleeps", "does not sleep"]) {
      const sentence = `a big black ${noun} in the garden ${verb} .`;
      const f = gender === "f";
      const inFrench = { cat: "chat", dog: "chien", mouse: "souris", house: "maison", garden: "jardin" }[noun];
      const start = `${f ? "une grande" : "un grand"} ${inFrench} ${f ? "noire" : "noir"} dans le jardin`;
      const want = `${start} ${verb === "sleeps" ? "dort" : "ne dort pas"} .`;
      assert.is(recurrent!.translate(sentence).words.join(" "), want);
      assert.is(transformer!.translate(sentence).words.join(" "), want);
    }
  }
  assert.ok(ENGLISH.length > 20);
});

test("the picture is the one that the command line makes", () => {
  const { data, width, height } = samplePicture();
  const { picture } = balloon();
  assert.equal([picture.width, picture.height], [width, height]);
  assert.equal(
    [...picture.data],
    Array.from(data, (value) => Math.round(Math.min(1, value) * 255)),
  );
});

test("images: spatial attention, self-attention and what a cell looks at, in float64", async () => {
  const { LookingNetwork } = await example("image");
  const { lookingByHand } = await example("weights/image");
  const { planes } = balloon();
  // A corner, so that the plain loops take no time
  const [H, W] = [48, 56];
  const part = Float32Array.from({ length: 3 * H * W }, (_, at) => {
    const [c, y, x] = [Math.floor(at / (H * W)), Math.floor(at / W) % H, at % W];
    return planes.data[(c * 128 + y + 30) * 128 + x + 20];
  });
  const corner = { data: part, shape: [3, H, W] };
  for (const [sizes, weightsOf] of [
    [{ channels: 12, heads: 3 }, seededWeights],
    [undefined, lookingByHand],
  ] as const) {
    const { model, weights } = filled((e) => new LookingNetwork(e, sizes), weightsOf);
    const seen = model.forward(corner);
    const heads = sizes?.heads ?? 2;
    const want = oracles.lookingNetwork(weights, corner, heads);
    assertWithin(seen.spatial, want.spatial, 1e-5, "spatial weight");
    assertWithin(seen.output, want.output, 1e-4, "output");
    const [rows, columns] = seen.spatial.shape;
    const cells = rows * columns;
    for (const [row, column] of [
      [0, 0],
      [5, 9],
      [rows - 1, columns - 1],
    ]) {
      const looked = model.look(seen, row, column);
      assert.equal(looked.shape, [heads, rows, columns]);
      const from = (h: number) => (h * cells + row! * columns + column!) * cells;
      const expected = Array.from({ length: heads }, (_, h) => want.weights.slice(from(h), from(h) + cells)).flat();
      assertWithin(looked, expected, 1e-5, "weight of a cell");
    }
  }
  // The orange stripe sees orange: more than half of its colour head lies on the balloon
  const { model } = filled((e) => new LookingNetwork(e), lookingByHand);
  const seen = model.forward(planes);
  const { data } = model.look(seen, 9, 8);
  let onBalloon = 0;
  for (let i = 0; i < 32 * 32; i++) if (Math.hypot((i % 32) - 12, Math.floor(i / 32) - 12) < 9) onBalloon += data[i]!;
  assert.ok(onBalloon > 0.5, `${onBalloon} of the weight is on the balloon`);
});

test("sequences: GRU and attention pooling in float64, and the year the level of the Nile fell", async () => {
  const { ChangeDetector, standardized } = await example("sequence");
  const { changeByHand } = await example("weights/sequence");
  const { NILE, FIRST_YEAR } = await example("inputs/nile");
  const { series, restored } = standardized(NILE);
  for (const [sizes, weightsOf] of [
    [{ hiddenSize: 7, attentionDim: 5 }, seededWeights],
    [undefined, changeByHand],
  ] as const) {
    const { model, weights } = filled((e) => new ChangeDetector(e, sizes), weightsOf);
    const got = model.forward(series);
    const want = oracles.changeDetector(weights, series.data);
    assert.equal([got.levels.shape, got.weights.shape], [[2], [100]]);
    assertWithin(got.weights, want.weights, 1e-5, "weight");
    assertWithin(got.levels, want.levels, 1e-5, "level");
    if (sizes) continue;
    const when = got.weights.data.indexOf(Math.max(...got.weights.data));
    assert.is(FIRST_YEAR + when, 1898);
    // The means of both parts are 1097.8 and 850.0
    const mean = (part: number[]) => part.reduce((sum, x) => sum + x, 0) / part.length;
    for (const [i, part] of [NILE.slice(0, when + 1), NILE.slice(when + 1)].entries()) {
      assert.ok(Math.abs(restored(got.levels.data[i]) - mean(part)) < 10);
    }
  }
});

test("autoencoder: a bottleneck of attention in float64, and the kite that it has never seen", async () => {
  const { MemoryAutoencoder, errors } = await example("autoencoder");
  const { memoryOfBalloon } = await example("weights/autoencoder");
  const known = inPatches(balloon().planes, 4);
  const changed = inPatches(withKite(balloon().planes), 4);
  for (const [sizes, weightsOf] of [
    [{ patchSize: 4, channels: 9, memories: 21 }, seededWeights],
    [undefined, memoryOfBalloon],
  ] as const) {
    const { model, weights } = filled((e) => new MemoryAutoencoder(e, sizes), weightsOf);
    const got = model.forward(changed);
    const want = oracles.memoryAutoencoder(weights, changed);
    // Squared distances reach several hundred
    assertWithin(got.weights, want.weights, sizes ? 1e-5 : 2e-3, "weight");
    assertWithin(got.output, want.output, sizes ? 1e-5 : 2e-3, "output");
    if (sizes) continue;
    // Nothing in the picture that it knows is as wrong as the kite
    const most = Math.max(...errors(known, model.forward(known).output));
    const wrong = [...errors(changed, got.output).entries()].filter(([, error]) => error > 1.2 * most);
    const isNew = (patch: number) =>
      known.data.slice(48 * patch, 48 * patch + 48).some((v: number, i: number) => v !== changed.data[48 * patch + i]);
    assert.ok(wrong.length >= 6, `${wrong.length} patches stand out`);
    assert.ok(wrong.every(([patch]) => isNew(patch)));
  }
});

const PROGRAMS = {
  "translate-recurrent": [/le jeune chien ne voit pas la petite maison blanche \./, "RecurrentTranslator"],
  "translate-transformer": [/le jeune chien ne voit pas la petite maison blanche \./, "TransformerTranslator"],
  image: [/image-spatial\.svg, .* in /, "LookingNetwork"],
  sequence: [/Most weight lies on 1898: 1091 before, 852 after/, "ChangeDetector"],
  autoencoder: [/the patch in row 6, column 25 of 32 x 32/, "MemoryAutoencoder"],
} as const;

const MODELS = Object.fromEntries(
  await Promise.all(Object.keys(PROGRAMS).map(async (name) => [name, await example(name)])),
);

test("each runs by one command and draws the pictures of the documentation", async () => {
  const output = join(folder, "pictures");
  await Promise.all(
    Object.entries(PROGRAMS).map(async ([name, [words]]) => {
      const { stdout } = await run(process.execPath, [`examples/${name}.mjs`, "--output", output]);
      assert.match(stdout, /^weights: made by hand/);
      assert.match(stdout, words);
    }),
  );
  const names = readdirSync("docs/images/examples").sort();
  assert.equal(readdirSync(output).sort(), names);
  for (const name of names) {
    const [got, want] = [join(output, name), `docs/images/examples/${name}`].map((path) => readFileSync(path));
    const pixels = (file: Buffer) => Buffer.from(decode(file).data as Uint8Array);
    const same = name.endsWith(".png") ? pixels(got!).equals(pixels(want!)) : got!.equals(want!);
    assert.ok(
      same,
      `docs/images/examples/${name} is another picture: run the examples with --output docs/images/examples`,
    );
  }
});

test("each takes its weights from the bytes of a .safetensors file, and says what does not fit", async () => {
  for (const [name, [, model]] of Object.entries(PROGRAMS)) {
    const { model: made, weights } = filled<Module>((e) => new MODELS[name][model](e), seededWeights);
    const again = new MODELS[name][model](engine);
    loadWeights(again, saveWeights(made));
    for (const [key, { data }] of stateDict(again)) assert.equal(data, weights[key]!.data);
  }
  const made = filled<Module>(
    (e) => new MODELS.sequence.ChangeDetector(e),
    (m) => seededWeights(m, 5),
  ).model;
  const path = join(folder, "seeded.safetensors");
  writeFileSync(path, saveWeights(made));
  const start = (name: string) => run(process.execPath, [`examples/${name}.mjs`, path, "-o", join(folder, "seeded")]);
  const [good, wrong] = await Promise.all([start("sequence"), start("translate-recurrent").catch((error) => error)]);
  assert.ok(good.stdout.startsWith(`weights: ${path}\n`), good.stdout);
  assert.not.match(good.stdout, /1898: 1091 before/);
  assert.match(wrong.stderr, /the weights do not fit the layer; missing: embedding\.weight.*; surplus: .*pooling/);
});

test("what the models hold is freed with them", () => {
  const used = engine.info.memory.used;
  for (const [name, [, model]] of Object.entries(PROGRAMS)) {
    const made = new MODELS[name][model](engine);
    loadWeights(made, seededWeights(made));
    assert.ok(engine.info.memory.used > used);
    made.dispose();
  }
  assert.is(engine.info.memory.used, used);
});

test.run();
