// Symbols by which modules know the package's objects without loading their classes.

/** Marks objects that `tidy` scopes free. */
export const scoped: unique symbol = Symbol('scoped')

/** All copies of the package in a process share this key. */
const key = Symbol.for('node-cudnn')
const thisCopy = Symbol('this copy')

/** What an object of the package is: `a tensor`, and by which copy. */
interface Origin {
  readonly what: string
  readonly copy: symbol
}

/** Marks objects of a class, so that messages can say what they are and that they come from another copy of the package. */
export function markClass(Class: { readonly prototype: object }, what: string): void {
  Object.defineProperty(Class.prototype, key, { value: { what, copy: thisCopy } satisfies Origin })
}

const originOf = (value: unknown): Origin | undefined => (value as { [key]?: Origin } | null | undefined)?.[key]

/** Whether another copy of the package made the object. */
export function isForeign(value: unknown): boolean {
  const origin = originOf(value)
  return origin !== undefined && origin.copy !== thisCopy
}

/** `a tensor`, `a module of another copy of node-cudnn (…)`; undefined for what is none of the package's. */
export function originText(value: object): string | undefined {
  const what = originOf(value)?.what
  return isForeign(value) ? `${what} of another copy of node-cudnn (\`npm ls node-cudnn\` lists them)` : what
}
