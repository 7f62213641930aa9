// The fully connected layer.
import { type Checks, checkBoolean, checkInteger, checkOptions } from '../check.js'
import { linear } from '../functional/linear.js'
import type { Tensor } from '../tensor.js'
import { Module } from './module.js'
import { type FactoryOptions, factoryChecks, type Parameter, uniformParameter } from './parameter.js'
import { namedArguments } from './positional.js'

export interface LinearOptions extends FactoryOptions {
  /** Whether there is a bias. Default true. */
  bias?: boolean
}

/** The options of a linear layer by name, or its bias by position. */
export type LinearArguments = [options?: LinearOptions] | [bias?: boolean]

const linearChecks: Checks<LinearOptions> = { ...factoryChecks, bias: checkBoolean }

/**
 * y = x · weightᵀ + bias with a weight [outFeatures, inFeatures] and a bias [outFeatures]: [..., inFeatures] → [..., outFeatures].
 * Both are drawn uniformly from ±1/√inFeatures. Default: bias true.
 * @throws ValueError if a size is not a whole number, or an option is unknown; `forward` ShapeError if the last dimension is not
 * inFeatures.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html
 * @example new nn.Linear(1024, 64)
 */
export class Linear extends Module {
  /** [outFeatures, inFeatures]. */
  weight: Parameter
  /** [outFeatures], added to the output; null without. */
  bias: Parameter | null
  /** Size of the last dimension of the input. */
  readonly inFeatures: number
  /** Size of the last dimension of the output. */
  readonly outFeatures: number

  constructor(inFeatures: number, outFeatures: number, ...rest: LinearArguments) {
    super()
    const given = namedArguments<LinearOptions>(new.target.name, rest, ['bias'])
    const { bias = true, ...options } = checkOptions(new.target.name, given, linearChecks)
    checkInteger(new.target.name, 'inFeatures', inFeatures, 0)
    checkInteger(new.target.name, 'outFeatures', outFeatures, 0)
    this.inFeatures = inFeatures
    this.outFeatures = outFeatures
    const bound = inFeatures > 0 ? 1 / Math.sqrt(inFeatures) : 0
    this.weight = uniformParameter([outFeatures, inFeatures], bound, options)
    this.bias = bias ? uniformParameter([outFeatures], bound, options) : null
  }

  override forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias)
  }

  protected override describe(): string {
    return `${this.inFeatures}, ${this.outFeatures}${this.bias ? '' : ', bias: false'}`
  }
}
