// The cells of AmoebaNet-A as tables.
import { Cell, type CellOptions, type CellTable } from './cell.js'

/** Figure 5 of the paper, the normal cell: three results that no other combination reads are concatenated. */
export const amoebanetANormal: CellTable = {
  combinations: [
    [
      ['avg3', 0],
      ['max3', 1],
    ],
    [
      ['sep3', 0],
      ['sep5', 2],
    ],
    [
      ['sep3', 0],
      ['avg3', 3],
    ],
    [
      ['sep3', 1],
      ['identity', 1],
    ],
    [
      ['identity', 0],
      ['avg3', 1],
    ],
  ],
  concat: [4, 5, 6],
}

/** Figure 5 of the paper, the reduction cell. */
export const amoebanetAReduction: CellTable = {
  combinations: [
    [
      ['avg3', 0],
      ['sep3', 1],
    ],
    [
      ['max3', 0],
      ['sep7', 2],
    ],
    [
      ['sep7', 0],
      ['avg3', 1],
    ],
    [
      ['max3', 0],
      ['max3', 1],
    ],
    [
      ['conv1x7_7x1', 0],
      ['sep3', 5],
    ],
  ],
  concat: [3, 4, 6],
}

/**
 * AmoebaNet-A's normal cell: forward(x, previous) [N, C, H, W] → [N, 3·channels, H, W].
 * @throws ValueError if a count is not a positive integer; ShapeError if the two inputs do not fit each other.
 * @see https://arxiv.org/abs/1802.01548 (Real, Aggarwal, Huang, Le: Regularized Evolution, figure 5)
 * @example new blocks.AmoebaNetANormalCell([150, 150], { channels: 50 })
 */
export class AmoebaNetANormalCell extends Cell {
  constructor(inChannels: readonly [previous: number, x: number], options: CellOptions) {
    super(amoebanetANormal, inChannels, 1, options)
  }
}

/**
 * AmoebaNet-A's reduction cell: forward(x, previous) [N, C, H, W] → [N, 3·channels, ⌈H / 2⌉, ⌈W / 2⌉].
 * @throws ValueError if a count is not a positive integer; ShapeError if the two inputs do not fit each other.
 * @see https://arxiv.org/abs/1802.01548 (figure 5)
 * @example new blocks.AmoebaNetAReductionCell([150, 150], { channels: 100 })
 */
export class AmoebaNetAReductionCell extends Cell {
  constructor(inChannels: readonly [previous: number, x: number], options: CellOptions) {
    super(amoebanetAReduction, inChannels, 2, options)
  }
}
