// What readers of files must do with those that they cannot read.
import * as assert from "uvu/assert";
import { FormatError } from "../../src/formats/file-tensor.js";

/** Must fail with a FormatError of one line that says `expected`. */
export function refuses(act: () => unknown, expected: RegExp): void {
  try {
    act();
  } catch (error) {
    assert.instance(error, FormatError);
    assert.match((error as Error).message, expected);
    assert.not.match((error as Error).message, /\n/);
    return;
  }
  assert.unreachable(`expected an error like ${expected}`);
}

/** Changed, cut and grown in many ways, a file is read or refused in one line; nothing else may happen. */
export function survives(file: Uint8Array, read: (file: Uint8Array) => unknown): void {
  let state = 9;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  for (let i = 0; i < 2000; i++) {
    const changed = Uint8Array.from(
      { length: i % 5 === 0 ? random(2 * file.length) : file.length },
      (_, at) => file[at] ?? 0,
    );
    for (let n = random(4); n > 0; n--) changed[random(Math.min(changed.length, 200))] = random(256);
    try {
      read(changed);
    } catch (error) {
      assert.instance(error, FormatError, String((error as Error).stack));
    }
  }
}
