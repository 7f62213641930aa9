// Scopes that free tensors: what is made inside a scope goes when it ends, unless it is returned or kept.
import { checkFunction, refuse } from './check.js'
import { ValueError } from './errors.js'
import { scoped } from './marks.js'
import type { Tensor } from './tensor.js'
import { tracing } from './tracing.js'

/** How a scope sees a tensor: enough to free it, and to forget those that are gone. */
interface Scoped {
  readonly isDisposed: boolean
  dispose(): void
}

class Scope {
  readonly tensors = new Set<Scoped>()
  readonly parent: Scope | undefined
  constructor(parent: Scope | undefined) {
    this.parent = parent
  }
}

let current: Scope | undefined

/** Puts a tensor into the scope that is open; false if none is. */
export function enterScope(tensor: Scoped): boolean {
  if (!current) return false
  current.tensors.add(tensor)
  return true
}

/** Takes a tensor out of every open scope (it was disposed, or is kept); false if it was in none. */
export function leaveScopes(tensor: Scoped): boolean {
  for (let scope = current; scope; scope = scope.parent) {
    if (scope.tensors.delete(tensor)) return true
  }
  return false
}

/** Frees a tensor before its scope ends, if it belongs to the innermost one (if it was kept or comes from outside, nothing happens). */
export function disposeScoped(tensor: Scoped): void {
  if (current?.tensors.has(tensor)) tensor.dispose()
}

/** Calls `visit` with every tensor in a value: a tensor, or arrays, maps and plain objects of values. */
function eachTensor(value: unknown, visit: (tensor: Scoped) => void, seen = new Set<object>()): void {
  if (typeof value !== 'object' || value === null || seen.has(value)) return
  if (isScoped(value)) {
    visit(value)
    return
  }
  seen.add(value)
  if (Array.isArray(value) || value instanceof Map || value instanceof Set) {
    const items: Iterable<unknown> = value instanceof Map ? value.values() : value
    for (const item of items) eachTensor(item, visit, seen)
  } else if (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null) {
    for (const item of Object.values(value)) eachTensor(item, visit, seen)
  }
}

function isScoped(value: object): value is Scoped {
  return scoped in value
}

/**
 * Runs `fn` and frees every tensor made in it, except those in its result (a tensor, or arrays, maps and plain objects of
 * tensors) and those that were `keep`ed. Scopes nest: a result belongs to the scope around. Where `fn` throws, all are freed.
 *
 * `fn` must be synchronous (await reads outside).
 * @throws ValueError if it returns a promise.
 * @example const loss = tidy(() => functional.mseLoss(net.forward(x), y))
 */
export function tidy<Result>(fn: () => Result): Result {
  checkFunction('tidy', 'fn', fn)
  const scope = new Scope(current)
  current = scope
  let result: Result | undefined
  try {
    result = fn()
    if (result instanceof Promise) {
      result.catch(() => {})
      result = undefined
      throw new ValueError(
        'tidy: the function returned a promise, expected a synchronous function; await outside of it',
      )
    }
  } finally {
    current = scope.parent
    eachTensor(result, (tensor) => {
      if (scope.tensors.delete(tensor)) adopt(tensor)
    })
    disposer = 'at the end of the tidy() scope or module call that made it; return it from there, or keep() it'
    for (const tensor of scope.tensors) tensor.dispose()
    disposer = undefined
  }
  return result
}

// What is freeing tensors now, for the error of whoever uses one afterwards.
let disposer: string | undefined
/** How a tensor that is disposed of now is freed, as the end of a sentence. */
export function disposedHow(): string {
  return disposer ?? 'by dispose()'
}

// Set by tensor.ts: what leaves the last scope is watched by the garbage collector instead.
let watch: (tensor: Scoped) => void = () => {}
export function onEscape(callback: (tensor: Scoped) => void): void {
  watch = callback
}

function adopt(tensor: Scoped): void {
  if (!enterScope(tensor)) watch(tensor)
}

/**
 * Takes a tensor out of all `tidy` scopes: it lives until it is disposed of (or collected as garbage).
 * @throws ValueError for what is no tensor, and for one of a function that is compiled.
 * @example const mean = tidy(() => keep(x.mean()))
 */
export function keep<T extends Tensor>(tensor: T): T {
  if (typeof tensor !== 'object' || tensor === null || !isScoped(tensor)) refuse('keep', 'tensor', tensor, 'a tensor')
  if (tracing()) {
    throw new ValueError(
      'keep: a tensor of a function that is compiled has no values to keep; return it from the function',
    )
  }
  if (leaveScopes(tensor)) watch(tensor)
  return tensor
}
