// What an object's own fields hold: parameters, buffers and layers, and how a program that is recorded depends on them.
import { isHolder } from '../holders.js'
import { Tensor } from '../tensor.js'
import { type Tracing, tracing } from '../tracing.js'
import { Buffer, Parameter } from './parameter.js'

/** What a network is made of: any object with `forward` will do. */
export interface Layer {
  forward(x: Tensor): Tensor
}

/** A layer of any number of inputs and outputs. */
export interface AnyLayer {
  forward(...inputs: never[]): unknown
}

/** Whether a value has a method `forward`. */
export function isLayer(value: unknown): value is AnyLayer {
  return typeof value === 'object' && value !== null && 'forward' in value && typeof value.forward === 'function'
}

/** `runningMean` is `running_mean` in PyTorch's files. Names that open with a capital are left alone. */
function torchName(field: string): string {
  return /^[a-z]/.test(field) ? field.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : field
}

function entriesOf(owner: object): [string, unknown][] {
  const entries = (): [string, unknown][] => Object.entries(owner)
  return tracing()?.unwatched(entries) ?? entries()
}

/** The parameters, buffers and layers that an object's own fields hold, directly or in an array, with PyTorch's names. */
export function* members(owner: AnyLayer): Generator<[string, Tensor | AnyLayer]> {
  const recording = tracing()
  if (recording) readFields(owner, recording)
  for (const [field, value] of entriesOf(owner)) {
    if (Array.isArray(value)) {
      for (const [i, item] of value.entries()) {
        if (isMember(item)) yield [`${torchName(field)}.${i}`, item]
      }
    } else if (isMember(value)) {
      yield [torchName(field), value]
    }
  }
}

function isMember(value: unknown): value is Tensor | AnyLayer {
  return value instanceof Parameter || value instanceof Buffer || (isLayer(value) && !(value instanceof Tensor))
}

const isPart = (value: unknown): boolean => isMember(value) || (Array.isArray(value) && value.some(isMember))

/**
 * A program that is recorded depends on the fields of a layer, and of layers in them that are no modules: those say it
 * themselves when they are called.
 */
export function readFields(owner: object, recording: Tracing): void {
  if (recording.hasReadAll(owner)) return
  recording.readAll(owner, isPart)
  for (const [, value] of entriesOf(owner)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (isLayer(item) && !(item instanceof Tensor) && !isHolder(item)) readFields(item, recording)
    }
  }
}
