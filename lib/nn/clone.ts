// Copies of modules: all that their fields hold, with memory of its own.
import { types } from 'node:util'
import { ValueError } from '../errors.js'
import { addHolder, isHolder } from '../holders.js'
import { noGrad, Tensor } from '../tensor.js'
import { keep } from '../tidy.js'
import { tracing } from '../tracing.js'
import { isLayer } from './fields.js'
import { Buffer, bufferOf, Parameter, parameterOf } from './parameter.js'

/** The state of one copy: what has been copied so far, so that what is shared stays shared. */
class Copying {
  readonly #copies = new Map<object, unknown>()
  readonly tensors: Tensor[] = []

  of<T>(value: T): T {
    if (typeof value !== 'object' || value === null) return value
    const known = this.#copies.get(value)
    if (known !== undefined) return known as T
    return this.#copy(value) as T
  }

  #remember<T extends object>(original: object, copy: T): T {
    this.#copies.set(original, copy)
    return copy
  }

  #copy(value: object): unknown {
    if (value instanceof Tensor) return this.#remember(value, this.#tensor(value))
    if (types.isTypedArray(value)) return this.#remember(value, (value as Uint8Array).slice())
    if (value instanceof Map) {
      const copy = this.#remember(value, new Map<unknown, unknown>())
      for (const [key, item] of value) copy.set(this.of(key), this.of(item))
      return copy
    }
    if (value instanceof Set) {
      const copy = this.#remember(value, new Set<unknown>())
      for (const item of value) copy.add(this.of(item))
      return copy
    }
    const prototype: unknown = Object.getPrototypeOf(value)
    const isPlain = prototype === Object.prototype || prototype === null
    if (Array.isArray(value)) return this.#fields(value, [])
    // Other objects (a date, a file) are not copied.
    return isPlain || isLayer(value) ? this.#fields(value, Object.create(prototype as object | null) as object) : value
  }

  #fields(value: object, copy: object): object {
    this.#remember(value, copy)
    for (const key of Reflect.ownKeys(value)) {
      const field = Object.getOwnPropertyDescriptor(value, key)!
      if ('value' in field) field.value = this.of<unknown>(field.value)
      Object.defineProperty(copy, key, field)
    }
    if (Object.isFrozen(value)) Object.freeze(copy)
    if (isHolder(value)) addHolder(copy)
    return copy
  }

  #tensor(tensor: Tensor): Tensor {
    const data = noGrad(() => tensor.detach().clone())
    const copy =
      tensor instanceof Parameter ? parameterOf(data) : tensor instanceof Buffer ? bufferOf(data) : keep(data)
    this.tensors.push(copy)
    if (copy.requiresGrad !== tensor.requiresGrad) copy.requiresGrad_(tensor.requiresGrad)
    return copy
  }
}

/** A copy of a module or layer. If it fails, what was copied is freed. */
export function cloned<T extends object>(module: T): T {
  if (tracing()) throw new ValueError('clone: a function is recorded, expected a module to be copied before that')
  const copying = new Copying()
  try {
    return copying.of(module)
  } catch (error) {
    for (const tensor of copying.tensors) tensor.dispose()
    throw error
  }
}
