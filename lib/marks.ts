// Symbols by which modules know a tensor without loading its class.

/** Marks objects that `tidy` scopes free. */
export const scoped: unique symbol = Symbol('scoped')

/** Marks the Tensor class of this copy of the package; another copy in the process has a symbol of its own. */
export const ownTensor: unique symbol = Symbol('a tensor of this copy')
