// Which of the reference cases belong to this package's conformance, by what index.json says of them.

/** An entry of an index.json; torch entries have a group, ONNX entries a family. */
export interface IndexEntry {
  readonly name: string;
  readonly op: string;
  readonly group?: string;
}

const TORCH_GROUPS = ["seed", "sdpa", "onnx_form", "mha", "layers"];

/** The rule for the torch folder; the pack script and the tests both use it. */
export function belongsToTorch({ group }: IndexEntry): boolean {
  return group !== undefined && TORCH_GROUPS.includes(group);
}
