// Weights to begin with: zeros under every name of a model, to write the few numbers into that matter, or seeded noise.

/** A state_dict of zeros. */
export class Weights extends Map {
  constructor(model) {
    super();
    for (const [name, { shape }] of model.parameters()) {
      this.set(name, { data: new Float32Array(shape.reduce((n, size) => n * size, 1)), shape });
    }
  }

  /** One element of a vector or matrix: `put("linear.weight", [row, column], 2)` */
  put(name, place, value) {
    const { data, shape } = this.get(name);
    data[place.reduce((at, index, axis) => at * shape[axis] + index, 0)] = value;
  }

  fill(name, value) {
    this.get(name).data.fill(value);
  }
}

/** Uniform from -r to r, r = 1 / sqrt(columns), as PyTorch starts its linear and recurrent layers; the same for the same seed. */
export function seededWeights(model, seed = 1) {
  const weights = new Weights(model);
  let state = seed >>> 0;
  for (const { data, shape } of weights.values()) {
    const reach = 1 / Math.sqrt(shape.slice(1).reduce((n, size) => n * size, 1));
    for (let i = 0; i < data.length; i++) {
      // Mulberry32
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      data[i] = reach * (((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1);
    }
  }
  return weights;
}
