// Kernels that have a micro-benchmark: bench/ and assembly/ have files of the same stem.
export const KERNEL_FILES = {
  products: "attention/products",
  distances: "attention/distances",
  softmax: "attention/softmax",
  forward: "attention/forward",
  decode: "attention/decode",
  pack: "attention/pack",
  scores: "attention/scores",
  masks: "attention/masks",
  weights: "attention/weights",
  merge: "attention/merge",
  page: "cache/page",
  quantise: "cache/quantise",
  transfer: "cache/transfer",
  rotary: "layers/rotary",
  sums: "layers/sums",
  "linear-attention": "layers/linear-attention",
  "causal-convolution": "layers/causal-convolution",
  math: "simd/math",
  convert: "simd/convert",
  workers: "parallel/workers",
};

export const KERNELS = Object.keys(KERNEL_FILES);
