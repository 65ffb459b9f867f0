import { requirePeer } from "../engines/peers.mjs";
import { attentionModel } from "./model.mjs";
import { SHAPE, tell, tensors } from "./workload.mjs";

const model = attentionModel(SHAPE);
const [query, key, value] = tensors();
const started = performance.now();
const ort = requirePeer("onnxruntime-node");
const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1 });
const tensor = (data) => new ort.Tensor("float32", data, SHAPE);
const { output } = await session.run({ query: tensor(query), key: tensor(key), value: tensor(value) });
tell(started, output.data);
