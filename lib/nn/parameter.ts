// The tensors that a module owns: parameters, which are trained, and buffers, which are only saved and moved with it.

import type { DeviceName, DType } from '../../types/dtype.js'
import { type Checks, checkBoolean, checkString } from '../check.js'
import { rand } from '../creation.js'
import { handleOf } from '../functional/arguments.js'
import { checkDType } from '../host-data.js'
import { native } from '../native.js'
import { Tensor } from '../tensor.js'
import { keep } from '../tidy.js'

/** Where a module's tensors are made. */
export interface FactoryOptions {
  /** Default: the device set with `setDefaultDevice`, at first the best one. */
  device?: DeviceName
  /** Default float32. */
  dtype?: DType
}

export const factoryChecks: Checks<FactoryOptions> = { device: checkString, dtype: checkDType }

/**
 * A tensor that is trained: a field of a module that holds one is found by `parameters()` and saved. It shares the memory of
 * `data`, has requiresGrad set, and outlives every `tidy` scope.
 * @throws DTypeError if data is not of a floating type; ValueError if it is not a tensor.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.parameter.Parameter.html
 * @example const scale = new nn.Parameter(ones([1])) // a field of a module
 */
export class Parameter extends Tensor {
  constructor(data: Tensor, requiresGrad = true) {
    super(native.detach(handleOf('Parameter', 'data', data)))
    checkBoolean('Parameter', 'requiresGrad', requiresGrad)
    keep(this)
    this.requiresGrad_(requiresGrad)
  }
}

/**
 * A tensor that belongs to a module's state but is not trained, such as running statistics. It shares the memory of `data`
 * and outlives every `tidy` scope.
 * @throws ValueError if data is not a tensor.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.parameter.Buffer.html
 * @example const steps = new nn.Buffer(zeros([])) // a field of a module
 */
export class Buffer extends Tensor {
  constructor(data: Tensor) {
    super(native.detach(handleOf('Buffer', 'data', data)))
    keep(this)
  }
}

/** A parameter with the memory of a tensor that nobody else needs. */
export function parameterOf(data: Tensor): Parameter {
  const parameter = new Parameter(data)
  data.dispose()
  return parameter
}

/** A buffer with the memory of a tensor that nobody else needs. */
export function bufferOf(data: Tensor): Buffer {
  const buffer = new Buffer(data)
  data.dispose()
  return buffer
}

/** A parameter drawn uniformly from [−bound, bound). */
export function uniformParameter(shape: readonly number[], bound: number, options: FactoryOptions): Parameter {
  return parameterOf(rand(shape, { ...options, low: -bound, high: bound }))
}
