// onnxruntime, in WebAssembly and native: a model of one operator. `host`: query, key and value are its inputs.
// `resident`: they are constants of the model, the nearest there is to tensors that stay, and of the output the first
// number is asked for. Graph optimisations are off, or a model of constants would be computed once, when it is loaded.
import { pathToFileURL } from "node:url";
import { NotOffered } from "../harness/measure.mjs";
import { constant, input, INT32, INT64, model, node, output } from "../onnx/model.mjs";
import { permuted } from "../onnx/permute.mjs";
import { requirePeer } from "./peers.mjs";

const MICROSOFT = { domain: "com.microsoft" };
const OPSETS = { "": 23, "com.microsoft": 1 };

export async function open({ name, operator, threads }) {
  const ort = await runtimeOf(name);
  const options = {
    executionProviders: [name === "onnxruntime-web" ? "wasm" : "cpu"],
    graphOptimizationLevel: "disabled",
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  };
  if (name === "onnxruntime-web") ort.env.wasm.numThreads = threads;
  const create = (bytes) => ort.InferenceSession.create(bytes, options);
  return {
    async prepare(workload, inputs) {
      const call = CALLS[operator](workload, inputs);
      const host = await create(modelOf(call, workload, false));
      const resident = await create(modelOf(call, workload, true));
      return {
        host: fromHost(ort, host, call),
        resident: fromConstants(resident, call),
        async close() {
          await host.release();
          await resident.release();
        },
      };
    },
  };
}

async function runtimeOf(name) {
  if (name === "onnxruntime-node") return requirePeer(name);
  return import(pathToFileURL(requirePeer.resolve(name).replace(/\.js$/, ".mjs")).href);
}

/** What each operator is given: { node, tensors: name -> [shape, data], constants, outputShape, toRows(output) }. */
const CALLS = {
  Attention({ queryShape, keyShape, causal }, { query, key, value }) {
    return {
      node: node("Attention", ["query", "key", "value"], ["output"], {
        attributes: { is_causal: Number(causal ?? false) },
      }),
      tensors: { query: [queryShape, query], key: [keyShape, key], value: [keyShape, value] },
      outputShape: queryShape,
      toRows: (data) => data,
    };
  },

  MultiHeadAttention({ heads, keyHeads, queries, keyShape, dim, causal, decode }, { query, key, value }) {
    if (keyHeads !== heads) throw new NotOffered("the operator has as many key heads as query heads");
    const attributes = { num_heads: heads, unidirectional: Number(causal ?? false) };
    const flat = [1, queries, heads * dim];
    // Keys and values of one query may lie as a cache has them, head by head
    const ofKeys = (data) => (decode ? [keyShape, data] : [flat, permuted(data, heads, queries, dim)]);
    return {
      node: node("MultiHeadAttention", ["query", "key", "value"], ["output"], { ...MICROSOFT, attributes }),
      tensors: { query: [flat, permuted(query, heads, queries, dim)], key: ofKeys(key), value: ofKeys(value) },
      outputShape: flat,
      toRows: (data) => permuted(data, queries, heads, dim),
    };
  },

  GroupQueryAttention({ heads, keyHeads, queries, keys, dim, causal, decode }, { query, key, value }) {
    if (!causal && !decode) throw new NotOffered("the operator is always causal");
    const flat = (rows, count) => [1, rows, count * dim];
    const tensors = { query: [flat(queries, heads), permuted(query, heads, queries, dim)] };
    // A decoder has all keys but the newest in its cache
    const past = decode ? keys - queries : 0;
    const part = (data, begin, end) => rowsOf(data, keyHeads, keys, dim, begin, end);
    for (const [name, data] of [
      ["key", key],
      ["value", value],
    ]) {
      const fresh = part(data, past, keys);
      tensors[name] = [flat(keys - past, keyHeads), permuted(fresh, keyHeads, keys - past, dim)];
      if (past > 0) tensors[`past_${name}`] = [[1, keyHeads, past, dim], part(data, 0, past)];
    }
    const cache = past > 0 ? ["past_key", "past_value"] : ["", ""];
    return {
      node: node(
        "GroupQueryAttention",
        ["query", "key", "value", ...cache, "last", "total"],
        ["output", "present_key", "present_value"],
        { ...MICROSOFT, attributes: { num_heads: heads, kv_num_heads: keyHeads } },
      ),
      constants: [
        constant("last", [1], Int32Array.of(keys - 1), INT32),
        constant("total", [], Int32Array.of(keys), INT32),
      ],
      tensors,
      outputShape: flat(queries, heads),
      toRows: (data) => permuted(data, queries, heads, dim),
    };
  },
};

/** Rows [begin, end) of every head of [heads][length][dim]. */
function rowsOf(data, heads, length, dim, begin, end) {
  const rows = new Float32Array(heads * (end - begin) * dim);
  for (let head = 0; head < heads; head++) {
    const from = (head * length + begin) * dim;
    rows.set(data.subarray(from, from + (end - begin) * dim), head * (end - begin) * dim);
  }
  return rows;
}

function modelOf({ node: operator, tensors, constants = [], outputShape }, _workload, resident) {
  const given = Object.entries(tensors).map(([name, [shape, data]]) =>
    resident ? constant(name, shape, data) : input(name, shape),
  );
  const axes = outputShape.length;
  const all = (n) => BigInt64Array.from({ length: axes }, () => n);
  return model(
    [
      operator,
      node("Slice", ["output", "begin", "end"], ["first"]),
      constant("begin", [axes], all(0n), INT64),
      constant("end", [axes], all(1n), INT64),
      ...constants,
      ...given,
      output("output", outputShape),
      output(
        "first",
        outputShape.map(() => 1),
      ),
    ],
    OPSETS,
  );
}

function fromHost(ort, session, { tensors, toRows }) {
  const ask = () => {
    const feeds = Object.entries(tensors).map(([name, [shape, data]]) => [
      name,
      new ort.Tensor("float32", data, shape),
    ]);
    return session.run(Object.fromEntries(feeds), ["output"]);
  };
  return { run: ask, check: async () => toRows((await ask()).output.data) };
}

function fromConstants(session, { toRows }) {
  return {
    run: () => session.run({}, ["first"]),
    check: async () => toRows((await session.run({}, ["output"])).output.data),
  };
}
