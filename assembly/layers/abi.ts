// The contract between the kernels of attention-wasm/layers and their host: codes and one parameter block per operation.
// scripts/generate-abi.mjs writes src/layers/abi.generated.ts from it. Every field is four bytes; pointers and strides are
// in bytes; every tensor is float32 and its last axis contiguous unless a field says otherwise.

/** Columns of one panel of a packed matrix: two v128 of f32. */
export const PANEL: i32 = 8;
/** Bytes of scratch that element-wise kernels need: constants of `exp` and one vector. */
export const CONSTANTS: i32 = 256;

/** Where the right-hand matrix of a product comes from. */
export const MATRIX_PACKED: i32 = 0;
/** [K, N]: rows are contiguous. */
export const MATRIX_ROWS: i32 = 1;
/** [N, K]: columns of the product's right side are contiguous, as torch.nn.Linear keeps its weight. */
export const MATRIX_COLUMNS: i32 = 2;
/** Patches of an image: `image` points to ImageParameters. */
export const MATRIX_IMAGE: i32 = 3;

export const ACTIVATION_NONE: i32 = 0;
export const ACTIVATION_RELU: i32 = 1;
/** x Phi(x), by erf (Hendrycks and Gimpel 2016). */
export const ACTIVATION_GELU: i32 = 2;
/** Its approximation by tanh. */
export const ACTIVATION_GELU_TANH: i32 = 3;
/** x sigmoid(alpha x) */
export const ACTIVATION_SILU: i32 = 4;
export const ACTIVATION_TANH: i32 = 5;
export const ACTIVATION_SIGMOID: i32 = 6;
/** `alpha` is what e^x - 1 is multiplied with. */
export const ACTIVATION_ELU: i32 = 7;
/** log(1 + e^(alpha x)) / alpha */
export const ACTIVATION_SOFTPLUS: i32 = 8;
/** `alpha` is the slope below 0. */
export const ACTIVATION_LEAKY_RELU: i32 = 9;
export const ACTIVATION_ERF: i32 = 10;
/** e^x */
export const ACTIVATION_EXP: i32 = 11;

export const BINARY_ADD: i32 = 0;
export const BINARY_MULTIPLY: i32 = 1;
/** a sigmoid(alpha a) b (Shazeer 2020, SwiGLU) */
export const BINARY_SWIGLU: i32 = 2;
/** a + alpha (b - a) */
export const BINARY_LERP: i32 = 3;

/** C [M, N] = activation(A [M, K] B [K, N] + bias), or C += A B. */
@unmanaged @final
export class GemmParameters {
  batch: i32;
  /** M */
  rows: i32;
  /** N */
  columns: i32;
  /** K */
  depth: i32;

  /** [batch, M, K] */
  a: usize;
  aBatch: usize;
  aRow: usize;
  /** 1: A lies as [K, M], and aRow is from one k to the next. */
  aTransposed: i32;
  /** One of MATRIX_*; MATRIX_PACKED: f32 [ceil(N / PANEL)][K][PANEL], columns past N are zero. */
  kind: i32;
  b: usize;
  bBatch: usize;
  /** Bytes from row to row; with MATRIX_PACKED from panel to panel, 0 for K * PANEL * 4. */
  bRow: usize;
  image: usize;
  c: usize;
  cBatch: usize;
  cRow: usize;
  /** 1: C holds something already, to which the product is added. */
  accumulate: i32;

  /** f32 [N], or [M] with biasPerRow; or 0 */
  bias: usize;
  biasPerRow: i32;
  /** One of ACTIVATION_* */
  activation: i32;
  alpha: f32;
  /** As many bytes as gemmScratch says. */
  scratch: usize;
}

/** Convolution of [B, Cin, H, W] as one product per batch item and group, its patches packed as they are needed. */
@unmanaged @final
export class ImageParameters {
  batch: i32;
  groups: i32;
  /** Of one group */
  channels: i32;
  height: i32;
  width: i32;
  kernelHeight: i32;
  kernelWidth: i32;
  strideY: i32;
  strideX: i32;
  padTop: i32;
  padLeft: i32;
  dilationY: i32;
  dilationX: i32;
  outputHeight: i32;
  outputWidth: i32;
  /** [B, Cin, H, W], contiguous; `input` moves on with the group. */
  input: usize;
}

/** Largest or mean value of each window of [planes, H, W]. */
@unmanaged @final
export class PoolParameters {
  planes: i32;
  height: i32;
  width: i32;
  kernelHeight: i32;
  kernelWidth: i32;
  strideY: i32;
  strideX: i32;
  padTop: i32;
  padLeft: i32;
  dilationY: i32;
  dilationX: i32;
  outputHeight: i32;
  outputWidth: i32;
  /** 1: the mean, 0: the maximum. */
  mean: i32;
  /** Mean only. 1: padding counts as zeros; the padded size at the far ends is given below. */
  countPadding: i32;
  paddedHeight: i32;
  paddedWidth: i32;
  /** Mean only: divisor, or 0: as many elements as the window has. */
  divisor: i32;
  input: usize;
  output: usize;
}

