// Convolutions and transposed convolutions as modules: one base holds the parameters, and each class says its function.
import { type Checks, checkBoolean, checkInteger, checkOptions } from '../check.js'
import { ValueError } from '../errors.js'
import { type Size, sizes } from '../functional/arguments.js'
import * as F from '../functional/conv.js'
import type { Tensor } from '../tensor.js'
import { fanInAndFanOut } from './init.js'
import { Module } from './module.js'
import { type FactoryOptions, factoryChecks, type Parameter, uniformParameter } from './parameter.js'
import { namedArguments, optionsText } from './positional.js'

// Keys of fields that `parameters()` and `children()` do not see, and `clone()` copies.
const ownGiven = Symbol('given')

export interface ConvModuleOptions extends F.ConvOptions, FactoryOptions {
  /** Whether there is a bias. Default true. */
  bias?: boolean
}

export interface ConvTransposeModuleOptions extends F.ConvTransposeOptions, FactoryOptions {
  /** Whether there is a bias. Default true. */
  bias?: boolean
}

export const convModuleChecks: Checks<ConvModuleOptions> = { ...F.convChecks, ...factoryChecks, bias: checkBoolean }
const convTransposeModuleChecks: Checks<ConvTransposeModuleOptions> = {
  ...F.convTransposeChecks,
  ...factoryChecks,
  bias: checkBoolean,
}

/** The options of a convolution by name, or in PyTorch's order. */
export type ConvArguments =
  | [options?: ConvModuleOptions]
  | [
      stride?: Size,
      padding?: Size | 'same' | 'valid',
      dilation?: Size,
      groups?: number,
      bias?: boolean,
      paddingMode?: F.PaddingMode,
    ]

/** The options of a transposed convolution by name, or in PyTorch's order (in which dilation comes last). */
export type ConvTransposeArguments =
  | [options?: ConvTransposeModuleOptions]
  | [stride?: Size, padding?: Size, outputPadding?: Size, groups?: number, bias?: boolean, dilation?: Size]

const convOrder = ['stride', 'padding', 'dilation', 'groups', 'bias', 'paddingMode'] as const
const convTransposeOrder = ['stride', 'padding', 'outputPadding', 'groups', 'bias', 'dilation'] as const

/** Weight and bias as PyTorch draws them: uniform in ±1/√fanIn (for the weight: Kaiming's rule with a = √5). */
function draw(weightShape: readonly number[], out: number, hasBias: boolean, options: FactoryOptions) {
  const { fanIn } = fanInAndFanOut(weightShape)
  const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0
  return {
    weight: uniformParameter(weightShape, bound, options),
    bias: hasBias ? uniformParameter([out], bound, options) : null,
  }
}

function checkGroups(type: string, inChannels: number, outChannels: number, groups: number): void {
  checkInteger(type, 'inChannels', inChannels, 0)
  checkInteger(type, 'outChannels', outChannels, 0)
  if (!(groups >= 1) || inChannels % groups !== 0 || outChannels % groups !== 0) {
    throw new ValueError(
      `${type}: groups is ${groups}, expected a divisor of inChannels ${inChannels} and of outChannels ${outChannels}`,
    )
  }
}

/** What the two kinds share. `isTransposed` says which of the weight's first two dimensions the groups divide. */
abstract class ConvBase<Options extends F.ConvOptions | F.ConvTransposeOptions> extends Module {
  /** The kernels: [outChannels, inChannels / groups, …kernelSize], transposed [inChannels, outChannels / groups, …kernelSize]. */
  weight: Parameter
  /** [outChannels], added to the output; null without. */
  bias: Parameter | null
  /** Channels of the input. */
  readonly inChannels: number
  /** Channels of the output. */
  readonly outChannels: number
  /** One size for each spatial dimension. */
  readonly kernelSize: readonly number[]
  /** What the constructor was given of stride, padding and the like. */
  readonly options: Readonly<Options>
  private readonly [ownGiven]: string

