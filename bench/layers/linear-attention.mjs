// Linear attention of all four rules over resident tensors, one token as a decoder calls it, and the same in plain JavaScript.
import { linearAttention } from "../../build/layers.js";

const HEADS = 4;
const RULES = { linear: [], gated: ["decay"], delta: ["beta"], "gated delta": ["decay", "beta"] };
/** Of one element of the state and one token: k u, the query, the decay, and k of the delta rule. */
const FLOPS = { linear: 4, gated: 5, delta: 6, "gated delta": 7 };

export function cases({ build, engine, tensor }) {
  const sized = (T, size) => {
    const [query, key, value, state] = [
      ...Array.from({ length: 3 }, () => tensor([HEADS, T, size])),
      tensor([HEADS, size, size]),
    ];
    // Uniform in -1 to 1: keys of about length 1, decays below 0
    const scaled = (shape, f) => {
      const { data } = tensor(shape).toHost();
      return engine.tensor({ data: data.map(f), shape });
    };
    const keys = scaled(key.shape, (x) => x / Math.sqrt(size / 3));
    const gates = { decay: scaled(key.shape, (x) => -Math.abs(x) / 4), beta: scaled([HEADS, T], Math.abs) };
    return Object.entries(RULES).map(([rule, names]) => {
      const options = { state, ...Object.fromEntries(names.map((name) => [name, gates[name]])) };
      return {
        title: `${rule}, ${HEADS} heads, T ${T}, D ${size}`,
        flops: HEADS * T * size * size * FLOPS[rule],
        run() {
          const { output, state: next } = linearAttention(engine, query, keys, value, options);
          output.dispose();
          next.dispose();
        },
      };
    });
  };
  return [...sized(256, 64), ...sized(256, 128), ...sized(1, 128), ...(build === "simd" ? [plain(256, 64)] : [])];
}

/** The gated delta rule as one would write it, over float32 arrays. */
function plain(T, D) {
  const random = (n, scale) => Float32Array.from({ length: n }, () => (Math.random() * 2 - 1) * scale);
  const [q, k, v] = [random(HEADS * T * D, 1), random(HEADS * T * D, Math.sqrt(3 / D)), random(HEADS * T * D, 1)];
  const decay = random(HEADS * T * D, 0.25).map((x) => -Math.abs(x));
  const beta = random(HEADS * T, 1).map(Math.abs);
  const output = new Float32Array(HEADS * T * D);
  const update = new Float32Array(D);
  const token = (S, at, rate) => {
    update.fill(0);
    for (let d = 0; d < D; d++) {
      const [gate, key] = [Math.exp(decay[at + d]), k[at + d]];
      for (let m = 0; m < D; m++) {
        S[d * D + m] *= gate;
        update[m] += key * S[d * D + m];
      }
    }
    for (let m = 0; m < D; m++) update[m] = rate * (v[at + m] - update[m]);
    const row = output.subarray(at, at + D).fill(0);
    for (let d = 0; d < D; d++) {
      const [query, key] = [q[at + d] / Math.sqrt(D), k[at + d]];
      for (let m = 0; m < D; m++) {
        S[d * D + m] += key * update[m];
        row[m] += query * S[d * D + m];
      }
    }
  };
  return {
    title: `gated delta, ${HEADS} heads, T ${T}, D ${D}, plain JavaScript`,
    flops: HEADS * T * D * D * FLOPS["gated delta"],
    run() {
      for (let h = 0; h < HEADS; h++) {
        const S = new Float32Array(D * D);
        for (let t = 0; t < T; t++) token(S, (h * T + t) * D, beta[h * T + t]);
      }
    },
  };
}
