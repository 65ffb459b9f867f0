// The benchmark's own parts: what it counts as work, what it holds engines against and what it makes of
// its numbers. Its programs are imported as they are; peers are not installed and nothing is compared for speed.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { attention } from "../src/reference/index.js";

const test = suite("bench");
const bench = (path: string) => import(pathToFileURL(resolve("bench", path)).href);

const { WORKLOADS, workloadOf, visibleKeys, keptBlocks, inputsOf } = await bench("harness/workloads.mjs");
const { referenceOf, rowsToCheck, largestError } = await bench("harness/reference.mjs");
const { warmUp } = await bench("harness/measure.mjs");
const { interleave, roundsWithin, takesPart } = await bench("harness/interleave.mjs");
const { summary } = await bench("harness/statistics.mjs");
const { againstCommits, figures, digits } = await bench("report/figures.mjs");
const { documentOf } = await bench("report/markdown.mjs");
const { goalsOf, judgeGoals } = await bench("report/goals.mjs");
/** Written by the harness: npm run bench -- --only ... --json test/bench/run.json */
const run = JSON.parse(readFileSync("test/bench/run.json", "utf8"));

test("work: two products for every key that a mask leaves", () => {
  const expected: Record<string, number> = {
    W1: 4 * 12 * 512 * 512 * 64,
    W2: 4 * 12 * 128 * 128 * 64,
    W3: 4 * 8 * ((2048 * 2049) / 2) * 64,
    "W4-kv8": 4 * 32 * ((512 * 513) / 2) * 128,
    W5: 4 * 32 * 4096 * 128,
    W6: 4 * 4 * 16 * 16 * 32,
    W8: 4 * 8 * ((32768 * 32769) / 2) * 64,
    W9: 4 * 8 * (16384 * 256 - (255 * 256) / 2) * 64,
  };
  for (const [id, flops] of Object.entries(expected)) assert.is(workloadOf(id).flops, flops, id);
  assert.is(workloadOf("W5").bytes, 2 * 32 * 4096 * 128 * 4);
  assert.is(workloadOf("W5-kv8-f16").bytes, 2 * 8 * 4096 * 128 * 2);
  // Two bytes of scale for 32 channels
  assert.is(workloadOf("W5-int4").bytes, 2 * 32 * 4096 * (64 + 8));
  assert.throws(() => workloadOf("W99"), /no workload W99: there are W1, W2/);
});

test("work: a tenth of the blocks and the diagonal, the same in every process", () => {
  const rows: number[][] = keptBlocks(workloadOf("W10"));
  assert.is(rows.length, 128);
  const kept = rows.reduce((sum, columns) => sum + columns.length, 0) / 128 ** 2;
  assert.ok(kept > 0.09 && kept < 0.12, `${kept}`);
  for (const [row, columns] of rows.entries()) assert.ok(columns.includes(row));
  assert.is(workloadOf("W10").flops, 4 * 8 * 64 * kept * 8192 ** 2);
  assert.equal(visibleKeys(workloadOf("W10"), 8191).at(-1), [8128, 8192]);
});

test("reference: the oracle of the tests, in float64", () => {
  const small = { heads: 4, keyHeads: 2, queries: 70, keys: 70, dim: 8, flops: 0 };
  for (const [more, options] of [
    [{}, {}],
    [{ causal: true }, { causal: true }],
    [
      { causal: true, window: 9 },
      { causal: true, window: [9, 0] },
    ],
  ] as const) {
    const workload = { ...small, ...more };
    const { query, key, value } = inputsOf(workload);
    const shape = (H: number) => [1, H, 70, 8];
    const operands = [
      { data: query, shape: shape(4) },
      { data: key, shape: shape(2) },
      { data: value, shape: shape(2) },
    ] as const;
    const { output } = attention(...operands, options);
    const rows: number[] = rowsToCheck(workload);
    assert.is(rows.length, 280);
    assert.ok(largestError(output.data, referenceOf(workload, inputsOf(workload), rows), rows, 8) < 1e-14);
  }
});

test("reference: a sample of rows of large workloads, the first and the last among them", () => {
  for (const workload of WORKLOADS) {
    const rows: number[] = rowsToCheck(workload);
    const all = workload.heads * workload.queries;
    assert.is(rows.length, workload.flops <= 2e9 || all <= 192 ? all : 192, workload.id);
    assert.is(new Set(rows).size, rows.length);
    assert.equal([rows[0], rows.at(-1)], [0, all - 1]);
  }
});

