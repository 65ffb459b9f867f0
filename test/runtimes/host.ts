// What a runtime's launcher hands to the tests, and what it gets back as one line of JSON.
import type { Test } from "uvu";

/** Modules that a launcher supplies: the package's two builds, their layers, and the elementary functions of both for the maths tests. */
export type ModuleName = "simd" | "relaxed" | "layers-simd" | "layers-relaxed" | "math-simd" | "math-relaxed";

export interface Runtime {
  readonly runtime: string;
  /** Compiled as this runtime does it; rejects where it cannot. */
  readonly load: (name: ModuleName) => Promise<WebAssembly.Module> | WebAssembly.Module;
  /** Whether code may be compiled from bytes here; default true. */
  readonly compiles?: boolean;
  /** Whether workers can be had here, and build/threads.js was built. */
  readonly threads?: boolean;
  /** Told the name of each suite before it runs, so that a hang can be placed. */
  readonly progress?: (suite: string) => void;
}

/** What a bundle can be told to do wrong: each must turn the runtime red. */
export type Sabotage = "fail" | "hang" | "crash" | "silent" | "fewer";

/** What the tests have at hand. */
export interface Host {
  readonly builds: readonly {
    readonly name: "simd" | "relaxed";
    readonly module: WebAssembly.Module;
    readonly layers: WebAssembly.Module;
    readonly math: WebAssembly.Module;
  }[];
  readonly compiles: boolean;
  readonly threads: boolean;
  /** A suite of uvu that will be run. */
  readonly suite: (name: string) => Test;
  /** Filled by the tests of the same bits. */
  readonly prints: Prints;
  readonly sabotage: Sabotage | undefined;
}

/** Fingerprints of the workload, and how far the relaxed build is from the simd build. */
export interface Prints {
  simd?: string;
  relaxed?: string;
  /** Section of the workload -> fingerprint, simd build. */
  sections?: Record<string, string>;
  largestDifference?: number;
  threads?: Record<number, string>;
}

export interface Report {
  readonly runtime: string;
  readonly builds: readonly string[];
  readonly suites: Record<string, { given: number; passed: number }>;
  readonly prints: Prints;
  /** What uvu says of the tests that failed. */
  readonly errors: readonly string[];
}
