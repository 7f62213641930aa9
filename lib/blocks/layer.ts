// The shorthand: one layer, or a stack of layers, from plain options objects that say what they are by their `type`.
import { type Checks, checkList, checkOptions, checkSizeOrSizes, integerFrom, oneOf } from '../check.js'
import { ValueError } from '../errors.js'
import { type Size, sizes, textOf } from '../functional/arguments.js'
import { Sequential } from '../nn/containers.js'
import { Linear } from '../nn/linear.js'
import { isLayer, type Layer, type Module } from '../nn/module.js'
import { type FactoryOptions, factoryChecks } from '../nn/parameter.js'
import { AvgPool2d, GlobalAvgPool, MaxPool2d } from '../nn/pool.js'
import { Flatten } from '../nn/shape.js'
import { type ConvolutionOptions, convolution, convolutionChecks, samePadding } from './conv.js'
import {
  type Activation,
  type BlockOptions,
  blockChecks,
  checkActivation,
  checkCount,
  factoryOf,
  innerOptions,
  makeActivation,
  makeNorm,
} from './options.js'
import { SeparableConv, type SeparableOptions } from './separable.js'

/** A module that says how many channels (or features) come out of it: all blocks do. */
export type Block = Module & { readonly outChannels: number }

/**
 * Layers one after another with the number of channels that come out: [N, C, …] → [N, outChannels, …].
 * @throws ValueError if outChannels is not a positive integer, or a layer has no method forward.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Sequential.html
 * @example new blocks.Stack(64, [new nn.Conv2d(3, 64, 3), new nn.ReLU()])
 */
export class Stack extends Sequential {
  /** Channels of the output. */
  readonly outChannels: number

  constructor(outChannels: number, layers: readonly Layer[]) {
    super()
    checkCount('Stack', 'outChannels', outChannels)
    checkList('Stack', 'layers', layers, 'layers')
    this.outChannels = outChannels
    this.append(...layers)
  }
}

export interface ConvSpec extends ConvolutionOptions, BlockOptions {}

export interface DenseSpec extends FactoryOptions {
  /** Output features. */
  units: number
  /** Default null: none. */
  activation?: Activation
}

export interface PoolSpec {
  /** Default 2. */
  kernelSize?: Size
  /** Default: kernelSize. */
  stride?: Size
  /** `'same'` (odd kernels): ⌈n / stride⌉ elements come out of n. Zeros that pad never count in a mean. Default 0. */
  padding?: Size | 'same'
}

/** What a layer is, by its `type`; or a function that makes any block for a number of input channels. */
export type LayerSpec =
  | ({ type: 'conv' } & ConvSpec)
  | ({ type: 'separable' } & SeparableOptions)
  | ({ type: 'dense' } & DenseSpec)
  | ({ type: 'maxPool' } & PoolSpec)
  | ({ type: 'avgPool' } & PoolSpec)
  /** [N, C, H, W] → [N, C]. */
  | { type: 'globalAvgPool' }
  /** [N, C, H, W] → [N, C·H·W]; `size` is [H, W], so that the number of features is known. */
  | { type: 'flatten'; size: readonly [height: number, width: number] }
  | ((inChannels: number) => Block)

const convChecks: Checks<ConvSpec> = { ...convolutionChecks, ...blockChecks }
const denseChecks: Checks<DenseSpec> = { ...factoryChecks, units: integerFrom(1), activation: checkActivation }
const poolChecks: Checks<PoolSpec> = {
  kernelSize: checkSizeOrSizes,
  stride: checkSizeOrSizes,
  padding: (op, name, value) => {
    if (typeof value === 'string') oneOf(op, name, value, ['same'])
    else checkSizeOrSizes(op, name, value)
  },
}

/**
 * A convolution, its normalisation and its activation: [N, C, H, W] → [N, outChannels, H', W'], by default H' = ⌈H / stride⌉. The
 * convolution is layer 0, as in torchvision's Conv2dNormActivation; what there is of the others follows. The activation is ReLU
 * by default.
 * @throws ValueError if a size is not a whole number, groups do not divide the channels, or the activation or padding is unknown.
 * @see https://docs.pytorch.org/vision/stable/generated/torchvision.ops.Conv2dNormActivation.html
 * @example new blocks.ConvNormActivation(3, { outChannels: 32, stride: 2, activation: 'relu6' })
 */
export class ConvNormActivation extends Stack {
  constructor(inChannels: number, options: ConvSpec) {
    checkOptions('conv', options, convChecks)
    const { norm, activation, ...factory } = innerOptions(options)
    checkCount('conv', 'inChannels', inChannels)
    checkCount('conv', 'outChannels', options.outChannels)
    // What has no memory comes first: if it cannot be made, nothing is left to free.
    const last = activation === null ? [] : [makeActivation(activation)]
    const conv = convolution(inChannels, options, norm === false)
    super(options.outChannels, [
      conv,
      ...(norm === false ? [] : [makeNorm(norm, options.outChannels, factory)]),
      ...last,
    ])
  }
}