test("an engine whose output is wrong is refused before it is timed", async () => {
  const workload = workloadOf("W6");
  const rows = rowsToCheck(workload);
  const wanted = referenceOf(workload, inputsOf(workload), rows);
  const giving = (change: (output: Float32Array) => void) => {
    const output = Float32Array.from(wanted);
    change(output);
    let timed = 0;
    return { run: () => void timed++, check: () => output, timed: () => timed };
  };
  const good = giving(() => {});
  const { error, repeats } = await warmUp(good, workload, wanted, rows);
  assert.ok(error < 1e-7 && repeats > 1 && good.timed() >= 3);
  for (const change of [
    (output: Float32Array) => output.set([output[700]! + 1e-3], 700),
    (output: Float32Array) => output.set([Number.NaN], 2047),
    (output: Float32Array) => output.fill(0),
  ]) {
    const bad = giving(change);
    let message = "";
    await warmUp(bad, workload, wanted, rows).catch((thrown: Error) => {
      message = thrown.message;
    });
    assert.match(message, /its result is not that of float64: it differs by /);
    assert.is(bad.timed(), 0);
  }
});

test("a slow first call is not what is timed", async () => {
  const workload = workloadOf("W6");
  const rows = rowsToCheck(workload);
  const reference = referenceOf(workload, inputsOf(workload), rows);
  const check = () => new Promise((resolve) => setTimeout(() => resolve(reference), 1600));
  assert.ok((await warmUp({ check, run: () => undefined }, workload, reference, rows)).ms < 100);
});

test("rounds: slow engines take part in fewer, evenly spread", () => {
  assert.is(roundsWithin(15, 1500, 10, 2), 15);
  assert.is(roundsWithin(15, 1500, 400, 1), 3);
  assert.is(roundsWithin(15, 1500, 9000, 1), 1);
  for (const own of [1, 2, 3, 7, 15]) {
    const taken = Array.from({ length: 15 }, (_, round) => takesPart(round, own, 15)).filter(Boolean);
    assert.is(taken.length, own);
  }
  assert.ok(!takesPart(0, 0, 15) && !takesPart(14, 0, 15));
  assert.equal(summary([4, 1, 2, 3]), { n: 4, min: 1, p25: 1.75, median: 2.5, p75: 3.25 });
});

test("rounds: each begins with the next engine", async () => {
  const engine = (name: string) => {
    const ready = { host: { ms: 1, repeats: 1 }, resident: { ms: 2, repeats: 1 } };
    return { engine: { name }, ready, problem: undefined as string | undefined };
  };
  const entries = [...["A", "B", "slow", "bad", "C"].map(engine), { engine: { name: "absent" }, problem: "not there" }];
  const order: string[] = [];
  const { limits, plan } = await interleave(entries, {
    rounds: 4,
    limits: () => order.push("|"),
    async sample({ engine: { name } }: { engine: { name: string } }, mode: string, round: number) {
      order.push(`${name}.${mode.slice(0, 1)}${mode.slice(-1)}`);
      if (name === "bad") throw new Error("broken");
      return 10 + round;
    },
    budget: ({ name }: { name: string }) => (name === "slow" ? 1 : 100),
  });
  const [, ...rounds] = order.join(" ").split("|");
  assert.equal(
    rounds.map((each) => each.trim()),
    [
      "A.ht A.rt B.ht B.rt bad.ht C.ht C.rt",
      "B.ht B.rt C.ht C.rt A.ht A.rt",
      "C.ht C.rt A.ht A.rt B.ht B.rt",
      "C.ht C.rt A.ht A.rt B.ht B.rt slow.ht slow.rt",
    ],
  );
  assert.is(limits.length, 4);
  assert.is(entries[3]!.problem, "broken");
  const timesOf = (name: string) =>
    plan.find((part: { entry: (typeof entries)[0] }) => part.entry.engine.name === name).times;
  assert.equal(timesOf("A"), [10, 11, 12, 13]);
  assert.equal(Object.entries(timesOf("slow")), [["3", 13]]);
});