  constructor(
    isTransposed: boolean,
    inChannels: number,
    outChannels: number,
    kernelSize: Size,
    options: Options & FactoryOptions & { bias?: boolean },
  ) {
    super()
    const op = new.target.name
    const { bias: hasBias = true, device, dtype, ...conv } = options
    const groups = conv.groups ?? 1
    checkGroups(op, inChannels, outChannels, groups)
    this.inChannels = inChannels
    this.outChannels = outChannels
    this.kernelSize = Object.freeze(sizes(op, 'kernelSize', kernelSize, this.spatialDims()))
    this.options = Object.freeze(conv) as Readonly<Options>
    this[ownGiven] = optionsText(options)
    const channels = isTransposed ? [inChannels, outChannels / groups] : [outChannels, inChannels / groups]
    const { weight, bias } = draw([...channels, ...this.kernelSize], outChannels, hasBias, { device, dtype })
    this.weight = weight
    this.bias = bias
  }

  /** The number of spatial dimensions. */
  protected abstract spatialDims(): number

  protected override describe(): string {
    return `${this.inChannels}, ${this.outChannels}, [${this.kernelSize.join(', ')}]${this[ownGiven]}`
  }
}

abstract class ConvNd extends ConvBase<F.ConvOptions> {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, ...rest: ConvArguments) {
    const options = namedArguments<ConvModuleOptions>(new.target.name, rest, convOrder)
    super(false, inChannels, outChannels, kernelSize, checkOptions(new.target.name, options, convModuleChecks))
  }
}

abstract class ConvTransposeNd extends ConvBase<F.ConvTransposeOptions> {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, ...rest: ConvTransposeArguments) {
    const options = namedArguments<ConvTransposeModuleOptions>(new.target.name, rest, convTransposeOrder)
    super(true, inChannels, outChannels, kernelSize, checkOptions(new.target.name, options, convTransposeModuleChecks))
  }
}

/**
 * 1-D convolution (cross-correlation) with a weight [outChannels, inChannels / groups, K] and a bias [outChannels]:
 * [N, C, L] or [C, L] → [N, O, L'], L' = ⌊(L + 2·padding − dilation·(K − 1) − 1) / stride⌋ + 1.
 * Defaults: stride 1, padding 0, dilation 1, groups 1, bias true, paddingMode 'zeros'. Weight and bias are drawn uniformly from
 * ±1/√fanIn.
 * @throws ValueError if a count is not a whole number, groups do not divide both channels, or an option is unknown; `forward`
 * ShapeError if the input does not fit.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv1d.html
 * @example new nn.Conv1d(16, 32, 3, { padding: 'same' })
 */
export class Conv1d extends ConvNd {
  protected override spatialDims(): number {
    return 1
  }
  override forward(x: Tensor): Tensor {
    return F.conv1d(x, this.weight, this.bias, this.options)
  }
}

/**
 * 2-D convolution (cross-correlation) with a weight [outChannels, inChannels / groups, kH, kW] and a bias [outChannels]:
 * [N, C, H, W] or [C, H, W] → [N, O, H', W'], H' = ⌊(H + 2·padding − dilation·(kH − 1) − 1) / stride⌋ + 1, and W' likewise.
 * Defaults: stride 1, padding 0, dilation 1, groups 1, bias true, paddingMode 'zeros'. Weight and bias are drawn uniformly from
 * ±1/√fanIn.
 * @throws ValueError if a count is not a whole number, groups do not divide both channels, or an option is unknown; `forward`
 * ShapeError if the input does not fit.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html
 * @example new nn.Conv2d(3, 32, 5, { stride: 2, padding: 2 })
 * @example new nn.Conv2d(3, 32, 5, 2, 2)
 */
export class Conv2d extends ConvNd {
  protected override spatialDims(): number {
    return 2
  }
  override forward(x: Tensor): Tensor {
    return F.conv2d(x, this.weight, this.bias, this.options)
  }
}

