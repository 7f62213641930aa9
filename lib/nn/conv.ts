// Convolutions and transposed convolutions as modules.
import { type Checks, checkBoolean, checkInteger, checkOptions } from '../check.js'
import { ValueError } from '../errors.js'
import { type Size, sizes } from '../functional/arguments.js'
import * as F from '../functional/conv.js'
import type { Tensor } from '../tensor.js'
import { fanInAndFanOut } from './init.js'
import { Module } from './module.js'
import { type FactoryOptions, factoryChecks, type Parameter, uniformParameter } from './parameter.js'

// Fields that `parameters()` and `children()` pass by, and `clone()` copies.
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

/** Weight and bias as PyTorch draws them: evenly from ±1/√fanIn (for the weight: Kaiming's rule with a = √5). */
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

/** `stride [2, 2], padding [1, 1]`: what differs from the defaults. */
function described(options: object): string {
  return Object.entries(options)
    .filter(([name, value]) => value !== undefined && name !== 'device' && name !== 'dtype')
    .map(([name, value]) => `, ${name}: ${JSON.stringify(value)}`)
    .join('')
}

abstract class ConvNd extends Module {
  weight: Parameter
  bias: Parameter | null
  readonly inChannels: number
  readonly outChannels: number
  readonly kernelSize: readonly number[]
  readonly options: Readonly<F.ConvOptions>
  private readonly [ownGiven]: string

  constructor(spatial: number, inChannels: number, outChannels: number, kernelSize: Size, options: ConvModuleOptions) {
    super()
    checkOptions(new.target.name, options, convModuleChecks)
    const { bias: hasBias = true, device, dtype, ...conv } = options
    const groups = conv.groups ?? 1
    checkGroups(new.target.name, inChannels, outChannels, groups)
    this.inChannels = inChannels
    this.outChannels = outChannels
    this.kernelSize = Object.freeze(sizes(new.target.name, 'kernelSize', kernelSize, spatial))
    this.options = Object.freeze(conv)
    this[ownGiven] = described(options)
    const { weight, bias } = draw([outChannels, inChannels / groups, ...this.kernelSize], outChannels, hasBias, {
      device,
      dtype,
    })
    this.weight = weight
    this.bias = bias
  }

  protected override describe(): string {
    return `${this.inChannels}, ${this.outChannels}, [${this.kernelSize.join(', ')}]${this[ownGiven]}`
  }
}

/**
 * 1-D convolution with a weight [outChannels, inChannels / groups, K] and a bias [outChannels]: [N, C, L] → [N, O, L'].
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv1d.html
 * @example new nn.Conv1d(16, 32, 3, { padding: 'same' })
 */
export class Conv1d extends ConvNd {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvModuleOptions = {}) {
    super(1, inChannels, outChannels, kernelSize, options)
  }
  override forward(x: Tensor): Tensor {
    return F.conv1d(x, this.weight, this.bias, this.options)
  }
}

/**
 * 2-D convolution with a weight [outChannels, inChannels / groups, kH, kW] and a bias [outChannels]:
 * [N, C, H, W] → [N, O, H', W'], H' = ⌊(H + 2·padding − dilation·(kH − 1) − 1) / stride⌋ + 1.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html
 * @example new nn.Conv2d(3, 32, 5, { padding: 2 })
 */
export class Conv2d extends ConvNd {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvModuleOptions = {}) {
    super(2, inChannels, outChannels, kernelSize, options)
  }
  override forward(x: Tensor): Tensor {
    return F.conv2d(x, this.weight, this.bias, this.options)
  }
}

/**
 * 3-D convolution with a weight [outChannels, inChannels / groups, kD, kH, kW] and a bias [outChannels].
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv3d.html
 * @example new nn.Conv3d(1, 8, 3, { padding: 1 })
 */
export class Conv3d extends ConvNd {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvModuleOptions = {}) {
    super(3, inChannels, outChannels, kernelSize, options)
  }
  override forward(x: Tensor): Tensor {
    return F.conv3d(x, this.weight, this.bias, this.options)
  }
}

abstract class ConvTransposeNd extends Module {
  weight: Parameter
  bias: Parameter | null
  readonly inChannels: number
  readonly outChannels: number
  readonly kernelSize: readonly number[]
  readonly options: Readonly<F.ConvTransposeOptions>
  private readonly [ownGiven]: string

  constructor(
    spatial: number,
    inChannels: number,
    outChannels: number,
    kernelSize: Size,
    options: ConvTransposeModuleOptions,
  ) {
    super()
    checkOptions(new.target.name, options, convTransposeModuleChecks)
    const { bias: hasBias = true, device, dtype, ...conv } = options
    const groups = conv.groups ?? 1
    checkGroups(new.target.name, inChannels, outChannels, groups)
    this.inChannels = inChannels
    this.outChannels = outChannels
    this.kernelSize = Object.freeze(sizes(new.target.name, 'kernelSize', kernelSize, spatial))
    this.options = Object.freeze(conv)
    this[ownGiven] = described(options)
    const { weight, bias } = draw([inChannels, outChannels / groups, ...this.kernelSize], outChannels, hasBias, {
      device,
      dtype,
    })
    this.weight = weight
    this.bias = bias
  }

  protected override describe(): string {
    return `${this.inChannels}, ${this.outChannels}, [${this.kernelSize.join(', ')}]${this[ownGiven]}`
  }
}

/**
 * 1-D transposed convolution with a weight [inChannels, outChannels / groups, K] and a bias [outChannels].
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose1d.html
 * @example new nn.ConvTranspose1d(16, 8, 4, { stride: 2, padding: 1 })
 */
export class ConvTranspose1d extends ConvTransposeNd {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvTransposeModuleOptions = {}) {
    super(1, inChannels, outChannels, kernelSize, options)
  }
  override forward(x: Tensor): Tensor {
    return F.convTranspose1d(x, this.weight, this.bias, this.options)
  }
}

/**
 * 2-D transposed convolution with a weight [inChannels, outChannels / groups, kH, kW] and a bias [outChannels]:
 * [N, C, H, W] → [N, O, H', W'], H' = (H − 1)·stride − 2·padding + dilation·(kH − 1) + outputPadding + 1.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html
 * @example new nn.ConvTranspose2d(64, 32, 2, { stride: 2 })
 */
export class ConvTranspose2d extends ConvTransposeNd {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvTransposeModuleOptions = {}) {
    super(2, inChannels, outChannels, kernelSize, options)
  }
  override forward(x: Tensor): Tensor {
    return F.convTranspose2d(x, this.weight, this.bias, this.options)
  }
}

/**
 * 3-D transposed convolution with a weight [inChannels, outChannels / groups, kD, kH, kW] and a bias [outChannels].
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose3d.html
 * @example new nn.ConvTranspose3d(8, 4, 2, { stride: 2 })
 */
export class ConvTranspose3d extends ConvTransposeNd {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvTransposeModuleOptions = {}) {
    super(3, inChannels, outChannels, kernelSize, options)
  }
  override forward(x: Tensor): Tensor {
    return F.convTranspose3d(x, this.weight, this.bias, this.options)
  }
}
