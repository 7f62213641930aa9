// What every block lets its user choose: the normalisation after a convolution, the activation, and where tensors are made.
import { type Check, type Checks, checkInteger, checkObject, checkOptions, refuse, textOf } from '../check.js'
import { ValueError } from '../errors.js'
import { oneOf } from '../functional/arguments.js'
import { ELU, GELU, Hardswish, LeakyReLU, ReLU, ReLU6, Sigmoid, SiLU, Tanh } from '../nn/activation.js'
import { Identity } from '../nn/containers.js'
import { isLayer, type Layer } from '../nn/module.js'
import { BatchNorm2d } from '../nn/norm.js'
import { type FactoryOptions, factoryChecks } from '../nn/parameter.js'

/** What normalises the output of a convolution: true is `BatchNorm2d(channels)`, false nothing, a function makes any other layer. */
export type Norm = boolean | ((channels: number) => Layer)

const activations = {
  relu: ReLU,
  relu6: ReLU6,
  tanh: Tanh,
  sigmoid: Sigmoid,
  silu: SiLU,
  gelu: GELU,
  hardswish: Hardswish,
  leakyRelu: LeakyReLU,
  elu: ELU,
} as const satisfies Record<string, new () => Layer>

/** An activation by its name, with PyTorch's defaults. */
export type ActivationName = keyof typeof activations

/** What follows the normalisation: an activation's name, null for none, or a function that makes the layer. */
export type Activation = ActivationName | null | (() => Layer)

/** What every block can be given. */
export interface BlockOptions extends FactoryOptions {
  /** Default true: `BatchNorm2d`. A convolution that no normalisation follows has a bias. */
  norm?: Norm
  /** Default: what the block's paper has. */
  activation?: Activation
}

export const checkActivation: Check = (op, name, value) => {
  if (value !== null && typeof value !== 'function') oneOf(op, name, value as string, Object.keys(activations))
}

export const checkNorm: Check = (op, name, value) => {
  if (typeof value !== 'boolean' && typeof value !== 'function') refuse(op, name, value, 'a boolean or a function')
}

export const blockChecks: Checks<BlockOptions> = { ...factoryChecks, norm: checkNorm, activation: checkActivation }

/** A layer that a caller's function made, or an error where it made none. */
function layerMadeBy(option: string, layer: unknown): Layer {
  if (isLayer(layer)) return layer as Layer
  throw new ValueError(`blocks: the function ${option} returned ${textOf(layer)}, expected a layer`)
}

/**
 * Makes the normalisation of `channels` channels; `Identity` where there is none.
 * @throws ValueError if `norm` is neither a boolean nor a function that returns a layer.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm2d.html
 * @example blocks.makeNorm((channels) => new nn.GroupNorm(8, channels), 64)
 */
export function makeNorm(norm: Norm, channels: number, factory: FactoryOptions = {}): Layer {
  checkNorm('blocks', 'norm', norm)
  checkOptions('makeNorm', factory, factoryChecks)
  if (typeof norm === 'function') return layerMadeBy('norm', norm(channels))
  return norm ? new BatchNorm2d(channels, factoryOf(factory)) : new Identity()
}

/**
 * Makes an activation; `Identity` where there is none.
 * @throws ValueError for an unknown name, or a function that returns no layer.
 * @see https://docs.pytorch.org/docs/stable/nn.html (non-linear activations)
 * @example blocks.makeActivation('silu')
 */
export function makeActivation(activation: Activation): Layer {
  if (activation === null) return new Identity()
  if (typeof activation === 'function') return layerMadeBy('activation', activation())
  const names = Object.keys(activations) as ActivationName[]
  return new activations[oneOf('blocks', 'activation', activation, names)]()
}

/** Device and type alone, of options that may hold more. */
export function factoryOf({ device, dtype }: FactoryOptions): FactoryOptions {
  return { device, dtype }
}

/** What of a block's options its inner blocks get as well, with the block's own default for the activation. */
export function innerOptions(
  options: BlockOptions,
  activation: Activation = 'relu',
): Required<Pick<BlockOptions, 'norm' | 'activation'>> & FactoryOptions {
  checkObject('blocks', 'options', options)
  const { norm = true } = options
  return { norm, activation: options.activation === undefined ? activation : options.activation, ...factoryOf(options) }
}

/**
 * Refuses what cannot be a number of channels, a stride and the like.
 * @throws ValueError unless `value` is a whole number of at least `least`.
 */
export function checkCount(block: string, name: string, value: number, least = 1): void {
  checkInteger(block, name, value, least)
}
