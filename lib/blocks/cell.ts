// Cells found by architecture search, as tables: each combination adds two operations on two earlier results.
import { among, type Checks, checkList, checkObject, checkOptions, integerFrom, refuse, textOf } from '../check.js'
import { ShapeError, ValueError } from '../errors.js'
import { checkTensor, shapeText } from '../functional/arguments.js'
import * as F from '../functional/index.js'
import { Identity, Sequential } from '../nn/containers.js'
import { Conv2d } from '../nn/conv.js'
import { type Layer, Module } from '../nn/module.js'
import { BatchNorm2d } from '../nn/norm.js'
import type { FactoryOptions } from '../nn/parameter.js'
import { AvgPool2d, MaxPool2d } from '../nn/pool.js'
import type { Tensor } from '../tensor.js'
import {
  type Activation,
  type BlockOptions,
  blockChecks,
  checkCount,
  factoryOf,
  innerOptions,
  makeActivation,
  makeNorm,
  type Norm,
} from './options.js'

// Keys of fields that `parameters()` and `children()` do not see, and `clone()` copies.
const ownTable = Symbol('table')
const ownCombinations = Symbol('combinations')
const ownPrepare = Symbol('prepare')

/** What a cell can apply to one of its inputs. */
export type CellOperation = 'identity' | 'sep3' | 'sep5' | 'sep7' | 'conv1x7_7x1' | 'avg3' | 'max3'

/** An operation and what it is applied to: 0 the output of the cell before the last, 1 of the last, 2 + i of combination i. */
export type CellStep = readonly [operation: CellOperation, input: number]

/** A cell: pairs of steps whose results are added, and which results are concatenated (numbered as the inputs of steps). */
export interface CellTable {
  readonly combinations: readonly (readonly [left: CellStep, right: CellStep])[]
  readonly concat: readonly number[]
}

export interface CellOptions extends BlockOptions {
  /** Channels of each combination. */
  channels: number
  /**
   * How the output of the cell before the last is brought to `channels`: by a 1×1 convolution; by a factorised reduction, which
   * also halves it (where the last cell was a reduction); or not at all. Default `'conv'`.
   */
  previous?: 'conv' | 'reduce' | 'none'
}

/** What the operations of a cell share. */
interface Parts {
  norm: Norm
  activation: Activation
  factory: FactoryOptions
}

/** Batch normalisation as in the authors' program, with 1e-3 added to the variance; or what the caller wants. */
function normOf({ norm, factory }: Parts, channels: number): Layer {
  return norm === true ? new BatchNorm2d(channels, { eps: 1e-3, ...factory }) : makeNorm(norm, channels, factory)
}

/** TensorFlow's padding: ⌈n / stride⌉ come out of n, and an odd total puts the extra element at the end. */
function padSame(x: Tensor, kernel: number, stride: number, value = 0): Tensor {
  const [height, width] = x.shape.slice(-2) as [number, number]
  const total = (size: number) => Math.max((Math.ceil(size / stride) - 1) * stride + kernel - size, 0)
  const [rows, columns] = [total(height), total(width)]
  if (rows === 0 && columns === 0) return x
  const [top, left] = [Math.floor(rows / 2), Math.floor(columns / 2)]
  return F.pad(x, [left, columns - left, top, rows - top], { value })
}

/** A depthwise convolution, padded as TensorFlow pads where it has a stride, and a 1×1 convolution. */
class SeparableConv2d extends Module {
  depthwiseConv2d: Conv2d
  pointwiseConv2d: Conv2d
  readonly kernel: number
  readonly stride: number

  constructor(inChannels: number, channels: number, kernel: number, stride: number, { norm, factory }: Parts) {
    super()
    const padding = stride === 1 ? (kernel - 1) / 2 : 0
    const depthwise = { stride, padding, groups: inChannels, bias: false, ...factory }
    this.depthwiseConv2d = new Conv2d(inChannels, inChannels, kernel, depthwise)
    this.pointwiseConv2d = new Conv2d(inChannels, channels, 1, { bias: norm === false, ...factory })
    this.kernel = kernel
    this.stride = stride
  }

  override forward(x: Tensor): Tensor {
    const padded = this.stride === 1 ? x : padSame(x, this.kernel, this.stride)
    return this.pointwiseConv2d.forward(this.depthwiseConv2d.forward(padded))
  }
}

/** Activation, separable convolution, normalisation: twice, the stride in the first. */
function separableTwice(inChannels: number, channels: number, kernel: number, stride: number, parts: Parts): Layer {
  return new Sequential({
    act_1: makeActivation(parts.activation),
    separable_1: new SeparableConv2d(inChannels, channels, kernel, stride, parts),
    bn_sep_1: normOf(parts, channels),
    act_2: makeActivation(parts.activation),
    separable_2: new SeparableConv2d(channels, channels, kernel, 1, parts),
    bn_sep_2: normOf(parts, channels),
  })
}

