// A graph made ready: checked as a whole, and everything that does not depend on its input computed, before anything runs.
import { show, wrongKind, wrongValue } from "../../errors.js";
import { checkShape } from "../../host-tensor.js";
import { elements, showShape } from "../../shape.js";
import { Call, type Kind, type Operator } from "./call.js";
import { ELEMENTWISE } from "./elementwise.js";
import {
  arrayOf,
  converted,
  type GraphType,
  isFloat,
  type Numbers,
  type OnnxGraph,
  type OnnxNode,
  TYPES,
  type Value,
} from "./model.js";
import { MOVING } from "./moving.js";
import { REDUCTIONS } from "./reductions.js";
import { SHAPING } from "./shaping.js";

const OPERATORS: Record<string, Operator> = { ...ELEMENTWISE, ...SHAPING, ...MOVING, ...REDUCTIONS };

/** Elements of the input -> elements of the output, both of the type and shape that `prepare` was given. */
export type Prepared = (data: Numbers) => Numbers;

interface Step {
  readonly operator: Operator;
  readonly node: OnnxNode;
  readonly where: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/**
 * @param name of the graph, as messages have it
 * @param type of the one input, and of the output
 * @param shape of both
 */
export function prepareGraph(name: string, graph: OnnxGraph, type: GraphType, shape: readonly number[]): Prepared {
  const values = new Map<string, Value>();
  const define = (where: string, tensor: string, value: Value) => {
    if (values.has(tensor))
      throw wrongValue("ERR_VALUE", `${where} must not name a tensor that is there already: ${show(tensor)}`);
    values.set(tensor, value);
  };
  checkGraph(name, graph);
  const [input, output] = [graph.inputs[0]!, graph.outputs[0]!];
  for (const [tensor, given] of Object.entries(graph.initializers ?? {})) {
    const where = `${name}.initializers.${tensor}`;
    define(where, tensor, constantOf(where, given));
  }
  define(`${name}.inputs[0]`, input, { type, shape, data: undefined });

  const steps: Step[] = [];
  for (const [i, node] of graph.nodes.entries()) {
    const step = checkNode(`${name}.nodes[${i}]`, node);
    const result = compute(step, values);
    define(`${step.where}.outputs[0]`, node.outputs[0]!, result);
    if (!result.data) steps.push(step);
  }
  const result = values.get(output);
  if (!result) throw wrongValue("ERR_VALUE", `${name}.outputs[0] must be the output of a node: got ${show(output)}`);
  if (!isFloat(result.type)) throw wrongKind("ERR_DTYPE", `${name} must give floats: got ${result.type}`);
  if (String(result.shape) !== String(shape)) {
    throw wrongValue(
      "ERR_SHAPE",
      `${name} must give the shape it is given, ${showShape(shape)}: got ${showShape(result.shape)}`,
    );
  }
  return (data) => {
    const all = new Map(values).set(input, { type, shape, data });
    for (const step of steps) all.set(step.node.outputs[0]!, compute(step, all));
    const { type: own, data: computed } = all.get(output)!;
    return converted(computed!, own, type);
  };
}

function compute({ operator, node, where, attributes }: Step, values: Map<string, Value>): Value {
  const inputs = node.inputs.map((tensor, i) => {
    if (tensor === "") return undefined;
    const value = values.get(tensor);
    if (!value) {
      const source = "the graph's input, an initializer or an output of a node before it";
      throw wrongValue("ERR_VALUE", `${where}.inputs[${i}] must be ${source}: got ${show(tensor)}`);
    }
    return value;
  });
  return operator.rule(new Call(where, inputs, attributes));
}

const isNames = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((name) => typeof name === "string");

function checkGraph(name: string, graph: OnnxGraph): void {
  if (typeof graph !== "object" || graph === null) {
    throw wrongKind(
      "ERR_ARGUMENT_TYPE",
      `${name} must be a graph { inputs, outputs, initializers, nodes }: got ${show(graph)}`,
    );
  }
  for (const side of ["inputs", "outputs"] as const) {
    if (!isNames(graph[side]) || graph[side].length !== 1) {
      throw wrongKind("ERR_ARGUMENT_TYPE", `${name}.${side} must be an array of one name: got ${show(graph[side])}`);
    }
  }
  if (!Array.isArray(graph.nodes)) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `${name}.nodes must be an array of nodes: got ${show(graph.nodes)}`);
  }
  const { initializers = {} } = graph;
  if (typeof initializers !== "object" || initializers === null || Array.isArray(initializers)) {
    throw wrongKind(
      "ERR_ARGUMENT_TYPE",
      `${name}.initializers must be an object of tensors: got ${show(initializers)}`,
    );
  }
}