function pool(inChannels: number, type: 'maxPool' | 'avgPool', spec: PoolSpec): Block {
  checkOptions(type, spec, poolChecks)
  const { kernelSize = 2, stride = kernelSize, padding = 0 } = spec
  const kernel = sizes(type, 'kernelSize', kernelSize, 2)
  const sides = padding === 'same' ? samePadding(kernel, [1, 1]) : sizes(type, 'padding', padding, 2)
  if (!sides) throw new ValueError(`${type}: padding 'same' needs an odd kernelSize, got ${textOf(kernelSize)}`)
  const options = { stride, padding: sides }
  const layer =
    type === 'maxPool' ? new MaxPool2d(kernel, options) : new AvgPool2d(kernel, { ...options, countIncludePad: false })
  return new Stack(inChannels, [layer])
}

function dense(inChannels: number, spec: DenseSpec): Block {
  const { units, activation = null, ...factory } = checkOptions('dense', spec, denseChecks)
  checkCount('dense', 'units', units)
  const last = activation === null ? [] : [makeActivation(activation)]
  return new Stack(units, [new Linear(inChannels, units, factoryOf(factory)), ...last])
}

/**
 * The layer that one options object describes, for an input of `inChannels` channels (or features):
 * - `conv`: a convolution with `outChannels`, `kernelSize` (3), `stride` (1), `padding` (`'same'`), `dilation` (1), `groups` (1), then
 *   `norm` (batch normalisation) and `activation` (`'relu'`);
 * - `separable`: a depthwise convolution and a 1×1 one, with the options of `conv` but `groups`;
 * - `dense`: a fully connected layer of `units` with an `activation` (none): [N, inChannels] → [N, units];
 * - `maxPool`, `avgPool`: windows of `kernelSize` (2), `stride` (the window), `padding` (0, or `'same'`);
 * - `globalAvgPool`: the mean of each plane: [N, C, H, W] → [N, C];
 * - `flatten`: [N, C, H, W] → [N, C·H·W] for planes of `size` [H, W];
 * - or a function that makes any block.
 * @throws ValueError for an unknown type, and if an option is unknown or out of range.
 * @see https://docs.pytorch.org/docs/stable/nn.html (the layers)
 * @example blocks.layer(3, { type: 'conv', outChannels: 64, kernelSize: 7, stride: 2 })
 */
export function layer(inChannels: number, spec: LayerSpec): Block {
  checkCount('layer', 'inChannels', inChannels)
  if (typeof spec === 'function') {
    const block = spec(inChannels)
    if (isLayer(block) && Number.isInteger(block.outChannels)) return block
    throw new ValueError(`layer: the function returned ${textOf(block)}, expected a block (a module with outChannels)`)
  }
  const { type, ...options } = (spec ?? {}) as { type?: Exclude<LayerSpec, (...args: never) => unknown>['type'] }
  switch (type) {
    case 'conv':
      return new ConvNormActivation(inChannels, options as ConvSpec)
    case 'separable':
      return new SeparableConv(inChannels, options as SeparableOptions)
    case 'dense':
      return dense(inChannels, options as DenseSpec)
    case 'maxPool':
    case 'avgPool':
      return pool(inChannels, type, options as PoolSpec)
    case 'globalAvgPool':
      checkOptions(type, options, {})
      return new Stack(inChannels, [new GlobalAvgPool({ keepdim: false })])
    case 'flatten': {
      const { size } = checkOptions(type, options as { size: Size }, { size: checkSizeOrSizes })
      const [height, width] = sizes('flatten', 'size', size, 2) as [number, number]
      return new Stack(inChannels * height * width, [new Flatten()])
    }
    default: {
      const came: unknown = type
      throw new ValueError(
        `layer: type is ${typeof came === 'string' ? `'${came}'` : textOf(came)}, which is not known`,
      )
    }
  }
}

/**
 * Layers one after another, each for the channels that the one before puts out. `defaults` are for all of them that have such an
 * option; a dense layer gets device and type alone, since the last one must not end in an activation.
 * @throws ValueError that names the position of the layer that cannot be made.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Sequential.html
 * @example
 * const net = blocks.stack(3, [
 *   { type: 'conv', outChannels: 32 },
 *   { type: 'maxPool' },
 *   { type: 'conv', outChannels: 64, dilation: 2 },
 *   { type: 'globalAvgPool' },
 *   { type: 'dense', units: 10 },
 * ])
 */
export function stack(inChannels: number, specs: readonly LayerSpec[], defaults: BlockOptions = {}): Stack {
  checkList('stack', 'specs', specs, 'layers')
  checkOptions('stack', defaults, blockChecks)
  const layers: Block[] = []
  let channels = inChannels
  for (const [i, spec] of specs.entries()) {
    try {
      const made = layer(channels, withDefaults(spec, defaults))
      layers.push(made)
      channels = made.outChannels
    } catch (error) {
      for (const made of layers) made.dispose()
      if (error instanceof ValueError) throw new ValueError(`stack: layer ${i}: ${error.message}`, { cause: error })
      throw error
    }
  }
  return new Stack(channels, layers)
}

function withDefaults(spec: LayerSpec, defaults: BlockOptions): LayerSpec {
  if (typeof spec !== 'object' || spec === null) return spec
  if (spec.type === 'dense') return { ...factoryOf(defaults), ...spec }
  return spec.type === 'conv' || spec.type === 'separable' ? { ...defaults, ...spec } : spec
}
