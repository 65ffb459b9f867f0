// @assemblyscript/loader makes a TextDecoder when it is imported, for strings that our kernels do not have. Shells such as
// jsc lack it, and nothing may happen at import: so in the bundle it is this, which does nothing.
export class TextDecoder {}
