// The ResNeXt block in its two forms, equal in what they compute: one grouped convolution, or parallel paths that are added.
import { type Checks, checkObject, checkOptions, integerFrom, moduleCount } from '../check.js'
import { ValueError } from '../errors.js'
import { checkTensor } from '../functional/arguments.js'
import * as F from '../functional/index.js'
import { ModuleList, Sequential } from '../nn/containers.js'
import { type Layer, Module } from '../nn/module.js'
import type { StateDict } from '../nn/state-dict.js'
import { noGrad, type Tensor } from '../tensor.js'
import { Bottleneck } from './bottleneck.js'
import { convolution } from './conv.js'
import { checkCount, innerOptions, makeActivation, makeNorm } from './options.js'
import {
  addShortcut,
  checkShortcut,
  makeExcite,
  makeShortcut,
  type ShortcutOptions,
  shortcutChecks,
} from './shortcut.js'
import type { SqueezeExcite } from './squeeze-excite.js'

export interface ResNeXtOptions extends ShortcutOptions {
  /** Output channels. */
  outChannels: number
  /** C of the paper: groups of the 3×3 convolution, or paths. Default 32. */
  cardinality?: number
  /**
   * d of the paper: channels of one group or path. Default ⌊outChannels / (2 · cardinality)⌋, at least 1: 4 for 256 output
   * channels.
   */
  width?: number
  /** Of the 3×3 convolutions. Default 1. */
  stride?: number
  /** Of the 3×3 convolutions. Default 1. */
  dilation?: number
}

const resnextChecks: Checks<ResNeXtOptions> = {
  ...shortcutChecks,
  outChannels: integerFrom(1),
  cardinality: moduleCount,
  width: integerFrom(1),
  stride: integerFrom(1),
  dilation: integerFrom(1),
}

/** C and d, checked. */
function pathsOf(block: string, options: ResNeXtOptions): [cardinality: number, width: number] {
  const { outChannels, cardinality = 32, width } = checkOptions(block, options, resnextChecks)
  checkCount(block, 'outChannels', outChannels)
  checkCount(block, 'cardinality', cardinality)
  const own = width ?? Math.max(1, Math.floor(outChannels / (2 * cardinality)))
  checkCount(block, 'width', own)
  return [cardinality, own]
}

/**
 * ResNeXt block with a grouped convolution (figure 3c of the paper): a residual block whose 3×3 convolution sees `cardinality`
 * groups of `width` channels: [N, C, H, W] → [N, outChannels, ⌈H / stride⌉, ⌈W / stride⌉]. Its tensors have the names of
 * torchvision's Bottleneck.
 * @throws ValueError if a size is not a positive integer, or the activation or shortcut is unknown.
 * @see https://arxiv.org/abs/1611.05431 (Xie, Girshick, Dollár, Tu, He: Aggregated Residual Transformations)
 * @example new blocks.ResNeXtBlock(256, { outChannels: 256, cardinality: 32, width: 4 })
 */
export class ResNeXtBlock extends Bottleneck {
  /** Number of groups or paths. */
  readonly cardinality: number

  constructor(inChannels: number, options: ResNeXtOptions) {
    const [cardinality, width] = pathsOf(new.target.name, options)
    const { cardinality: _, ...rest } = options
    super(inChannels, { ...rest, width: cardinality * width, groups: cardinality })
    this.cardinality = cardinality
  }
}

/**
 * ResNeXt block as parallel paths (figure 3a of the paper): `cardinality` times 1×1 to `width` channels, 3×3, 1×1 to `outChannels`,
 * added, then normalised once. It computes what `ResNeXtBlock` does, slower; `resnextPaths()` and `resnextGroups()` bring the
 * tensors of one form to the other.
 * @throws ValueError if a size is not a positive integer, or the activation or shortcut is unknown.
 * @see https://arxiv.org/abs/1611.05431 (section 3.3)
 * @example new blocks.ResNeXtPaths(256, { outChannels: 256, cardinality: 32, width: 4 })
 */
export class ResNeXtPaths extends Module {
  /** The parallel paths: 1×1, 3×3 and 1×1 convolutions each. */
  paths: ModuleList<Layer>
  /** Normalisation of the paths' sum. */
  bn3: Layer
  /** The last activation, behind the sum. */
  act3: Layer
  /** Squeeze and excitation of the branch; null without. */
  seModule: SqueezeExcite | null
  /** The shortcut's layer; null where the input is added as it is. */
  downsample: Layer | null
  /** Number of groups or paths. */
  readonly cardinality: number
  /** Channels of the output. */
  readonly outChannels: number