/** Activation, a 1×7 and a 7×1 convolution, normalisation; each has the stride in its own direction. */
function oneBySeven(inChannels: number, channels: number, stride: number, parts: Parts): Layer {
  const { norm, factory } = parts
  return new Sequential({
    act: makeActivation(parts.activation),
    conv_1x7: new Conv2d(inChannels, channels, [1, 7], {
      stride: [1, stride],
      padding: [0, 3],
      bias: false,
      ...factory,
    }),
    conv_7x1: new Conv2d(channels, channels, [7, 1], {
      stride: [stride, 1],
      padding: [3, 0],
      bias: norm === false,
      ...factory,
    }),
    bn: normOf(parts, channels),
  })
}

/** A 3×3 pool with a stride, padded as TensorFlow pads. Zeros that pad count in the mean, as in timm. */
class StridedPool extends Module {
  readonly kind: 'avg3' | 'max3'
  readonly stride: number

  constructor(kind: 'avg3' | 'max3', stride: number) {
    super()
    this.kind = kind
    this.stride = stride
  }

  override forward(x: Tensor): Tensor {
    const { stride } = this
    if (this.kind === 'avg3') return F.avgPool2d(padSame(x, 3, stride), 3, { stride })
    return F.maxPool2d(padSame(x, 3, stride, Number.NEGATIVE_INFINITY), 3, { stride })
  }
}

function pool(kind: 'avg3' | 'max3', stride: number): Layer {
  if (stride !== 1) return new StridedPool(kind, stride)
  if (kind === 'max3') return new MaxPool2d(3, { stride: 1, padding: 1 })
  return new AvgPool2d(3, { stride: 1, padding: 1, countIncludePad: false })
}

/** Activation, 1×1 convolution, normalisation. */
function convolve1x1(inChannels: number, channels: number, parts: Parts): Layer {
  return new Sequential({
    act: makeActivation(parts.activation),
    conv: new Conv2d(inChannels, channels, 1, { bias: parts.norm === false, ...parts.factory }),
    bn: normOf(parts, channels),
  })
}

/** Every second element, from the first or from the second on; ⌈n / 2⌉ of n come out either way. */
class EverySecond extends Module {
  readonly start: 0 | 1

  constructor(start: 0 | 1) {
    super()
    this.start = start
  }

  override forward(x: Tensor): Tensor {
    const [height, width] = x.shape.slice(-2) as [number, number]
    const shifted = this.start === 0 ? x : F.pad(x.slice(2, 1, height).slice(3, 1, width), [0, 1, 0, 1])
    return F.avgPool2d(shifted, 1, { stride: 2 })
  }
}

/** Halves a picture without losing a position's neighbour: half of the channels see even, the others odd positions. */
class FactorizedReduction extends Module {
  act: Layer
  path_1: Sequential
  path_2: Sequential
  final_path_bn: Layer

  constructor(inChannels: number, channels: number, parts: Parts) {
    super()
    const path = (start: 0 | 1, channels: number) =>
      new Sequential({
        avgpool: new EverySecond(start),
        conv: new Conv2d(inChannels, channels, 1, { bias: parts.norm === false, ...parts.factory }),
      })
    this.act = makeActivation(parts.activation)
    this.path_1 = path(0, Math.floor(channels / 2))
    this.path_2 = path(1, Math.ceil(channels / 2))
    this.final_path_bn = normOf(parts, channels)
  }

  override forward(x: Tensor): Tensor {
    const active = this.act.forward(x)
    return this.final_path_bn.forward(F.cat([this.path_1.forward(active), this.path_2.forward(active)], 1))
  }
}

const separableKernels: { [operation: string]: number } = { sep3: 3, sep5: 5, sep7: 7 }

function operation(name: CellOperation, inChannels: number, channels: number, stride: number, parts: Parts): Layer {
  const kernel = typeof name === 'string' && Object.hasOwn(separableKernels, name) ? separableKernels[name] : undefined
  if (kernel) return separableTwice(inChannels, channels, kernel, stride, parts)
  if (name === 'conv1x7_7x1') return oneBySeven(inChannels, channels, stride, parts)
  if (name !== 'identity' && name !== 'avg3' && name !== 'max3')
    throw new ValueError(`cell: operation ${typeof name === 'string' ? `'${name}'` : textOf(name)} is not known`)
  if (inChannels !== channels) {
    throw new ValueError(
      `cell: ${name} keeps ${inChannels} channels, expected ${channels}; give its input a convolution`,
    )
  }
  if (name !== 'identity') return pool(name, stride)
  return stride === 1 ? new Identity() : new FactorizedReduction(inChannels, channels, parts)
}

const cellChecks: Checks<CellOptions> = {
  ...blockChecks,
  channels: integerFrom(1),
  previous: among('conv', 'reduce', 'none'),
}

