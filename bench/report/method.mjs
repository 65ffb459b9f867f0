// How it is measured, in the words of docs/performance.md.

export const METHOD = `## How it is measured

- **One process per engine**, all on the same Node, one workload at a time. Rounds are interleaved: the machine's limits, engine A, B, C,
  the limits, B, C, A, the limits, C, A, B ..., since what comes first after a limit is slower. A sample repeats short calls until it takes 20 ms; garbage is collected before it. Medians are shown,
  with the least and the quartiles.
- **One core for all.** On Linux every round begins by asking on which core more additions are made just then, and what has one thread runs
  there, the limits and all engines alike. A virtual core whose neighbour is busy makes as many multiply-adds as ever, but issues a
  fifth fewer instructions and reads a third less, and each process would stay on its own (docs/kernels.md, "Noise"). A workload whose core made fewer than 0.93 of the calmest one's
  additions to a multiply-add is measured once more at the end, and the calmer one counts.
- **Checked first.** Every engine's output, in both modes, is held against plain attention in float64 before anything is timed: all rows
  of workloads up to 2 GFLOP, 192 rows spread over all heads of larger ones, and the rest must be finite. Each table tells which.
  **error** is the largest difference; 2e-5 fails (inputs have deviation 1; caches of 16, 8 and 4 bits may differ by 1e-4, 3e-3, 4e-2).
- **Warmed up** for at least 3 calls and 0.3 s. An engine gets 1.5 s of samples per workload and mode (this package 3 s), so that slow ones
  take part in fewer rounds: the last column counts them. A call of more than 2.5 s (this package 6 s) is
  made once besides the one that was checked, which for some peers takes ten times as long as the next.
- **Host arrays**: Float32Arrays in, Float32Array out, and whatever copying lies between is timed, for every engine alike.
- **Resident**: inputs and outputs stay where the engine computes. This package: \`engine.tensor\`. tfjs: its tensors, keys transposed
  beforehand where that is faster. onnxruntime has no such tensors on the CPU: query, key and value are constants of the model, graph
  optimisations are off so that it is not folded, and the first number of the output is asked for. Plain JavaScript
  computes where its arrays are, so its figure counts for both.
- **of limit**: GFLOP/s over those of 12 independent chains of fused multiply-adds in WebAssembly, on one core or, for 2 threads, on
  two at once; for decoding, bytes of keys and values per second over those of a sum over 256 MB that were written before, on one core:
  the faster of a plain sum and one of two halves side by side that looks pages up ahead, as decoding does (docs/kernels.md, "How memory is read
  decides"). Each is the best of a few short calls in every round; what 20 ms of them gave on average, disturbances in, is told beside.
- **Shares and ratios are medians over rounds**, of what was sampled in the same round, since the speed of a shared machine changes in
  minutes (docs/kernels.md, "Noise"). A call that is made once counts as of the first round.
- Between collecting garbage and a sample lie 5 ms, in which V8's helper threads finish sweeping: a second thread needs their core.
- **× JS, × native**: how many times as fast as the fastest *other* engine in JavaScript (onnxruntime-web, tfjs, plain) and as the fastest
  operator of onnxruntime-node, which uses whatever the processor has (AVX-512 where it is there). One thread each.
- **GFLOP** counts what a mask leaves: 4 D per query and visible key. An engine that computes what the mask throws away is charged for it.
- onnxruntime: Attention is the operator of ONNX, opset 23; MultiHeadAttention and GroupQueryAttention are those of com.microsoft, fed in their own
  order of axes. GroupQueryAttention decodes with 4095 keys in its cache and one new one.
- tfjs: batched is one product over all heads; per head uses products with a batch of one, which reach XNNPACK. Causal masks are added.
- W9 sees the query's own key and the 255 before it (\`window: [255, 0]\` with \`causal\`), 8 heads. W10 keeps each 64 x 64 block with probability
  0.1, the same for all 8 heads, and the blocks of the diagonal (\`createBlockMask\`, made beforehand).
- Workloads named after a cache (\`W5-int8\`) ask \`engine.kvCache\` with its 4096 keys in place; only query and output differ between the two modes.
- Reproduce: \`npm run bench\` prints the tables, \`npm run bench -- --write\` measures everything and writes this page,
  \`npm run bench -- --only W2,W6 --rounds 1\` is a quick look.`;
