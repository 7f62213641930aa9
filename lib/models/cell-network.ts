// A network of searched cells: a stem, three stages of normal cells with reductions between them, a classifier.
import { Cell, type CellOptions, type CellTable } from '../blocks/cell.js'
import { checkCount, factoryOf } from '../blocks/options.js'
import { type Checks, checkList, checkObject, checkOptions, checkString, integerFrom, moduleCount } from '../check.js'
import { Sequential } from '../nn/containers.js'
import { Conv2d } from '../nn/conv.js'
import { Dropout } from '../nn/dropout.js'
import { Linear } from '../nn/linear.js'
import { Module } from '../nn/module.js'
import { BatchNorm2d } from '../nn/norm.js'
import { GlobalAvgPool } from '../nn/pool.js'
import type { Tensor } from '../tensor.js'
import { checkDropout, initConvolutions, type ModelOptions, modelChecks, modelCounts } from './support.js'

// Keys of fields that `parameters()` and `children()` do not see, and `clone()` copies.
const ownRows = Symbol('rows')

export interface CellNetworkOptions extends ModelOptions {
  /** Normal cells in each of the three stages: the paper's N. */
  cells?: number
  /** Channels of each combination in the first stage; they double from stage to stage. */
  channels?: number
  /** Channels of the first convolution. */
  stemChannels?: number
  /** Probability with which a feature is left out before the last layer in training. Default 0. */
  dropout?: number
}

// The stem has a quarter of the channels, and each half of its reductions at least one channel.
const cellNetworkChecks: Checks<CellNetworkOptions> = {
  ...modelChecks,
  cells: moduleCount,
  channels: integerFrom(4),
  stemChannels: integerFrom(1),
  dropout: checkDropout,
}

/** What tells one network of cells from another. */
export interface CellNetworkDesign extends Required<Pick<CellNetworkOptions, 'cells' | 'channels' | 'stemChannels'>> {
  normal: CellTable
  reduction: CellTable
  /**
   * Whether the first cell after a reduction sees, beside the reduction, the cell before the reduction's input instead of that
   * input: NASNet-A large does.
   */
  skipsReductionInput: boolean
  /** What the first cell does to its second input, the first convolution's output, which is its first as well. */
  stemPrevious: 'conv' | 'none'
  /** Numbers of the cells that open the stages, in their names. */
  firstCells: readonly [number, number, number]
}

/** An output that cells read: its channels, and how often its picture was halved. */
interface Source {
  field: string
  channels: number
  level: number
}

/** A cell and the two outputs that it reads, by name. */
interface Row {
  field: string
  cell: Cell
  x: string
  previous: string
}

/**
 * A network of cells; `nasnetAMobile()`, `nasnetALarge()` and `amoebanetA()` make such. Its tensors have the names of timm's
 * `nasnetalarge`. The first convolution and two reductions make the picture 8 times smaller before the stages, which make it 4 times
 * smaller again. Shapes: [N, inChannels, H, W] → [N, numClasses].
 * @throws ValueError if a count or the dropout is out of range.
 * @see https://arxiv.org/abs/1707.07012 (Zoph, Vasudevan, Shlens, Le: Learning Transferable Architectures)
 * @example const net: models.CellNetwork = models.nasnetAMobile({ numClasses: 10 })
 */
export class CellNetwork extends Module {
  /** The 3×3 convolution of stride 2 before the cells, with normalisation. */
  conv0: Sequential
  /** The mean of each plane: [N, C, H, W] → [N, C]. */
  globalPool = new GlobalAvgPool({ keepdim: false })
  /** Dropout before the last layer. */
  headDrop: Dropout
  /** The last layer: [N, C] → [N, numClasses]. */
  lastLinear: Linear
  private readonly [ownRows]: Row[] = []

  constructor(name: string, design: CellNetworkDesign, options: CellNetworkOptions = {}) {
    super()
    checkString('CellNetwork', 'name', name)
    checkObject(name, 'design', design)
    checkList(name, 'design.firstCells', design.firstCells)
    checkOptions(name, options, cellNetworkChecks)
    const { numClasses, inChannels } = modelCounts(name, options)
    const {
      cells = design.cells,
      channels = design.channels,
      stemChannels = design.stemChannels,
      dropout = 0,
    } = options
    moduleCount(name, 'cells', cells)
    checkCount(name, 'channels', channels, 4)
    checkCount(name, 'stemChannels', stemChannels)
    const factory = factoryOf(options)
    this.conv0 = new Sequential({
      conv: new Conv2d(inChannels, stemChannels, 3, { stride: 2, bias: false, ...factory }),
      bn: new BatchNorm2d(stemChannels, { eps: 1e-3, ...factory }),
    })
    let previous: Source = { field: 'conv0', channels: stemChannels, level: 1 }
    let last = previous
    const fields: { [name: string]: Cell } = {}
    const add = (field: string, stride: 1 | 2, width: number, from: Source, given: Partial<CellOptions> = {}): void => {
      const table = stride === 2 ? design.reduction : design.normal
      const how = from.level < last.level ? 'reduce' : 'conv'
      const cell = new Cell(table, [from.channels, last.channels], stride, {
        ...factory,
        previous: how,
        channels: width,
        ...given,
      })
      fields[field] = cell
      this[ownRows].push({ field, cell, x: last.field, previous: from.field })
      previous = last
      last = { field, channels: cell.outChannels, level: last.level + stride - 1 }
    }
    add('cell_stem_0', 2, Math.floor(channels / 4), previous, { previous: design.stemPrevious })
    add('cell_stem_1', 2, Math.floor(channels / 2), previous)
    for (const [stage, number] of design.firstCells.entries()) {
      const width = channels * 2 ** stage
      let before = previous
      if (stage > 0) {
        add(`reduction_cell_${stage - 1}`, 2, width, previous)
        if (!design.skipsReductionInput) before = previous
      }
      for (let i = 0; i < cells; i++) {
        add(`cell_${number + i}`, 1, width, i === 0 ? before : previous)
      }
    }
    Object.assign(this, fields)
    this.headDrop = new Dropout(dropout)
    this.lastLinear = new Linear(last.channels, numClasses, factory)
    initConvolutions(this)
  }

  override forward(x: Tensor): Tensor {
    let last = this.conv0.forward(x)
    const outputs = new Map([['conv0', last]])
    for (const { field, cell, x: input, previous } of this[ownRows]) {
      last = cell.forward(outputs.get(input)!, outputs.get(previous)!)
      outputs.set(field, last)
    }
    return this.lastLinear.forward(this.headDrop.forward(this.globalPool.forward(last.relu())))
  }
}