test("figures: rates, shares and ratios of a run", () => {
  const engine = (name: string, family: string, median: number, threads = 1) => {
    const modes = { resident: { n: 1, min: median, p25: median, median, p75: median, error: 0, samples: [median] } };
    return { name, title: name, family, threads, modes };
  };
  const workload = {
    id: "W1",
    flops: 1e9,
    bytes: 1e8,
    limits: {
      multiplyAdd: { median: 50, samples: [50] },
      average: { median: 45, samples: [45] },
      twoCores: { median: 80, samples: [80] },
      twoCoresAverage: { median: 72, samples: [72] },
      read: { median: 10, samples: [10] },
    },
    engines: [
      engine("relaxed", "ours", 25),
      engine("relaxed-2", "ours", 12.5, 2),
      engine("ort-web-a", "javascript", 50),
      engine("plain", "javascript", 1000),
      engine("ort-node-a", "native", 20),
      { name: "ort-node-gqa", title: "", family: "native", threads: 1, problem: "no", offered: false },
    ],
  };
  const { rate, share, javascript, native } = figures(workload, "relaxed", "resident");
  assert.equal([rate, share, javascript, native], [40, 0.8, 2, 0.8]);
  // Two threads are held against what two cores gave, or twice one where that was not measured
  assert.is(figures(workload, "relaxed-2", "resident").share, 1);
  const { twoCores, ...single } = workload.limits;
  assert.is(figures({ ...workload, limits: single }, "relaxed-2", "resident").share, 0.8);
  // A peer is compared with the best of the others
  assert.is(figures(workload, "ort-web-a", "resident").javascript, 20);
  assert.is(figures(workload, "relaxed", "host"), undefined);
  assert.is(figures(workload, "ort-node-gqa", "resident"), undefined);
  const decoding = { ...workload, decode: true };
  assert.equal(
    [figures(decoding, "relaxed", "resident").rate, figures(decoding, "relaxed-2", "resident").share],
    [4, 0.8],
  );
  const goals = judgeGoals(goalsOf({ workloads: [workload] }));
  const verdicts = goals.map(({ what, got, reached }: Record<string, unknown>) => [what, got, reached]);
  assert.equal(verdicts, [
    ["W1: share of the multiply-add peak", "0.800 (the machine 0.900)", true],
    ["W1: times as fast as onnxruntime-web", "2.00 x", false],
    ["W1: 2 threads, times as fast as 1", "2.00 x (the machine 1.60 x)", true],
  ]);
  assert.equal([0, 0.00123, 0.5, 12.345, 1234.5, undefined].map(digits), ["0", "0.0012", "0.500", "12.3", "1235", ""]);
});

test("figures: what was sampled in one round is compared", () => {
  const times = (samples: (number | null)[]) => ({ ...summary(samples.filter((each) => each !== null)), samples });
  // The machine slows down after the second round; the slow engine takes part in fewer
  const engines = [
    { name: "relaxed", family: "ours", threads: 1, modes: { resident: times([10, 10, 20, 20, 40]) } },
    { name: "ort-web-a", family: "javascript", threads: 1, modes: { resident: times([null, 30, null, null, 120]) } },
    { name: "ort-node-a", family: "native", threads: 1, modes: { resident: times([15, null, null, null, null]) } },
    { name: "tfjs-heads", family: "javascript", threads: 1, modes: { resident: times([200, null, null, null, null]) } },
  ];
  const limits = { multiplyAdd: times([50, 50, 25, 25, 12.5]), read: times([1, 1, 1, 1, 1]) };
  const workload = { id: "W1", flops: 4e8, bytes: 1, limits, engines };
  const { share, javascript, native } = figures(workload, "relaxed", "resident");
  assert.equal([share, javascript, native], [0.8, 3, 1.5]);
  // No round in common: of medians
  assert.is(figures(workload, "tfjs-heads", "resident").javascript, 75 / 200);
  const unpaired = engines.map(({ modes, ...engine }) => {
    const { samples, ...rest } = modes.resident;
    return { ...engine, modes: { resident: rest } };
  });
  const old = { ...workload, engines: unpaired };
  assert.equal(
    [figures(old, "relaxed", "resident").share, figures(old, "relaxed", "resident").javascript],
    [0.8, 3.75],
  );
});

