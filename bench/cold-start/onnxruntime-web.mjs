import { pathToFileURL } from "node:url";
import { requirePeer } from "../engines/peers.mjs";
import { attentionModel } from "./model.mjs";
import { SHAPE, tell, tensors } from "./workload.mjs";

const entry = pathToFileURL(requirePeer.resolve("onnxruntime-web").replace(/\.js$/, ".mjs")).href;
const model = attentionModel(SHAPE);
const [query, key, value] = tensors();
const started = performance.now();
const ort = await import(entry);
ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
const tensor = (data) => new ort.Tensor("float32", data, SHAPE);
const { output } = await session.run({ query: tensor(query), key: tensor(key), value: tensor(value) });
tell(started, output.data);
process.exit(0);