/** A node with its operator, and its attributes as the operator reads them. */
function checkNode(place: string, node: OnnxNode): Step {
  const { op, domain = "", inputs, outputs, attributes = {} } = (node ?? {}) as OnnxNode;
  if (typeof op !== "string" || !isNames(inputs) || !isNames(outputs)) {
    throw wrongKind(
      "ERR_ARGUMENT_TYPE",
      `${place} must be a node { op, inputs, outputs, attributes }: got ${show(node)}`,
    );
  }
  const where = `${place} (${op})`;
  const operator = (domain === "" || domain === "ai.onnx") && Object.hasOwn(OPERATORS, op) ? OPERATORS[op]! : undefined;
  if (!operator) {
    const full = domain ? `${domain}.${op}` : op;
    throw wrongValue(
      "ERR_VALUE",
      `${place}.op must be an operator that graphs may have (docs/onnx.md): got ${show(full)}`,
    );
  }
  const [least, most] = operator.inputs;
  if (inputs.length < least || inputs.length > most) {
    const expected =
      least === most ? `${least}` : most === Number.POSITIVE_INFINITY ? `at least ${least}` : `${least} to ${most}`;
    throw wrongValue("ERR_VALUE", `${where} must have ${expected} inputs: got ${inputs.length}`);
  }
  if (outputs.length !== 1) throw wrongValue("ERR_VALUE", `${where} must have one output: got ${outputs.length}`);
  const read = Object.entries(attributes).map(([name, value]) => {
    const kind = operator.attributes?.[name];
    if (!kind) throw wrongKind("ERR_UNKNOWN_OPTION", `${where} has no attribute '${name}'`);
    return [name, attributeOf(`${where}.attributes.${name}`, kind, value)] as const;
  });
  return { operator, node, where, attributes: Object.fromEntries(read) };
}

function attributeOf(where: string, kind: Kind, value: unknown): unknown {
  if (kind === "tensor") return constantOf(where, value);
  const list = kind.endsWith("s");
  const numbers = list ? Array.from((value as ArrayLike<unknown>) ?? []) : [value];
  const read = numbers.map((number) => (typeof number === "bigint" ? Number(number) : number));
  const fits = (number: unknown) =>
    typeof number === "number" && (kind.startsWith("float") || Number.isInteger(number));
  if ((list && typeof value !== "object") || !read.every(fits)) {
    const expected = { int: "an integer", ints: "integers", float: "a number", floats: "numbers" }[kind];
    throw wrongKind("ERR_ARGUMENT_TYPE", `${where} must be ${expected}: got ${show(value)}`);
  }
  return list ? read : read[0];
}

/** A constant of the graph. */
function constantOf(where: string, tensor: unknown): Value {
  const { dtype, shape, values } = (tensor ?? {}) as { dtype?: string; shape?: unknown; values?: ArrayLike<unknown> };
  if (typeof tensor !== "object" || typeof values !== "object" || values === null) {
    throw wrongKind("ERR_ARGUMENT_TYPE", `${where} must be a tensor { dtype, shape, values }: got ${show(tensor)}`);
  }
  const type = Object.hasOwn(TYPES, dtype as string) ? TYPES[dtype as keyof typeof TYPES] : undefined;
  if (!type) {
    throw wrongKind("ERR_DTYPE", `${where}.dtype must be one of ${Object.keys(TYPES).join(", ")}: got ${show(dtype)}`);
  }
  checkShape(`${where}.shape`, shape);
  const n = elements(shape);
  if (values.length !== n) {
    throw wrongValue("ERR_SHAPE", `${where}.values must have the ${n} elements of its shape: got ${values.length}`);
  }
  const data = arrayOf(type, n);
  for (let i = 0; i < n; i++) {
    const given = values[i];
    // Words for what JSON has no numbers for
    const word = typeof given === "string" ? given.replace(/^([+-]?)inf(inity)?$/i, "$1Infinity") : undefined;
    const number = Number(word ?? given);
    const wrong = given === null || given === undefined || typeof given === "object";
    if (wrong || (Number.isNaN(number) && typeof given !== "number" && !/^nan$/i.test(String(given)))) {
      throw wrongKind("ERR_ARGUMENT_TYPE", `${where}.values[${i}] must be a number: got ${show(given)}`);
    }
    data[i] = number;
  }
  return { type, shape: [...shape], data };
}