/**
 * 3-D convolution (cross-correlation) with a weight [outChannels, inChannels / groups, kD, kH, kW] and a bias [outChannels]: [N,
 * C, D, H, W] or [C, D, H, W] → [N, O, D', H', W'], D' = ⌊(D + 2·padding − dilation·(kD − 1) − 1) / stride⌋ + 1, and H', W'
 * likewise. Defaults: stride 1, padding 0, dilation 1, groups 1, bias true, paddingMode 'zeros'. Weight and bias are drawn
 * uniformly from ±1/√fanIn.
 * @throws ValueError if a count is not a whole number, groups do not divide both channels, or an option is unknown; `forward`
 * ShapeError if the input does not fit.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv3d.html
 * @example new nn.Conv3d(1, 8, 3, { padding: 1 })
 */
export class Conv3d extends ConvNd {
  protected override spatialDims(): number {
    return 3
  }
  override forward(x: Tensor): Tensor {
    return F.conv3d(x, this.weight, this.bias, this.options)
  }
}

/**
 * 1-D transposed convolution with a weight [inChannels, outChannels / groups, K] and a bias [outChannels]:
 * [N, C, L] or [C, L] → [N, O, L'], L' = (L − 1)·stride − 2·padding + dilation·(K − 1) + outputPadding + 1.
 * Defaults: stride 1, padding 0, outputPadding 0, groups 1, bias true, dilation 1. Weight and bias are drawn uniformly from ±1/√fanIn.
 * @throws ValueError if a count is not a whole number, groups do not divide both channels, or an option is unknown; `forward`
 * ShapeError if the input does not fit.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose1d.html
 * @example new nn.ConvTranspose1d(16, 8, 4, { stride: 2, padding: 1 })
 */
export class ConvTranspose1d extends ConvTransposeNd {
  protected override spatialDims(): number {
    return 1
  }
  override forward(x: Tensor): Tensor {
    return F.convTranspose1d(x, this.weight, this.bias, this.options)
  }
}

/**
 * 2-D transposed convolution with a weight [inChannels, outChannels / groups, kH, kW] and a bias [outChannels]:
 * [N, C, H, W] or [C, H, W] → [N, O, H', W'], H' = (H − 1)·stride − 2·padding + dilation·(kH − 1) + outputPadding + 1, and W' likewise.
 * Defaults: stride 1, padding 0, outputPadding 0, groups 1, bias true, dilation 1. Weight and bias are drawn uniformly from ±1/√fanIn.
 * @throws ValueError if a count is not a whole number, groups do not divide both channels, or an option is unknown; `forward`
 * ShapeError if the input does not fit.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html
 * @example new nn.ConvTranspose2d(64, 32, 2, { stride: 2 })
 * @example new nn.ConvTranspose2d(64, 32, 2, 2)
 */
export class ConvTranspose2d extends ConvTransposeNd {
  protected override spatialDims(): number {
    return 2
  }
  override forward(x: Tensor): Tensor {
    return F.convTranspose2d(x, this.weight, this.bias, this.options)
  }
}

/**
 * 3-D transposed convolution with a weight [inChannels, outChannels / groups, kD, kH, kW] and a bias [outChannels]: [N, C, D, H,
 * W] or [C, D, H, W] → [N, O, D', H', W'], D' = (D − 1)·stride − 2·padding + dilation·(kD − 1) + outputPadding + 1, and H', W'
 * likewise. Defaults: stride 1, padding 0, outputPadding 0, groups 1, bias true, dilation 1. Weight and bias are drawn uniformly
 * from ±1/√fanIn.
 * @throws ValueError if a count is not a whole number, groups do not divide both channels, or an option is unknown; `forward`
 * ShapeError if the input does not fit.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose3d.html
 * @example new nn.ConvTranspose3d(8, 4, 2, { stride: 2 })
 */
export class ConvTranspose3d extends ConvTransposeNd {
  protected override spatialDims(): number {
    return 3
  }
  override forward(x: Tensor): Tensor {
    return F.convTranspose3d(x, this.weight, this.bias, this.options)
  }
}
