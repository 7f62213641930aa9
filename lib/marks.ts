// Symbols by which modules know a tensor without loading its class.

/** What `tidy` scopes handle has it. */
export const scoped: unique symbol = Symbol('scoped')

/** The class of this copy's tensors has it; that of another copy of the package in the process has not. */
export const ownTensor: unique symbol = Symbol('a tensor of this copy')