test("figures: how many times as fast as an earlier commit, round by round", async () => {
  const { enginesOfOurs } = await bench("harness/engines.mjs");
  const { joined, resultOf } = await bench("harness/result.mjs");
  const { tableOf } = await bench("report/terminal.mjs");
  const workload = workloadOf("W1");
  const times: Record<string, number[]> = {
    relaxed: [10, 20, 40],
    "relaxed-abc1234": [11, 24, 40],
    "simd-2": [5, 5, 5],
  };
  const entries = enginesOfOurs(["abc1234"]).map((engine: { name: string }) => {
    const ready = { resident: { error: 0 } };
    return times[engine.name] ? { engine, ready } : { engine, problem: "it has none", offered: true };
  });
  const plan = entries
    .filter(({ problem }: { problem?: string }) => !problem)
    .map((entry: { engine: { name: string } }) => ({ entry, mode: "resident", times: times[entry.engine.name] }));
  const one = [1, 1, 1].map(() => ({ multiplyAdd: 50, read: 10 }));
  const measured = resultOf(workload, entries, { limits: one, plan });
  assert.equal(measured.engines.map(({ name }: { name: string }) => name).slice(4), [
    "relaxed-abc1234",
    "relaxed-2-abc1234",
    "simd-abc1234",
    "simd-2-abc1234",
  ]);
  // Rounds in pages of their own, where engines stand in other orders
  const runs = one.map((limits, round) => {
    const times = plan.map((part: { times: number[] }) => ({ ...part, times: [part.times[round]] }));
    return [resultOf(workload, round === 1 ? [...entries].reverse() : entries, { limits: [limits], plan: times })];
  });
  assert.equal(joined(runs), [measured]);
  const failing = structuredClone(runs);
  const { engines } = failing[2]![0];
  engines[0] = { name: engines[0].name, problem: "it fell over", offered: true };
  assert.is(joined(failing)[0].engines[0].problem, "it fell over");
  const [compared, ...others] = againstCommits(measured);
  assert.equal(others, []);
  assert.is(compared.title, "attention-wasm relaxed, abc1234");
  // Of rounds, not of medians, whose ratio is 1.2
  assert.equal([compared.resident.median, compared.resident.p25, compared.resident.n], [1.1, 1.05, 3]);
  const table: string = tableOf({ ...run, workloads: [measured] });
  assert.match(table, /\nattention-wasm relaxed, abc1234 +1\.100 +1\.050-1\.150 +3\n/);
  assert.match(table, "failed: it has none (attention-wasm: relaxed, 2 threads; simd; relaxed, 2 threads, abc1234; ");
  assert.not.match(tableOf(run), "this checkout");
});

test("what is compared with commits has a process of its own in every round", async () => {
  const { compileBoth } = await bench("harness/compile.mjs");
  const { runRounds } = await bench("harness/rounds.mjs");
  const { enginesOfOurs } = await bench("harness/engines.mjs");
  const settings = {
    node: { path: process.execPath, flags: [] },
    engines: enginesOfOurs().filter(({ name }: { name: string }) => name === "simd"),
    workloads: [workloadOf("W6")],
    rounds: 3,
    limits: (await compileBoth("bench/assembly/limits.ts", "limits")).simd,
  };
  for (const anew of [true, false]) {
    let checks = 0;
    const say = (text: string) => {
      if (text.endsWith("check")) checks++;
    };
    const { workloads } = await runRounds({ ...settings, anew, say });
    assert.is(workloads[0].engines[0].modes.resident.n, 3);
    assert.is(checks, anew ? 3 : 1);
  }
});

test("a round settles on the core that makes the most additions, where a program may choose", async () => {
  const { settle } = await bench("harness/cores.mjs");
  const other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  try {
    const cores: number[] = [];
    const allowed = () => /^Cpus_allowed_list:\t(.*)$/m.exec(readFileSync(`/proc/${other.pid}/status`, "utf8"))![1];
    const { core, together } = await settle(other.pid, () => {
      cores.push(Number(allowed()));
      return cores.length === 2 ? 12 : 9;
    });
    if (core === undefined) return assert.ok(cores.length < 2);
    assert.is(core, cores[1]);
    assert.is(Number(allowed()), core);
    assert.is(together, (12 + 9) / 12);
  } finally {
    other.kill();
  }
});

