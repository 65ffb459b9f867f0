// Attention as a service, for Cloudflare Workers: POST tensors, get attention back.
//
//   JSON    {"query": {"shape": [2, 3], "data": [...]}, "key": ..., "value": ..., "options": {"causal": true}}
//           answers {"shape": [...], "data": [...]}
//   binary  content-type application/octet-stream, ?shape=2,3 of query, key and value alike, which follow each other as
//           float32, little endian; answers the output's float32, its shape in the header attention-shape
import { loadSync } from "attention-wasm";

let engine; // one per isolate

export default {
  async fetch(request) {
    if (request.method !== "POST") return explain(405, "POST query, key and value here");
    try {
      // A Worker has 128 MB in all
      engine ??= loadSync({ maximumMemory: 64 * 2 ** 20 });
      const binary = request.headers.get("content-type")?.startsWith("application/octet-stream");
      const { query, key, value, options } = binary ? await readBinary(request) : await readJson(request);
      const { output } = engine.attention(query, key, value, options);
      if (!binary) return Response.json({ shape: output.shape, data: [...output.data] });
      return new Response(output.data, { headers: { "attention-shape": output.shape.join(",") } });
    } catch (error) {
      // The package's errors have a code and say what was expected and what came
      if (error instanceof BadRequest || error.code) return explain(400, error.message);
      throw error;
    }
  },
};

class BadRequest extends Error {}

function explain(status, error) {
  return Response.json({ error }, { status });
}

async function readJson(request) {
  const body = await request.json().catch(() => {
    throw new BadRequest("the body must be JSON, or have the content type application/octet-stream");
  });
  const tensors = ["query", "key", "value"].map((name) => {
    const { shape, data } = body?.[name] ?? {};
    if (!Array.isArray(data) || !data.every(Number.isFinite)) {
      throw new BadRequest(`${name}.data must be an array of finite numbers`);
    }
    return { shape, data: Float32Array.from(data) };
  });
  return { query: tensors[0], key: tensors[1], value: tensors[2], options: body.options };
}

async function readBinary(request) {
  const parameters = new URL(request.url).searchParams;
  const shape = (parameters.get("shape") ?? "").split(",").map(Number);
  const size = shape.reduce((product, axis) => product * axis, 1);
  const bytes = await request.arrayBuffer();
  if (bytes.byteLength !== 3 * 4 * size) {
    throw new BadRequest(
      `shape=${shape} needs ${3 * 4 * size} bytes for query, key and value: got ${bytes.byteLength}`,
    );
  }
  const [query, key, value] = [0, 1, 2].map((i) => ({ shape, data: new Float32Array(bytes, i * size * 4, size) }));
  return { query, key, value, options: { causal: parameters.get("causal") === "true" } };
}
