// This package, of this checkout or of an earlier commit, on one of its builds. A fresh engine for every job: what it says of its memory is that job's.
import { NotOffered } from "../harness/measure.mjs";
import { keptBlocks } from "../harness/workloads.mjs";

/** @param bring imports a file by its path from the root; bundlers have to know which those are */
export async function open({ folder, build, threads }, bring) {
  const { load, createBlockMask } = await bring(`${folder}/${threads > 1 ? "threads" : "index"}.js`);
  const options = { build, ...(threads > 1 && { threads, maximumMemory: 2 ** 31 }) };
  const trial = await load(options);
  const { info } = trial;
  if (info.threads < threads) throw new Error(`${threads} threads were asked for: ${info.reasons.threads}`);
  trial.close();
  return { prepare: (workload, inputs) => prepare(() => load(options), createBlockMask, workload, inputs) };
}

async function prepare(start, createBlockMask, workload, inputs) {
  const host = hostTensors(workload, inputs);
  const engines = { host: await start(), resident: await start() };
  const close = () => {
    for (const engine of Object.values(engines)) engine.close();
  };
  if (workload.cache) {
    if (!engines.host.kvCache) {
      close();
      throw new NotOffered("engine.kvCache is not there yet");
    }
    return {
      host: cached(engines.host, workload, host, false),
      resident: cached(engines.resident, workload, host, true),
      close,
    };
  }
  const options = optionsOf(workload, createBlockMask);
  return { host: fromHost(engines.host, host, options), resident: resident(engines.resident, host, options), close };
}

function hostTensors({ queryShape, keyShape }, { query, key, value }) {
  return [
    { data: query, shape: queryShape },
    { data: key, shape: keyShape },
    { data: value, shape: keyShape },
  ];
}

function optionsOf(workload, createBlockMask) {
  const { queries, keys, causal, window, blocks } = workload;
  const options = { ...(causal && { causal: true }), ...(window && { window: [window, 0] }) };
  if (!blocks) return options;
  const rows = keptBlocks(workload).map((columns) => new Set(columns));
  const attends = (_b, _h, q, k) => rows[q >> 6].has(k >> 6);
  return { ...options, blockMask: createBlockMask(attends, { queryLength: queries, keyLength: keys }) };
}

function fromHost(engine, [query, key, value], options) {
  let output;
  return {
    run() {
      output = engine.attention(query, key, value, options).output.data;
    },
    check() {
      this.run();
      return output;
    },
  };
}

function resident(engine, host, options) {
  const [query, key, value] = host.map((tensor) => engine.tensor(tensor));
  return {
    run() {
      engine.attention(query, key, value, options).output.dispose();
    },
    check() {
      const { output } = engine.attention(query, key, value, options);
      const { data } = output.toHost();
      output.dispose();
      return data;
    },
    /** Bytes at the peak, and what inputs and output take of them. */
    memory() {
      const needed = [...host, host[0]].reduce((sum, { data }) => sum + data.byteLength, 0);
      return { peak: engine.info.memory.peak, needed };
    },
  };
}

/** The cache is resident either way; what `wanted` says is whether query and output are. */
function cached(engine, { keyHeads, keys, dim, cache: dtype }, [query, key, value], wanted) {
  const cache = engine.kvCache({ batch: 1, kvHeads: keyHeads, headDim: dim, capacity: keys, dtype });
  cache.append(key, value);
  const asked = wanted ? engine.tensor(query) : query;
  const ask = () => cache.attention(asked).output;
  return {
    run() {
      const output = ask();
      if (wanted) output.dispose();
    },
    check() {
      const output = ask();
      if (!wanted) return output.data;
      const { data } = output.toHost();
      output.dispose();
      return data;
    },
  };
}