test("what a starved core measured is measured again", async () => {
  const { starved } = await bench("harness/rounds.mjs");
  const result = (additions: number[], multiplyAdd: number[]) => ({
    limits: { additions: { samples: additions }, multiplyAdd: { samples: multiplyAdd } },
  });
  const free = result([12, 12, 12], [50, 50, 50]);
  // A slower clock slows both
  const slow = result([10.8, 10.8, 10.8], [45, 45, 45]);
  const busy = result([10, 12, 10], [50, 50, 50]);
  assert.equal(starved([busy, free, slow]), [0]);
  assert.equal(starved([busy, busy]), []);
  assert.equal(starved([{ limits: { multiplyAdd: { samples: [50] } } }, busy, free]), []);
});

test("limits: one core and two at once, at best and on average", async () => {
  const { compileBoth } = await bench("harness/compile.mjs");
  const { limitsOf } = await bench("engines/limits.mjs");
  const { startSecondCore } = await bench("engines/second-core.mjs");
  const module = new WebAssembly.Module(readFileSync((await compileBoth("bench/assembly/limits.ts", "limits")).simd));
  const second = await startSecondCore(module);
  const { multiplyAdd, average, twoCores, twoCoresAverage, plainRead, read } = limitsOf(module, second)();
  const stopped = second.steps();
  for (const value of [average, twoCoresAverage, plainRead]) assert.ok(value > 0);
  assert.ok(read >= plainRead);
  assert.ok(multiplyAdd >= average && twoCores >= twoCoresAverage && twoCores < 1e4);
  await new Promise((resolve) => setTimeout(resolve, 20));
  // A turn that had begun may end
  assert.ok(second.steps() - stopped <= 2000, "it goes on after the measurement");
  second.end();
});

test("the table of a whole run has workloads, sizes, cold starts and limits", async () => {
  const { tableOf } = await bench("report/terminal.mjs");
  const whole = JSON.parse(readFileSync("docs/performance.json", "utf8"));
  const table: string = tableOf(whole);
  for (const { id, title } of whole.workloads) assert.ok(table.includes(`${id}  ${title}`), id);
  const [size] = whole.sizes;
  assert.match(
    table,
    new RegExp(`${size.title} +${(size.raw / 1000).toFixed(1)} +${(size.gzip / 1000).toFixed(1)}\\n`),
  );
  const start = whole.coldStarts.find(({ title }: { title: string }) => title === "attention-wasm");
  const times = ["whole", "over", "inside"].map((key) => start[key].median.toFixed(1));
  assert.match(table, new RegExp(`${start.title} +${times.join(" +")}\\n`));
  assert.ok(table.includes("limits to reach"));
});

