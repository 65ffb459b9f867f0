// tfjs-backend-wasm, in two ways: all heads in one batched product, or head by head, where the products reach XNNPACK,
// which wants a batch of one and keys already transposed. A causal mask is a matrix that is added; it is made beforehand.
import { requirePeer } from "./peers.mjs";

const FORBIDDEN = -1e9;

export async function open({ batched }) {
  const tf = requirePeer("@tensorflow/tfjs-core");
  requirePeer("@tensorflow/tfjs-backend-wasm");
  if (!(await tf.setBackend("wasm"))) throw new Error("tfjs could not start its wasm backend");
  await tf.ready();
  return {
    prepare(workload, inputs) {
      const way = batched ? allHeads(tf, workload) : headByHead(tf, workload);
      const mask = workload.causal ? causalMask(tf, workload) : undefined;
      const place = () => way.place(inputs);
      const tensors = tf.tidy(place);
      // Never as what tidy returns: it looks for tensors in every element of an array
      const rows = new Float32Array(inputs.query.length);
      const compute = (given, read) =>
        tf.tidy(() => {
          let at = 0;
          for (const output of way.compute(given ?? place(), mask)) {
            if (read) rows.set(output.dataSync(), at);
            at += output.size;
          }
        });
      return {
        host: jobOf(
          () => compute(undefined, true),
          () => compute(undefined, true),
          rows,
        ),
        resident: jobOf(
          () => compute(tensors, false),
          () => compute(tensors, true),
          rows,
        ),
        close: () => tf.dispose([tensors, mask ?? []]),
      };
    },
  };
}

function jobOf(run, readable, rows) {
  const check = () => {
    readable();
    return rows;
  };
  return { run, check };
}

function causalMask(tf, { queries, keys }) {
  const data = new Float32Array(queries * keys);
  for (let q = 0; q < queries; q++) data.fill(FORBIDDEN, q * keys + q + keys - queries + 1, (q + 1) * keys);
  return tf.tensor2d(data, [queries, keys]);
}

/** Softmax of scores [.., queries, keys] with the mask added. */
function weightsOf(tf, scores, mask) {
  if (!mask) return tf.softmax(scores);
  const masked = tf.add(scores, mask);
  scores.dispose();
  const weights = tf.softmax(masked);
  masked.dispose();
  return weights;
}

function headByHead(tf, { heads, keyHeads, queries, keys, dim }) {
  const part = (data, rows, head) =>
    tf.tensor2d(data.subarray(head * rows * dim, (head + 1) * rows * dim), [rows, dim]);
  const each = (count, make) => Array.from({ length: count }, (_, head) => make(head));
  return {
    place: ({ query, key, value }) => ({
      queries: each(heads, (head) => part(query, queries, head)),
      keys: each(keyHeads, (head) => tf.tidy(() => tf.transpose(part(key, keys, head)))),
      values: each(keyHeads, (head) => part(value, keys, head)),
    }),
    compute: (tensors, mask) =>
      each(heads, (head) =>
        tf.tidy(() => {
          const shared = Math.floor((head * keyHeads) / heads);
          const scaled = tf.mul(tensors.queries[head], 1 / Math.sqrt(dim));
          const weights = weightsOf(tf, tf.matMul(scaled, tensors.keys[shared]), mask);
          return tf.matMul(weights, tensors.values[shared]);
        }),
      ),
  };
}

function allHeads(tf, { heads, keyHeads, queries, keys, dim }) {
  return {
    // Heads that share keys are rows of one product
    place: ({ query, key, value }) => ({
      query: tf.tensor3d(query, [keyHeads, (heads / keyHeads) * queries, dim]),
      key: tf.tensor3d(key, [keyHeads, keys, dim]),
      value: tf.tensor3d(value, [keyHeads, keys, dim]),
    }),
    compute: ({ query, key, value }, mask) => {
      const scores = tf.matMul(tf.mul(query, 1 / Math.sqrt(dim)), key, false, true);
      const weights = weightsOf(tf, tf.reshape(scores, [heads, queries, keys]), mask);
      return [tf.matMul(tf.reshape(weights, [keyHeads, (heads / keyHeads) * queries, keys]), value)];
    },
  };
}
