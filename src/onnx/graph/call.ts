// A node about to be computed: its inputs and attributes, and the errors that name it.
import { show, wrongKind, wrongValue } from "../../errors.js";
import { elements, showShape } from "../../shape.js";
import type { Value } from "./model.js";

/** What an attribute is. */
export type Kind = "int" | "ints" | "float" | "floats" | "tensor";

/** An operator: how many inputs it has, its attributes, and what it computes. */
export interface Operator {
  readonly inputs: readonly [least: number, most: number];
  readonly attributes?: Readonly<Record<string, Kind>>;
  /** Type and shape from types and shapes; the elements too once those of all inputs are known. */
  readonly rule: (call: Call) => Value;
}

export class Call {
  /** As messages name it: score_mod.nodes[2] (Add). */
  readonly where: string;
  readonly inputs: readonly (Value | undefined)[];
  /** Checked. */
  readonly attributes: Readonly<Record<string, unknown>>;

  constructor(where: string, inputs: readonly (Value | undefined)[], attributes: Readonly<Record<string, unknown>>) {
    this.where = where;
    this.inputs = inputs;
    this.attributes = attributes;
  }

  /** A required input. */
  input(i: number): Value {
    const value = this.inputs[i];
    if (!value) throw wrongKind("ERR_ARGUMENT_TYPE", `${this.where} must have input ${i}`);
    return value;
  }

  int(name: string, fallback: number): number {
    return (this.attributes[name] as number | undefined) ?? fallback;
  }

  /** The integers of an input that decides a shape; undefined where it is absent. */
  optionalInts(i: number, what: string): number[] | undefined {
    const value = this.inputs[i];
    if (!value) return undefined;
    if (value.type !== "int64" && value.type !== "int32") {
      throw wrongKind("ERR_DTYPE", `${this.where} must have ${what} of int64: got ${value.type}`);
    }
    return Array.from(this.known(i, what));
  }

  ints(i: number, what: string): number[] {
    this.input(i);
    return this.optionalInts(i, what)!;
  }

  /** The elements of an input that decides a shape. */
  known(i: number, what: string): ArrayLike<number> {
    const { data } = this.input(i);
    if (!data)
      throw wrongValue(
        "ERR_VALUE",
        `${this.where} must have ${what} from constants and shapes, not from the graph's input`,
      );
    return data;
  }

  /** The one number of an input. */
  scalar(i: number, what: string): number {
    const { shape } = this.input(i);
    if (elements(shape) !== 1) {
      throw wrongValue("ERR_SHAPE", `${this.where} must have one element as ${what}: got shape ${showShape(shape)}`);
    }
    return this.known(i, what)[0]!;
  }

  /** Throws unless all these inputs are of one type. */
  sameType(...values: readonly Value[]): void {
    const types = [...new Set(values.map(({ type }) => type))];
    if (types.length > 1) {
      throw wrongKind("ERR_DTYPE", `${this.where} must have inputs of one type: got ${types.join(" and ")}`);
    }
  }

  /** An axis from 0 of something with `rank` axes. */
  axis(axis: number, rank: number): number {
    if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
      throw this.wrong(`an axis from ${-rank} to ${rank - 1}`, axis);
    }
    return axis < 0 ? axis + rank : axis;
  }

  /** ERR_VALUE: what was expected, what came. */
  wrong(expected: string, got: unknown): Error {
    return wrongValue("ERR_VALUE", `${this.where} must have ${expected}: got ${show(got)}`);
  }

  /** ERR_SHAPE */
  wrongShape(expected: string, shape: readonly number[]): Error {
    return wrongValue("ERR_SHAPE", `${this.where} must have ${expected}: got ${showShape(shape)}`);
  }
}
