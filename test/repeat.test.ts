// A call like the last one takes its parameter block from there: same bits as a first call, whatever changed in between.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type AttentionOptions, type Engine, type HostTensor, loadSync, type Tensor } from "../src/index.js";
import { generator, tensor } from "./random.js";

const test = suite("repeated calls");
const random = generator(11);

/** What an engine that has seen nothing gives. */
function fresh(tensors: readonly HostTensor[], options: AttentionOptions): HostTensor {
  const engine = loadSync();
  const { output } = engine.attention(tensors[0]!, tensors[1]!, tensors[2]!, options);
  engine.close();
  return output;
}

function inputs(shape: readonly number[], keyShape = shape): HostTensor[] {
  return [tensor(random, ...shape), tensor(random, ...keyShape), tensor(random, ...keyShape)];
}

function check(engine: Engine, tensors: readonly HostTensor[], options: AttentionOptions): void {
  const expected = fresh(tensors, options);
  const { output } = engine.attention(tensors[0]!, tensors[1]!, tensors[2]!, options);
  assert.equal(output, expected, `host, ${JSON.stringify(options)}`);
  const resident = tensors.map((host) => engine.tensor(host));
  const result = engine.attention(resident[0]!, resident[1]!, resident[2]!, options);
  assert.equal(result.output.toHost(), expected, `resident, ${JSON.stringify(options)}`);
  for (const each of [...resident, result.output]) each.dispose();
}

test("any order of shapes, options and sides gives what a first call gives", () => {
  const engine = loadSync();
  const shapes = [
    [4, 8],
    [1, 2, 5, 8],
    [2, 2, 5, 8],
    [2, 5, 8],
  ];
  const options: AttentionOptions[] = [
    {},
    { causal: true },
    { causal: "upper-left" },
    { scale: 0.3 },
    { softcap: 2, causal: true },
    { similarity: "cosine" },
    { window: [1, 0] },
    { causal: { offset: 1 } },
  ];
  for (let step = 0; step < 120; step++) {
    const shape = shapes[Math.floor(random() * shapes.length)]!;
    const setting = options[Math.floor(random() * options.length)]!;
    for (let again = 0; again < 2; again++) check(engine, inputs(shape), setting);
  }
  assert.is(engine.info.memory.used, 0);
  engine.close();
});

test("options and shapes that the caller changed in place are seen", () => {
  const engine = loadSync();
  const shape = [1, 2, 6, 4];
  const [q, k, v] = inputs(shape) as [HostTensor, HostTensor, HostTensor];
  const options: { -readonly [K in keyof AttentionOptions]: AttentionOptions[K] } = { scale: 1 };
  const first = engine.attention(q, k, v, options).output;
  options.scale = 0.01;
  assert.not.equal(engine.attention(q, k, v, options).output, first);
  const moved = [q, k, v].map(({ data }) => ({ data, shape: [2, 1, 6, 4] }));
  assert.equal(engine.attention(moved[0]!, moved[1]!, moved[2]!, options).output, fresh(moved, options));
  engine.close();
});

test("the same array for several arguments, views, and the errors of a first call", () => {
  const engine = loadSync();
  const [x] = inputs([2, 6, 4]) as [HostTensor];
  for (let again = 0; again < 3; again++) assert.equal(engine.attention(x, x, x).output, fresh([x, x, x], {}));

  const whole = engine.tensor(x);
  const swapped = whole.permute([1, 0, 2]);
  const square = [0, 1].map(() => engine.tensor(tensor(random, 6, 2, 4)));
  for (const query of [square[0]!, swapped, square[1]!, swapped]) {
    const { output } = engine.attention(query, square[0]!, square[1]!);
    const hosts = [query, square[0]!, square[1]!].map((each) => each.toHost());
    assert.equal(output.toHost(), fresh(hosts, {}));
    output.dispose();
  }
  square[1]!.dispose();
  assert.throws(() => engine.attention(swapped, square[0]!, square[1]!), /value was disposed of/);
  assert.throws(() => engine.attention(whole, x as never, x as never), /key must be a resident Tensor/);
  engine.close();
  assert.throws(() => engine.attention(x, x, x), /engine is closed/);
});

test("what the caller's own code does while a repeated call reads its arguments", () => {
  const engine = loadSync();
  const [q, k, v] = inputs([2, 6, 4]) as [HostTensor, HostTensor, HostTensor];
  const before = engine.attention(q, k, v).output;
  (before.shape as number[])[0] = 7;
  assert.equal(engine.attention(q, k, v).output, fresh([q, k, v], {}), "a result's shape is its own");

  const detached = { data: (q.data as Float32Array).slice(), shape: q.shape };
  const detaching = {
    data: v.data,
    get shape() {
      structuredClone(detached.data.buffer, { transfer: [detached.data.buffer] });
      return v.shape;
    },
  };
  assert.throws(() => engine.attention(detached, k, detaching), /query.data must/);
  const calling = {
    data: v.data,
    get shape() {
      engine.attention(k, k, k, { scale: 2 });
      return v.shape;
    },
  };
  for (let again = 0; again < 2; again++) {
    engine.attention(q, k, v);
    assert.equal(engine.attention(q, k, calling).output, fresh([q, k, v], {}), "a call inside a call");
  }
  const inherited = Object.create({ scale: 2 }) as AttentionOptions;
  engine.attention(q, k, v, inherited);
  assert.equal(engine.attention(q, k, v, {}).output, fresh([q, k, v], {}), "an inherited option");
  assert.is(engine.info.memory.used, 0);
  const closing = {
    data: v.data,
    get shape() {
      engine.close();
      return v.shape;
    },
  };
  assert.throws(() => engine.attention(q, k, closing), /engine is closed/);
});

test("a repeated call leaves little to the garbage collector", () => {
  const engine = loadSync();
  const tensors = inputs([1, 4, 16, 32]);
  const [q, k, v] = tensors.map((host) => engine.tensor(host)) as [Tensor, Tensor, Tensor];
  const growth: number[] = [];
  for (let window = 0; window < 60; window++) {
    const { heapUsed } = process.memoryUsage();
    for (let call = 0; call < 100; call++) engine.attention(q, k, v).output.dispose();
    growth.push((process.memoryUsage().heapUsed - heapUsed) / 100);
  }
  // A collection in a window, or the compiler, leaves the median alone
  const median = growth.sort((a, b) => a - b)[30]!;
  assert.ok(median < 600, `${median} bytes a call`);
  engine.close();
});

test.run();
