// What every layer is: an engine, named parameters, layers inside, and the end of all three.
import type { Core } from "../engine/core.js";
import type { Engine } from "../engine.js";
import { wrongKind } from "../errors.js";
import type { Tensor } from "../tensor.js";
import { layerKernels } from "./kernels.js";
import { coreOf } from "./load.js";
import { PackedParameter, Parameter } from "./parameter.js";
import type { PackedMatrix } from "./product.js";

/**
 * A layer with weights in the engine's memory. Names of parameters are those of PyTorch's state_dict; `loadWeights` fills
 * them. Dispose of it when done (`layer.dispose()` or `using`).
 */
export abstract class Module {
  /** @internal */
  readonly core: Core;
  readonly #parameters = new Map<string, Parameter>();
  readonly #children = new Map<string, Module>();
  #disposed = false;
  #filled = false;

  constructor(engine: Engine) {
    this.core = coreOf(engine);
    // Hosts that refuse to compile say so here, not in the middle of a model
    layerKernels(this.core);
  }

  /** Every parameter below, by its name in the state_dict: `layers.0.linear1.weight`. */
  parameters(): Map<string, Parameter> {
    const all = new Map(this.#parameters);
    for (const [name, child] of this.#children) {
      for (const [inner, parameter] of child.parameters()) all.set(`${name}.${inner}`, parameter);
    }
    return all;
  }

  /** @internal A parameter of this layer; with `start` it has that value until weights are loaded. */
  protected parameter(name: string, shape: readonly number[], start?: number): void {
    const parameter = this.#made(() => new Parameter(this.core, shape));
    if (start !== undefined) parameter.fill(start);
    this.#parameters.set(name, parameter);
  }

  /** @internal A weight [parts * Out, In, ...], packed. */
  protected packedParameter(name: string, shape: readonly number[], parts = 1): void {
    this.#parameters.set(
      name,
      this.#made(() => new PackedParameter(this.core, shape, parts)),
    );
  }

  /**
   * For models of your own, which extend Module: makes a layer inside this one, whose parameters are called `name.*`.
   * @param make called once; if it throws, this module is disposed of
   */
  protected child<M extends Module>(name: string, make: () => M): M {
    const module = this.#made(make);
    this.#children.set(name, module);
    return module;
  }

  /** What cannot be made, for want of memory, leaves nothing behind. */
  #made<M>(make: () => M): M {
    try {
      return make();
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** @internal The values of a parameter; undefined where the layer was made without it. */
  protected optional(name: string): Tensor | undefined {
    this.open();
    return this.#parameters.get(name)?.tensor(name);
  }

  /** @internal */
  protected values(name: string): Tensor {
    return this.optional(name)!;
  }

  /** @internal */
  protected packed(name: string): PackedParameter {
    this.open();
    return this.#parameters.get(name) as PackedParameter;
  }

  /** @internal */
  protected matrix(name: string): PackedMatrix {
    return this.packed(name).matrix(name);
  }

  /** @internal Throws ERR_DISPOSED or ERR_CLOSED. */
  open(): void {
    this.core.open();
    if (this.#disposed) throw wrongKind("ERR_DISPOSED", "the layer was disposed of");
  }

  /** @internal Throws also where a parameter has no values yet: called before anything else of a forward. */
  ready(): void {
    this.open();
    // Values once given are never taken away
    if (this.#filled) return;
    for (const [name, parameter] of this.parameters()) parameter.tensor(name);
    this.#filled = true;
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** Frees the weights, of the layers inside too. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const parameter of this.#parameters.values()) parameter.dispose();
    for (const child of this.#children.values()) child.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