test("docs/performance.md: every number of the run, failures with their reasons", () => {
  const text: string = documentOf(run);
  assert.match(text, `Measured on ${run.date.slice(0, 10)} on ${run.machine.cpu}`);
  for (const workload of run.workloads) {
    assert.ok(text.includes(`### ${workload.id}: ${workload.title}`));
    for (const engine of workload.engines) {
      if (engine.problem) {
        const reason = `${engine.offered === false ? "not asked" : "failed"}: ${engine.problem}`;
        const told = text.split("\n").filter((line) => line.startsWith("- ") && line.endsWith(reason));
        assert.ok(
          told.some((line) => line.includes(engine.title)),
          `${workload.id} ${engine.name}`,
        );
      } else {
        const { rate, share } = figures(workload, engine.name, "resident");
        assert.ok(text.includes(`| ${digits(rate)} | ${share.toFixed(2)} |`), `${workload.id} ${engine.name}`);
      }
    }
  }
  assert.match(text, /- onnxruntime-web Attention, .*: failed: .*overflow/i);
  assert.match(text, "the operator has as many key heads as query heads");
  assert.match(
    text,
    /\| W2: share of the multiply-add peak \| at least 0\.8 \| \d\.\d{3} \(the machine \d\.\d{3}\) \| (yes|\*\*no\*\*) \|/,
  );
  assert.not.match(text, /undefined|NaN|Infinity|\[object/);
  // Parts that a run leaves out leave no empty headings
  const bare: string = documentOf({ ...run, workloads: [] });
  assert.not.match(bare, /## (Workloads|Limits to reach|Sizes|Other runtimes)/);
});

test("docs/performance.md is what docs/performance.json gives", () => {
  if (!existsSync("docs/performance.json")) return console.log("note: docs/performance.json has not been written yet");
  const written = documentOf(JSON.parse(readFileSync("docs/performance.json", "utf8")));
  assert.is(
    readFileSync("docs/performance.md", "utf8"),
    written,
    "run npm run bench -- --from docs/performance.json --write",
  );
});

test("options: wrong words are told", () => {
  const program =
    "const { readOptions } = await import('./bench/harness/options.mjs'); readOptions(['', '', ...process.argv.slice(1)])";
  const refused: [string[], RegExp][] = [
    [["--only", "W1,W99"], /no workload W99: there are W1, W2/],
    [["--engines", "fast"], /no engine fast: there are relaxed/],
    [["--rounds", "0"], /'--rounds <n>' argument '0' is invalid. it must be an integer from 1/],
    [["--node", "18"], /no Node 18: there are 20, 22, 24, 26/],
    [["--kernel", "cache"], /no kernel cache: there are all, blocks/],
    [["--runtime", "workerd"], /no runtime workerd: there are node-20/],
    [["--from", "x.json", "--only", "W1"], /--from cannot be used with --only/],
    [["--from", "x.json", "--node", "26"], /--from cannot be used with --node/],
    [["--runtime", "deno", "--node", "26"], /--runtime cannot be used with --node/],
    [["--against", "nonsense"], /no commit nonsense in the repository of this checkout|and git says: /],
    [["--against", ","], /no commit given/],
    [["--against", "HEAD", "--engines", "simd,plain"], /--engines plain cannot be used with --against|and git says: /],
    [["--runtime", "deno", "--engines", "ort-web-a"], /--engines ort-web-a cannot be used with --runtime/],
    [["W1"], /too many arguments/],
  ];
  for (const [args, message] of refused) {
    const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program, "--", ...args], {
      encoding: "utf8",
    });
    assert.is(status, 1, args.join(" "));
    assert.match(stderr, message);
  }
});

test("micro-benchmarks: one under the stem of every kernel", async () => {
  const { KERNEL_FILES } = await bench("harness/kernel-list.mjs");
  const kernels = readdirSync("assembly", { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => readdirSync(`assembly/${name}`).map((file) => `${name}/${file.replace(/\.ts$/, "")}`))
    .filter((file) => !["layers/abi", "layers/index"].includes(file));
  assert.equal(Object.values(KERNEL_FILES).sort(), kernels.sort());
  for (const file of kernels) assert.ok(existsSync(`bench/${file}.mjs`), `bench/${file}.mjs is missing`);
  assert.is(KERNEL_FILES.tiles, "gemm/tiles");
  // Two of one stem go by their paths
  assert.is(KERNEL_FILES.pack, undefined);
  assert.equal([KERNEL_FILES["gemm/pack"], KERNEL_FILES["attention/pack"]], ["gemm/pack", "attention/pack"]);
});

test("an earlier run: what is none is told", async () => {
  const { readRun } = await bench("harness/measure-all.mjs");
  assert.equal(readRun("test/bench/run.json"), run);
  for (const path of ["package.json", "README.md"])
    assert.throws(() => readRun(path), new RegExp(`${path} must be what --json wrote`));
});

test("micro-benchmarks: every kernel runs on both builds", async () => {
  const { compileBoth } = await bench("harness/compile.mjs");
  const { KERNELS } = await bench("harness/kernel-list.mjs");
  const modules = await compileBoth("bench/assembly/kernels.ts", "kernels");
  const { relaxed: limits } = await compileBoth("bench/assembly/limits.ts", "limits");
  const order = JSON.stringify({ names: KERNELS, modules, limits, rounds: 1, warm: 1 });
  const flags = process.versions.node.startsWith("20.") ? ["--experimental-wasm-relaxed-simd"] : [];
  const printed = execFileSync(process.execPath, [...flags, "bench/harness/kernels.mjs", order], { encoding: "utf8" });
  const { cases } = JSON.parse(printed);
  for (const build of ["relaxed", "simd"]) {
    const names = new Set(
      cases.filter((each: { build: string }) => each.build === build).map((each: { name: string }) => each.name),
    );
    assert.equal([...names], KERNELS);
  }
  for (const { title, value } of cases) assert.ok(Number.isFinite(value), title);
});

test.run();
