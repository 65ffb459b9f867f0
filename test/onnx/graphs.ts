// Graphs of ONNX written briefly, for the tests.
import type { OnnxGraph, OnnxNode, OnnxTensor } from "../../src/onnx/index.js";

type Shorthand = readonly [op: string, inputs: string, attributes?: Record<string, unknown>];

/** Nodes that each give the tensor they stand under; the last is the output. Inputs are separated by spaces, "-" is absent. */
export function graph(
  nodes: Record<string, Shorthand>,
  initializers: Record<string, OnnxTensor> = {},
  input = "x",
): OnnxGraph {
  const all = Object.entries(nodes).map(
    ([output, [op, inputs, attributes = {}]]): OnnxNode => ({
      op,
      domain: "",
      inputs: inputs === "" ? [] : inputs.split(" ").map((name) => (name === "-" ? "" : name)),
      outputs: [output],
      attributes,
    }),
  );
  return { inputs: [input], outputs: [all.at(-1)!.outputs[0]!], initializers, nodes: all };
}

export const ints = (...values: number[]): OnnxTensor => ({ dtype: "int64", shape: [values.length], values });
export const int = (value: number): OnnxTensor => ({ dtype: "int64", shape: [], values: [value] });
export const float = (value: number | string): OnnxTensor => ({ dtype: "float32", shape: [], values: [value] });
export const floats = (shape: number[], ...values: number[]): OnnxTensor => ({ dtype: "float32", shape, values });
