// Kernels over memory that is poisoned with NaN and guarded on both sides of every buffer, at the edges of all tiles; and
// the operations beside attention against the oracle.
import * as assert from "uvu/assert";
import { type AttentionOptions, createBlockMask, Engine, type HostTensor, loadSync } from "../../../src/index.js";
import { Core } from "../../../src/engine/core.js";
import { GuardedMemory } from "../../guarded-memory.js";
import {
  checkAdditive,
  checkLinear,
  checkMerge,
  checkPooling,
  checkRotary,
} from "../../properties/other-operations.js";
import { generator, tensor } from "../../random.js";
import type { Host } from "../host.js";

const LENGTHS = [1, 7, 8, 9, 63, 64, 65, 96, 97];
const DIMS = [1, 3, 8, 33, 80, 256];

export function kernels({ builds, suite }: Host): void {
  for (const { name, module } of builds) {
    const test = suite(`kernels (${name})`);
    const random = generator(11);
    const guarded = Engine.on(new Core(module, new GuardedMemory(2 ** 28), {}));
    const plain = loadSync({ module });

    const same = (query: HostTensor, key: HostTensor, value: HostTensor, options: AttentionOptions) => {
      const asked = { ...options, returnLse: true, returnWeights: true } as const;
      const got = guarded.attention(query, key, value, asked);
      const want = plain.attention(query, key, value, asked);
      for (const part of ["output", "lse", "weights"] as const) {
        const data = got[part].data as Float32Array;
        assert.not.ok(data.some(Number.isNaN), `${part} holds NaN`);
        const other = want[part].data as Float32Array;
        assert.is(data.length, other.length);
        assert.is(
          data.findIndex((x, i) => !Object.is(x, other[i])),
          -1,
          `${part} differs`,
        );
      }
      assert.is(guarded.info.memory.used, 0);
    };

    test("lengths at the edges of tiles", () => {
      for (const queries of LENGTHS) {
        for (const keys of LENGTHS) {
          same(tensor(random, 2, queries, 5), tensor(random, 2, keys, 5), tensor(random, 2, keys, 3), {});
        }
      }
    });

    test("head sizes", () => {
      for (const dim of DIMS) {
        for (const valueDim of DIMS) {
          same(tensor(random, 1, 9, dim), tensor(random, 1, 10, dim), tensor(random, 1, 10, valueDim), {});
        }
      }
    });

    const n = 97;
    const options: Record<string, AttentionOptions> = {
      cosine: { similarity: "cosine" },
      "squared euclidean": { similarity: "squared-euclidean" },
      window: { window: [5, 2] },
      mask: { mask: { data: Uint8Array.from({ length: n * n }, () => Number(random() < 0.6)), shape: [n, n] } },
      bias: { bias: tensor(random, 4, n, n) },
      lengths: { keyLengths: [41, 97], queryLengths: [97, 10] },
      "block mask": {
        blockMask: createBlockMask((_, h, q, k) => (q + k * h) % 5 < 2, { heads: 4, queryLength: n, keyLength: n }),
      },
      relative: { relativeBias: tensor(random, 4, 21) },
      softcap: { softcap: 3 },
      sinks: { sinks: tensor(random, 4) },
    };
    for (const [option, given] of Object.entries(options)) {
      test(`guarded: ${option}`, () => {
        same(tensor(random, 2, 4, n, 20), tensor(random, 2, 2, n, 20), tensor(random, 2, 2, n, 6), given);
      });
    }

    test("linear maps, against the oracle", () => checkLinear(plain));
    test("attention pooling, against the oracle", () => checkPooling(plain));
    test("additive attention, against the oracle", () => checkAdditive(plain));
    test("rotary embedding, against the oracle", () => checkRotary(plain));
    test("merging, against the oracle", () => checkMerge(plain));
  }
}
