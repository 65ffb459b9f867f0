import { requirePeer } from "../engines/peers.mjs";
import { SHAPE, tell, tensors } from "./workload.mjs";

const inputs = tensors();
const started = performance.now();
const tf = requirePeer("@tensorflow/tfjs-core");
requirePeer("@tensorflow/tfjs-backend-wasm");
await tf.setBackend("wasm");
const [query, key, value] = inputs.map((data) => tf.tensor4d(data, SHAPE));
const weights = tf.softmax(tf.matMul(tf.mul(query, 1 / Math.sqrt(SHAPE[3])), key, false, true));
tell(started, tf.matMul(weights, value).dataSync());
