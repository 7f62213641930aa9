// The way around a residual block, and what scales its branch: shared by all blocks that add their input.
import { among, type Checks, checkObject, optionsLike, refuse } from '../check.js'
import { ValueError } from '../errors.js'
import * as F from '../functional/index.js'
import { Sequential } from '../nn/containers.js'
import { isLayer, type Layer, Module } from '../nn/module.js'
import type { Tensor } from '../tensor.js'
import { convolution } from './conv.js'
import { type BlockOptions, blockChecks, checkCount, factoryOf, makeNorm } from './options.js'
import { SqueezeExcite, type SqueezeExciteOptions, squeezeChecks } from './squeeze-excite.js'

/**
 * How a block's input is brought to the shape of its output, where the two differ: by a 1×1 convolution with a stride and its
 * normalisation, or without parameters, by every stride-th element and channels of zeros behind (the paper's options B and A).
 */
export type Shortcut = 'projection' | 'pad'

export interface ShortcutOptions extends BlockOptions {
  /** Where stride or width change; elsewhere the input is added as it is. Default `'projection'`. */
  shortcut?: Shortcut
  /** The shortcut's layer instead of `shortcut`, as in torchvision: [N, C, H, W] → the output's shape; null adds the input as it is. */
  downsample?: Layer | null
  /** Squeeze and excitation of the branch before it is added: true for a reduction of 16, or its options. Default false. */
  excite?: boolean | SqueezeExciteOptions
}

const asSqueezeOptions = optionsLike(squeezeChecks)

export const shortcutChecks: Checks<ShortcutOptions> = {
  ...blockChecks,
  shortcut: among('projection', 'pad'),
  downsample: (op, name, value) => {
    if (value !== null && !isLayer(value)) refuse(op, name, value, 'a layer or null')
  },
  excite: (op, name, value) => {
    if (typeof value !== 'boolean') asSqueezeOptions(op, name, value)
  },
}

/** What `ShortcutOptions` are applied to. */
interface Change {
  outChannels: number
  stride?: number
}

/**
 * Every stride-th element of every row and column, then channels of zeros: [N, C, H, W] → [N, C + extra, ⌈H / stride⌉, ⌈W /
 * stride⌉].
 */
class PadShortcut extends Module {
  readonly stride: number
  readonly extra: number

  constructor(stride: number, extra: number) {
    super()
    this.stride = stride
    this.extra = extra
  }

  override forward(x: Tensor): Tensor {
    const { stride, extra } = this
    const subsampled = stride === 1 ? x : F.avgPool2d(x, 1, { stride })
    return extra === 0 ? subsampled : F.pad(subsampled, [0, 0, 0, 0, 0, extra])
  }
}

/** Refuses, before anything has memory, options that make no shortcut. */
export function checkShortcut(block: string, inChannels: number, options: ShortcutOptions & Change): void {
  checkObject(block, 'options', options)
  const { shortcut = 'projection', outChannels } = options
  checkCount(block, 'inChannels', inChannels)
  checkCount(block, 'outChannels', outChannels)
  if (options.downsample === undefined && shortcut === 'pad' && outChannels < inChannels) {
    throw new ValueError(`${block}: shortcut 'pad' cannot make ${outChannels} channels of ${inChannels}`)
  }
}

/** The shortcut of such a block; null where the input is added as it is. */
export function makeShortcut(inChannels: number, options: ShortcutOptions & Change): Layer | null {
  const { shortcut = 'projection', norm = true, outChannels, stride = 1 } = options
  if (options.downsample !== undefined) return options.downsample
  if (stride === 1 && inChannels === outChannels) return null
  if (shortcut === 'pad') return new PadShortcut(stride, outChannels - inChannels)
  const factory = factoryOf(options)
  const projection = convolution(inChannels, { outChannels, kernelSize: 1, stride, ...factory }, norm === false)
  return norm === false ? new Sequential(projection) : new Sequential(projection, makeNorm(norm, outChannels, factory))
}

/** The output of a block's branch, scaled by its squeeze and excitation, plus its shortcut's. */
export function addShortcut(
  { seModule, downsample }: { seModule: SqueezeExcite | null; downsample: Layer | null },
  branch: Tensor,
  x: Tensor,
): Tensor {
  const scaled = seModule ? seModule.forward(branch) : branch
  return scaled.add(downsample ? downsample.forward(x) : x)
}

/** The squeeze and excitation that `excite` asks for; null for none. */
export function makeExcite({
  excite = false,
  outChannels,
  ...options
}: ShortcutOptions & Change): SqueezeExcite | null {
  if (excite === false) return null
  return new SqueezeExcite(outChannels, { ...factoryOf(options), ...(excite === true ? {} : excite) })
}