  constructor(inChannels: number, options: ResNeXtOptions) {
    super()
    const block = new.target.name
    const [cardinality, width] = pathsOf(block, options)
    const { outChannels, stride = 1, dilation = 1 } = options
    const { norm, activation, ...factory } = innerOptions(options)
    checkShortcut(block, inChannels, options)
    checkCount(block, 'stride', stride)
    checkCount(block, 'dilation', dilation)
    this.cardinality = cardinality
    this.outChannels = outChannels
    this.act3 = makeActivation(activation)
    const bias = norm === false
    const path = (i: number) =>
      new Sequential({
        conv1: convolution(inChannels, { outChannels: width, kernelSize: 1, ...factory }, bias),
        bn1: makeNorm(norm, width, factory),
        act1: makeActivation(activation),
        conv2: convolution(width, { outChannels: width, stride, dilation, ...factory }, bias),
        bn2: makeNorm(norm, width, factory),
        act2: makeActivation(activation),
        // The sum needs one bias, not one of each path.
        conv3: convolution(width, { outChannels, kernelSize: 1, ...factory }, bias && i === 0),
      })
    this.paths = new ModuleList(Array.from({ length: cardinality }, (_, i) => path(i)))
    this.bn3 = makeNorm(norm, outChannels, factory)
    this.seModule = makeExcite(options)
    this.downsample = makeShortcut(inChannels, options)
  }

  override forward(x: Tensor): Tensor {
    const [first, ...others] = this.paths.layers() as [Layer, ...Layer[]]
    let sum = first.forward(x)
    for (const path of others) sum = sum.add(path.forward(x))
    const y = this.bn3.forward(sum)
    return this.act3.forward(addShortcut(this, y, x))
  }
}

/** The tensors of which every path has its part: the dimension along which the parts stand, by name. */
function partedDim(name: string, shape: readonly number[]): number | null {
  if (/^(conv|bn)[12]\./.test(name)) return shape.length === 0 ? null : 0
  return name === 'conv3.weight' ? 1 : null
}

/** Whether all paths have a tensor of that name, or (a bias of the sum) only the first. */
function isOfPath(name: string): boolean {
  return /^(conv[123]|bn[12])\./.test(name)
}

function checkState(op: string, state: unknown): void {
  checkObject(op, 'the state dict', state)
  for (const [name, tensor] of Object.entries(state)) checkTensor(op, name, tensor)
}

/**
 * The state dict of a `ResNeXtBlock` as that of a `ResNeXtPaths` of the same options (normalised per channel or not at all). The
 * tensors are parts and copies, of the caller's scope.
 * @throws ValueError if the channels do not divide into so many paths.
 * @see https://arxiv.org/abs/1611.05431 (figure 3)
 * @example paths.loadStateDict(blocks.resnextPaths(block.stateDict(), 32))
 */
export function resnextPaths(grouped: StateDict, cardinality: number): StateDict {
  checkCount('resnextPaths', 'cardinality', cardinality)
  const state: StateDict = {}
  checkState('resnextPaths', grouped)
  for (const [name, tensor] of Object.entries(grouped)) {
    const dim = partedDim(name, tensor.shape)
    if (!isOfPath(name)) state[name] = tensor
    else if (name === 'conv3.bias') state[`paths.0.${name}`] = tensor
    else {
      const size = dim === null ? 0 : tensor.shape[dim]! / cardinality
      if (!Number.isInteger(size)) {
        throw new ValueError(`resnextPaths: ${name} is [${tensor.shape}], which makes no ${cardinality} equal paths`)
      }
      for (let i = 0; i < cardinality; i++) {
        state[`paths.${i}.${name}`] = dim === null ? tensor : noGrad(() => tensor.slice(dim, i * size, (i + 1) * size))
      }
    }
  }
  return state
}

/**
 * The state dict of a `ResNeXtPaths` as that of a `ResNeXtBlock` of the same options: what `resnextPaths()` undoes.
 * @throws ShapeError if the paths differ in shape.
 * @see https://arxiv.org/abs/1611.05431 (figure 3)
 * @example block.loadStateDict(blocks.resnextGroups(paths.stateDict()))
 */
export function resnextGroups(paths: StateDict): StateDict {
  checkState('resnextGroups', paths)
  const state: StateDict = {}
  const parts = new Map<string, Tensor[]>()
  for (const [name, tensor] of Object.entries(paths)) {
    const inner = /^paths\.(\d+)\.(.+)$/.exec(name)
    if (!inner) state[name] = tensor
    else {
      const list = parts.get(inner[2]!) ?? []
      list[Number(inner[1])] = tensor
      parts.set(inner[2]!, list)
    }
  }
  for (const [name, list] of parts) {
    const dim = partedDim(name, list[0]!.shape)
    state[name] = dim === null ? list[0]! : noGrad(() => F.cat(list, dim))
  }
  return state
}
