import { SHAPE, tell, tensors } from "./workload.mjs";

const [query, key, value] = tensors().map((data) => ({ data, shape: SHAPE }));
const started = performance.now();
const { load } = await import("../../build/index.js");
const engine = await load();
tell(started, engine.attention(query, key, value).output.data);