/**
 * A cell from a table: forward(x, previous) takes the outputs of the last cell and of the one before, brings both to `channels`
 * channels, and puts out the concatenated combinations. In a reduction cell all operations on the two inputs have stride 2:
 * [N, C, H, W] → [N, outChannels, ⌈H / 2⌉, ⌈W / 2⌉]; otherwise the size of x stays. Its tensors have the names of timm's NASNet.
 * @throws ValueError for a table that points outside itself; ShapeError if the two inputs do not fit each other.
 * @see https://arxiv.org/abs/1707.07012 (Zoph, Vasudevan, Shlens, Le: Learning Transferable Architectures, section 3)
 * @example new blocks.Cell(blocks.nasnetANormal, [44, 264], 1, { channels: 44 })
 */
export class Cell extends Module<[x: Tensor, previous?: Tensor]> {
  /** Channels of the output. */
  readonly outChannels: number
  /** 1, or 2 in a reduction. */
  readonly stride: 1 | 2
  private readonly [ownTable]: CellTable
  private readonly [ownCombinations]: { left: Layer; right: Layer }[] = []
  private readonly [ownPrepare]: readonly [previous: Layer, x: Layer]

  /** `inChannels`: of the cell before the last, and of the last. */
  constructor(
    table: CellTable,
    inChannels: readonly [previous: number, x: number],
    stride: 1 | 2,
    options: CellOptions,
  ) {
    super()
    const { channels, previous = 'conv' } = checkOptions(new.target.name, options, cellChecks)
    const { norm, activation } = innerOptions(options)
    const parts: Parts = { norm, activation, factory: factoryOf(options) }
    checkCount('cell', 'channels', channels)
    checkList('cell', 'inChannels', inChannels)
    if (inChannels.length !== 2)
      refuse('cell', 'inChannels', inChannels, 'two numbers: of the cell before the last, and of the last')
    if (stride !== 1 && stride !== 2) refuse('cell', 'stride', stride, '1 or 2')
    for (const count of inChannels) checkCount('cell', 'inChannels', count)
    checkTable(table)
    this.stride = stride
    this[ownTable] = table
    const [before, last] = inChannels
    const fields: { [name: string]: Layer } = {}
    if (previous === 'conv') fields.conv_prev_1x1 = convolve1x1(before, channels, parts)
    fields.conv_1x1 = convolve1x1(last, channels, parts)
    const reduction = previous === 'reduce' ? new FactorizedReduction(before, channels, parts) : null
    if (reduction) for (const [name, layer] of reduction.namedChildren()) fields[name] = layer as Layer
    this[ownPrepare] = [fields.conv_prev_1x1 ?? reduction ?? new Identity(), fields.conv_1x1]
    const channelsOf = (input: number) => (input === 0 && previous === 'none' ? before : channels)
    for (const [i, pair] of table.combinations.entries()) {
      const [left, right] = pair.map(([name, input]) =>
        operation(name, channelsOf(input), channels, input < 2 ? stride : 1, parts),
      ) as [Layer, Layer]
      this[ownCombinations].push({ left, right })
      fields[`comb_iter_${i}_left`] = left
      fields[`comb_iter_${i}_right`] = right
    }
    this.outChannels = table.concat.reduce((sum, input) => sum + channelsOf(input), 0)
    Object.assign(this, fields)
  }

  override forward(x: Tensor, previous: Tensor = x): Tensor {
    checkTensor('cell', 'x', x)
    checkTensor('cell', 'previous', previous)
    const states = [this[ownPrepare][0].forward(previous), this[ownPrepare][1].forward(x)]
    const [left, right] = states as [Tensor, Tensor]
    if (left.shape.slice(2).join() !== right.shape.slice(2).join()) {
      throw new ShapeError(
        `cell: the two inputs are ${shapeText(left.shape)} and ${shapeText(right.shape)}, expected one size of pictures`,
      )
    }
    for (const [i, pair] of this[ownTable].combinations.entries()) {
      const layers = this[ownCombinations][i]!
      const [a, b] = [layers.left.forward(states[pair[0][1]]!), layers.right.forward(states[pair[1][1]]!)]
      states.push(a.add(b))
    }
    return F.cat(
      this[ownTable].concat.map((input) => states[input]!),
      1,
    )
  }
}

/** Steps read what stands before them; a result that is concatenated exists. */
function checkTable(table: CellTable): void {
  checkObject('cell', 'table', table)
  const { combinations, concat } = table
  checkList('cell', 'table.combinations', combinations, 'pairs of steps')
  checkList('cell', 'table.concat', concat)
  for (const pair of combinations) {
    const isPair = Array.isArray(pair) && pair.length === 2 && pair.every((step) => Array.isArray(step))
    if (!isPair) refuse('cell', 'a combination', pair, 'two steps [operation, input]')
  }
  const check = (input: number, count: number) => {
    if (!Number.isInteger(input) || input < 0 || input >= count) {
      throw new ValueError(`cell: a table refers to result ${textOf(input)} of ${count}`)
    }
  }
  for (const [i, pair] of combinations.entries()) for (const [, input] of pair) check(input, 2 + i)
  for (const input of concat) check(input, 2 + combinations.length)
  if (concat.length === 0) throw new ValueError('cell: a table concatenates nothing')
}
