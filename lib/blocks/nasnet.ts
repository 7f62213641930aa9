// The cells of NASNet-A as tables.
import { Cell, type CellOptions, type CellTable } from './cell.js'

/** Figure 4 of the paper, left: the normal cell. The input of the cell before the last is concatenated as well. */
export const nasnetANormal: CellTable = {
  combinations: [
    [
      ['sep5', 1],
      ['sep3', 0],
    ],
    [
      ['sep5', 0],
      ['sep3', 0],
    ],
    [
      ['avg3', 1],
      ['identity', 0],
    ],
    [
      ['avg3', 0],
      ['avg3', 0],
    ],
    [
      ['sep3', 1],
      ['identity', 1],
    ],
  ],
  concat: [0, 2, 3, 4, 5, 6],
}

/** Figure 4 of the paper, right: the reduction cell. */
export const nasnetAReduction: CellTable = {
  combinations: [
    [
      ['sep5', 1],
      ['sep7', 0],
    ],
    [
      ['max3', 1],
      ['sep7', 0],
    ],
    [
      ['avg3', 1],
      ['sep5', 0],
    ],
    [
      ['identity', 3],
      ['avg3', 2],
    ],
    [
      ['sep3', 2],
      ['max3', 1],
    ],
  ],
  concat: [3, 4, 5, 6],
}

/**
 * NASNet-A's normal cell: forward(x, previous) [N, C, H, W] → [N, 6·channels, H, W].
 * @throws ValueError if a count is not a positive integer; ShapeError if the two inputs do not fit each other.
 * @see https://arxiv.org/abs/1707.07012 (figure 4)
 * @example new blocks.NASNetANormalCell([264, 264], { channels: 44 })
 */
export class NASNetANormalCell extends Cell {
  constructor(inChannels: readonly [previous: number, x: number], options: CellOptions) {
    super(nasnetANormal, inChannels, 1, options)
  }
}

/**
 * NASNet-A's reduction cell: forward(x, previous) [N, C, H, W] → [N, 4·channels, ⌈H / 2⌉, ⌈W / 2⌉].
 * @throws ValueError if a count is not a positive integer; ShapeError if the two inputs do not fit each other.
 * @see https://arxiv.org/abs/1707.07012 (figure 4)
 * @example new blocks.NASNetAReductionCell([264, 264], { channels: 88 })
 */
export class NASNetAReductionCell extends Cell {
  constructor(inChannels: readonly [previous: number, x: number], options: CellOptions) {
    super(nasnetAReduction, inChannels, 2, options)
  }
}
