// What a wrong call must do: throw one sentence with its code, and leave nothing in the engine's memory.
import * as assert from "uvu/assert";
import type { AttentionError, Engine } from "../src/index.js";

/** @param wrong the call, on an engine that holds nothing */
export function assertRefusal(engine: Engine, code: string, message: string, wrong: () => unknown): void {
  let thrown: AttentionError | undefined;
  try {
    wrong();
  } catch (error) {
    thrown = error as AttentionError;
  }
  assert.is(thrown?.message, message);
  assert.is(thrown?.code, code);
  assert.is(engine.info.memory.used, 0);
}
