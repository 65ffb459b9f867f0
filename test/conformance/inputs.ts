// What a case hands over, by name.
import type { HostTensor } from "../../src/index.js";
import type { Case } from "./cases.js";

/** What an operation gave, by the names of the case's outputs. */
export type Results = Record<string, HostTensor>;

/** The input of that name; throws where the case has none. */
export function input(test: Case, name: string): HostTensor {
  const tensor = optional(test, name);
  if (!tensor) throw new Error(`the case has no input '${name}'`);
  return tensor;
}

export function optional(test: Case, name: string): HostTensor | undefined {
  return test.inputs.find((tensor) => tensor?.name === name) ?? undefined;
}

/** Throws where the case has inputs or attributes besides these. */
export function only(test: Case, inputs: readonly string[], attributes: readonly string[]): void {
  for (const tensor of test.inputs) {
    if (tensor && !inputs.includes(tensor.name)) throw new Error(`the tests do not know the input '${tensor.name}'`);
  }
  for (const name of Object.keys(test.attributes)) {
    if (!attributes.includes(name)) throw new Error(`the tests do not know the attribute '${name}'`);
  }
}
