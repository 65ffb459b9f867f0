// The declarations as TypeScript finds them: strict, libraries checked too, both module formats, two compilers.
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { check } from "./checks.mjs";
import { consumer, run, toolPath } from "./workplace.mjs";

const SOURCE = `
import { type AttentionOptions, BlockMask, createBlockMask, type Engine, type HostTensor, load, loadSync, Tensor } from "attention-wasm";
import { heatmap, type HeatmapOptions, headDistance, longformerMask } from "attention-wasm/inspect";
import { Attention, FlexAttention, type LSTMAttributes, LSTM, type OnnxGraph } from "attention-wasm/onnx";
import { load as loadSlim } from "attention-wasm/slim";
import { load as loadThreads } from "attention-wasm/threads";

const options = { causal: true, returnLse: true } satisfies AttentionOptions;
const mask: BlockMask = createBlockMask((_b, _h, q, k) => q >= k, { queryLength: 3, keyLength: 3 });
export async function main(module: WebAssembly.Module): Promise<number> {
  const engine: Engine = await load({ deterministic: true });
  const x = { data: new Float32Array(12), shape: [3, 4] } satisfies HostTensor;
  const { output, lse } = engine.attention(x, x, x, options);
  const resident: Tensor = engine.attention(engine.tensor(x), engine.tensor(x), engine.tensor(x), { blockMask: mask }).output;
  // @ts-expect-error: weights were not asked for
  engine.attention(x, x, x, options).weights.shape;
  // @ts-expect-error: slim needs a module
  await loadSlim();
  await loadSlim({ module });
  await loadThreads({ threads: 2 });
  loadSync();
  const map = { theme: "dark", tokens: ["a", "b", "c"] } satisfies HeatmapOptions;
  const { weights } = engine.attention(x, x, x, { returnWeights: true, statistics: ["mass", { topK: 2 }] });
  const svg: string = heatmap(weights, map);
  const distances: Float32Array = headDistance([weights, engine.tensor(weights)]).data;
  createBlockMask(longformerMask({ window: 2 }), { queryLength: 3, keyLength: svg.length + distances.length });
  const [y] = Attention(engine, [x, x, x], { is_causal: 1 });
  const recurrent = { direction: "reverse", hidden_size: 4n } satisfies LSTMAttributes;
  const [, , c]: [HostTensor, HostTensor, HostTensor] = LSTM<HostTensor>(engine, [x, x, x], recurrent);
  const score_mod: OnnxGraph = { inputs: ["x"], outputs: ["y"], nodes: [{ op: "Abs", inputs: ["x"], outputs: ["y"] }] };
  FlexAttention(engine, [x, { data: new Float64Array(c.data.length), shape: c.shape }, x], { score_mod });
  return output.shape.length + lse.shape.length + resident.shape.length + (y ? 1 : 0);
}
`;
const WASM = `import module from "attention-wasm/simd.wasm";
import { main } from "./main.js";
main(module);
`;

const KINDS = {
  "node16, ES modules": { type: "module", module: "node16", moduleResolution: "node16" },
  "node16, CommonJS": { type: "commonjs", module: "node16", moduleResolution: "node16" },
  nodenext: { type: "module", module: "nodenext", moduleResolution: "nodenext" },
  bundler: { type: "module", module: "esnext", moduleResolution: "bundler" },
};

for (const compiler of ["typescript-5", "typescript-7"]) {
  for (const [kind, { type, ...options }] of Object.entries(KINDS)) {
    check(`${compiler}: ${kind}`, () => compile(compiler, type, options, ["ES2022", "DOM"]));
  }
  check(`${compiler}: bundler, condition workerd`, () =>
    compile(compiler, "module", { ...KINDS.bundler, customConditions: ["workerd"] }, ["ES2022", "DOM"]),
  );
  check(`${compiler}: Node's types without DOM`, () =>
    compile(compiler, "module", { module: "node16", moduleResolution: "node16", types: ["node"] }, ["ES2022"]),
  );
}

async function compile(compiler, type, { type: _, ...options }, lib) {
  const compilerOptions = {
    target: "es2022",
    lib,
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    noEmit: true,
    esModuleInterop: true,
    ...options,
  };
  const files = { "main.ts": SOURCE, "tsconfig.json": JSON.stringify({ compilerOptions, include: ["*.ts"] }) };
  if (type === "module") files["wasm.ts"] = WASM;
  const folder = await consumer(files, { type });
  if (compilerOptions.types.includes("node")) {
    for (const name of ["@types", "undici-types"]) {
      await symlink(toolPath(name), join(folder, "node_modules", name), "junction");
    }
  }
  await run(process.execPath, [toolPath(`${compiler}/bin/tsc`), "-p", "tsconfig.json"], { cwd: folder });
}