/** y = (x - mean) / sqrt(variance + epsilon) * weight + bias for each row. */
@unmanaged @final
export class NormParameters {
  rows: i32;
  width: i32;
  /** 1: RMSNorm, which takes no mean. */
  rootMeanSquare: i32;
  epsilon: f32;
  input: usize;
  /** In bytes, from row to row. */
  inputRow: usize;
  output: usize;
  /** f32 [width], or 0 */
  weight: usize;
  bias: usize;
  /** f32 [rows], or 0: what was subtracted, and what it was multiplied with. */
  mean: usize;
  inverseDeviation: usize;
}

/** to = from in another order of axes. */
@unmanaged @final
export class CopyParameters {
  rank: i32;
  /** i32 [rank] each: sizes, and strides in elements. */
  shape: usize;
  fromStrides: usize;
  from: usize;
  /** Contiguous. */
  to: usize;
}

export const CELL_RNN_TANH: i32 = 0;
export const CELL_RNN_RELU: i32 = 1;
export const CELL_GRU: i32 = 2;
export const CELL_LSTM: i32 = 3;

/** One layer and direction of a recurrent network; T steps, B sequences, H hidden, P what the state has (proj_size, or H). */
@unmanaged @final
export class RecurrentParameters {
  cell: i32;
  /** T */
  length: i32;
  batch: i32;
  hidden: i32;
  /** P */
  state: i32;
  reverse: i32;
  /** f32 [T, B, gates H]: W_ih x + b_ih of all steps, made beforehand; strides from step to step and from row to row. */
  inputs: usize;
  inputsStep: usize;
  inputsRow: usize;
  /** GemmParameters of h W_hh^T + b_hh -> f32 [B, gates H]; `a` is the state. */
  product: usize;
  gates: usize;
  /** GemmParameters of the projection [B, H] -> state [B, P], or 0. */
  projection: usize;
  /** f32 [B, H]: what the projection reads; with no projection, 0. */
  projected: usize;
  /** f32 [B, P] and [B, H]: h and c, given at the start, final at the end. */
  h: usize;
  c: usize;
  /** f32 [B, P]: the state after the step, before rows whose sequence is over are left out. */
  next: usize;
  /** i32 [B]: steps of each sequence; or 0: all T */
  lengths: usize;
  /** Of step t and row b: P floats. Steps at and after a length become 0. */
  output: usize;
  outputStep: usize;
  outputRow: usize;
  /** CONSTANTS bytes */
  scratch: usize;
}

/** Tokens that linear attention runs through for one block of columns before it turns to the next. */
export const STATE_TOKENS: i32 = 32;
/** Columns of one such block. */
export const STATE_COLUMNS: i32 = 16;

/** Linear attention; T tokens, H heads with a state each, G query heads that read the same one. */
@unmanaged @final
export class LinearAttentionParameters {
  batch: i32;
  /** H */
  heads: i32;
  /** G */
  group: i32;
  /** T */
  length: i32;
  /** Dk */
  keySize: i32;
  /** Dv */
  valueSize: i32;
  scale: f32;

  /** [B, H G, T, Dk] */
  query: usize;
  queryBatch: usize;
  queryHead: usize;
  queryRow: usize;
  /** [B, H, T, Dk] */
  key: usize;
  keyBatch: usize;
  keyHead: usize;
  keyRow: usize;
  /** [B, H, T, Dv] */
  value: usize;
  valueBatch: usize;
  valueHead: usize;
  valueRow: usize;
  /** log of what the state is multiplied with, [B, H, T], or [B, H, T, Dk] with decayChannels; or 0. Strides may be 0. */
  decay: usize;
  decayBatch: usize;
  decayHead: usize;
  decayRow: usize;
  decayChannels: i32;
  /** [B, H, T]: rate of the delta rule; or 0. Strides may be 0. */
  beta: usize;
  betaBatch: usize;
  betaHead: usize;
  betaRow: usize;
  /** [B, H, Dk, Dv], contiguous: the state to start from, or 0: zeros; and the one at the end. */
  past: usize;
  state: usize;
  /** [B, H G, T, Dv] */
  output: usize;
  outputBatch: usize;
  outputHead: usize;
  outputRow: usize;
  /** CONSTANTS + 4 (4 STATE_COLUMNS + Dk (STATE_COLUMNS + 2 STATE_TOKENS)) bytes */
  scratch: usize;
}

/** Elements of a row that a causal convolution has in its window at a time. */
export const CAUSAL_BLOCK: i32 = 512;

/** y_t = activation(bias + sum over j of w_j x_(t - K + 1 + j)), each channel by itself; everything contiguous. */
@unmanaged @final
export class CausalConvParameters {
  batch: i32;
  channels: i32;
  length: i32;
  /** K */
  width: i32;
  /** ACTIVATION_NONE or ACTIVATION_SILU */
  activation: i32;
  /** [B, C, T] */
  input: usize;
  /** [C, K] */
  weight: usize;
  /** [C], or 0 */
  bias: usize;
  /** [B, C, K - 1]: what came before, given at the start, final at the end. */
  state: usize;
  /** [B, C, T] */
  output: usize;
  /** CONSTANTS + 4 (K + 2 CAUSAL_BLOCK) bytes */
  scratch: usize;
}
