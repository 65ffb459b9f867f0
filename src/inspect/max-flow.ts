// Maximum flow through a network of real capacities: level graphs and blocking flows.
//
// Source: Dinic 1970; it ends after at most as many phases as there are nodes, whatever the capacities. Own code, since
// no kept library for it was found.

/** A network whose capacities stay, so that many flows can be computed on it. */
export class FlowNetwork {
  readonly #nodes: number;
  /** Edges in pairs: 2e leads on, 2e + 1 back. */
  readonly #to: number[] = [];
  readonly #capacity: number[] = [];
  readonly #edges: number[][];

  constructor(nodes: number) {
    this.#nodes = nodes;
    this.#edges = Array.from({ length: nodes }, () => []);
  }

  connect(from: number, to: number, capacity: number): void {
    this.#edges[from]!.push(this.#to.push(to) - 1);
    this.#capacity.push(capacity);
    this.#edges[to]!.push(this.#to.push(from) - 1);
    this.#capacity.push(0);
  }

  /** The most that can flow from source to sink. */
  maximumFlow(source: number, sink: number): number {
    const residual = Float64Array.from(this.#capacity);
    let total = 0;
    for (;;) {
      const level = this.#levels(residual, source, sink);
      if (level[sink]! < 0) return total;
      const next = new Int32Array(this.#nodes);
      for (;;) {
        const amount = this.#augment(residual, level, next, source, sink);
        if (amount === 0) break;
        total += amount;
      }
    }
  }

  /** Distance from the source by edges with room left; -1 where there is no way. */
  #levels(residual: Float64Array, source: number, sink: number): Int32Array {
    const level = new Int32Array(this.#nodes).fill(-1);
    level[source] = 0;
    const queue = [source];
    for (const node of queue) {
      if (node === sink) break;
      for (const edge of this.#edges[node]!) {
        const to = this.#to[edge]!;
        if (residual[edge]! > 0 && level[to]! < 0) {
          level[to] = level[node]! + 1;
          queue.push(to);
        }
      }
    }
    return level;
  }

  /** Sends what one more shortest path takes, 0 where there is none; its narrowest edge is left with exactly nothing. */
  #augment(residual: Float64Array, level: Int32Array, next: Int32Array, source: number, sink: number): number {
    const path: number[] = [];
    let node = source;
    while (node !== sink) {
      const edges = this.#edges[node]!;
      let found = -1;
      for (; next[node]! < edges.length; next[node]!++) {
        const edge = edges[next[node]!]!;
        if (residual[edge]! > 0 && level[this.#to[edge]!] === level[node]! + 1) {
          found = edge;
          break;
        }
      }
      if (found >= 0) {
        path.push(found);
        node = this.#to[found]!;
      } else {
        const back = path.pop();
        if (back === undefined) return 0;
        node = this.#to[back ^ 1]!;
        next[node]!++;
      }
    }
    const amount = path.reduce((least, edge) => Math.min(least, residual[edge]!), Infinity);
    for (const edge of path) {
      residual[edge]! -= amount;
      residual[edge ^ 1]! += amount;
    }
    return amount;
  }
}
