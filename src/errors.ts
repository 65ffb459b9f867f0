// Every error a caller can cause: TypeError for a wrong kind, RangeError for a wrong value. docs/errors.md lists the codes.

export type ErrorCode =
  | "ERR_ARGUMENT_TYPE"
  | "ERR_UNKNOWN_OPTION"
  | "ERR_DTYPE"
  | "ERR_MIXED_KINDS"
  | "ERR_SHAPE"
  | "ERR_VALUE"
  | "ERR_AMBIGUOUS_CAUSAL"
  | "ERR_DISPOSED"
  | "ERR_FOREIGN_TENSOR"
  | "ERR_OUT_OF_MEMORY"
  | "ERR_CAPACITY"
  | "ERR_CLOSED"
  | "ERR_NO_SIMD"
  | "ERR_NO_RELAXED_SIMD"
  | "ERR_COMPILE"
  | "ERR_MODULE"
  | "ERR_WEIGHTS";

/** An error with a stable `code`; `message` names the argument as the caller wrote it. */
export type AttentionError = (TypeError | RangeError) & { readonly code: ErrorCode };

/** The wrong kind of thing. */
export function wrongKind(code: ErrorCode, message: string, options?: ErrorOptions): AttentionError {
  return Object.assign(new TypeError(message, options), { code });
}

/** The right kind of thing with a value that cannot be. */
export function wrongValue(code: ErrorCode, message: string, options?: ErrorOptions): AttentionError {
  return Object.assign(new RangeError(message, options), { code });
}

/** A value as a message shows it: short, and on one line. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "number" || typeof value === "boolean") return Object.is(value, -0) ? "-0" : String(value);
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) {
    return value.length > 8
      ? `an array of ${value.length}`
      : `[${value.map((item) => (Array.isArray(item) ? "[...]" : show(item))).join(", ")}]`;
  }
  const name = (value as object).constructor?.name;
  const length = (value as { length?: unknown }).length;
  const kind = name && name !== "Object" ? name : "an object";
  return typeof length === "number" ? `${kind} of length ${length}` : kind;
}
