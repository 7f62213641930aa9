// The searched cells: sizes, counts, gradients, tables that make no sense.
import test from 'ava'
import { blocks, manualSeed, nn, randn, ShapeError, tidy, ValueError, zeros } from '../../lib/index.js'
import { checkBlock, exact } from '../support/block-check.js'
import { numbers, relativeError } from '../support/golden-json.js'

/** A k×k separable convolution twice, f channels to f: two depthwise, two pointwise, two normalisations. */
const separable = (k: number, f: number) => 2 * (k * k * f + f * f + 2 * f)
/** 1×1 convolution and normalisation. */
const prepare = (inChannels: number, f: number) => inChannels * f + 2 * f

test.serial('NASNet-A normal cell', async (t) => {
  const params = 2 * prepare(5, 4) + 2 * separable(5, 4) + 3 * separable(3, 4)
  await checkBlock(t, {
    make: (factory) => new blocks.NASNetANormalCell([5, 5], { channels: 4, ...factory }),
    input: [2, 5, 5, 4],
    output: [2, 24, 5, 4],
    params,
  })
})

test.serial('NASNet-A reduction cell', async (t) => {
  const params = 2 * prepare(6, 4) + 2 * separable(5, 4) + 2 * separable(7, 4) + separable(3, 4)
  await checkBlock(t, {
    make: (factory) => new blocks.NASNetAReductionCell([6, 6], { channels: 4, ...factory }),
    input: [2, 6, 7, 6],
    output: [2, 16, 4, 3],
    params,
  })
})

test.serial('AmoebaNet-A normal cell', async (t) => {
  const params = 2 * prepare(5, 4) + 3 * separable(3, 4) + separable(5, 4)
  await checkBlock(t, {
    make: (factory) => new blocks.AmoebaNetANormalCell([5, 5], { channels: 4, ...factory }),
    input: [2, 5, 5, 4],
    output: [2, 12, 5, 4],
    params,
  })
})

test.serial('AmoebaNet-A reduction cell', async (t) => {
  const oneBySeven = 2 * 7 * 4 * 4 + 2 * 4
  const params = 2 * prepare(6, 4) + 2 * separable(3, 4) + 2 * separable(7, 4) + oneBySeven
  await checkBlock(t, {
    make: (factory) => new blocks.AmoebaNetAReductionCell([6, 6], { channels: 4, ...factory }),
    input: [2, 6, 7, 6],
    output: [2, 12, 4, 3],
    params,
  })
})

test.serial('cells without normalisation have biases instead, and take any activation', async (t) => {
  // Every normalisation had 2·f values, the bias in its place has f.
  const params = 2 * (5 * 4 + 4) + 2 * 2 * (25 * 4 + 16 + 4) + 3 * 2 * (9 * 4 + 16 + 4)
  await checkBlock(t, {
    make: (factory) =>
      new blocks.NASNetANormalCell([5, 5], { channels: 4, norm: false, activation: 'silu', ...factory }),
    input: [1, 5, 4, 4],
    output: [1, 24, 4, 4],
    params,
  })
})

test('a cell reads two inputs of its own sizes; a larger one before is reduced by a factorised reduction', (t) => {
  manualSeed(4)
  tidy(() => {
    const cell = new blocks.NASNetANormalCell([6, 8], { channels: 5, previous: 'reduce' })
    for (const [size, half] of [
      [8, 4],
      [7, 4],
    ] as const) {
      const y = cell.forward(randn([2, 8, half, half]), randn([2, 6, size, size]))
      t.deepEqual(y.shape, [2, 30, half, half])
    }
    const keys = Object.keys(cell.stateDict())
    // 5 channels: 2 that see even positions, 3 that see odd ones.
    t.deepEqual(cell.stateDict()['path_1.conv.weight']?.shape, [2, 6, 1, 1])
    t.deepEqual(cell.stateDict()['path_2.conv.weight']?.shape, [3, 6, 1, 1])
    t.true(keys.includes('final_path_bn.running_var'))
    t.true(keys.includes('comb_iter_0_left.separable_1.depthwise_conv2d.weight'))
    t.true(keys.includes('conv_1x1.conv.weight') && !keys.some((key) => key.startsWith('conv_prev_1x1')))
    t.throws(() => cell.forward(randn([2, 8, 4, 4]), randn([2, 6, 5, 5])), {
      instanceOf: ShapeError,
      message: /the two inputs are \[2, 5, 3, 3\] and \[2, 5, 4, 4\]/,
    })
  })
})

test('strided pools pad as TensorFlow does: at the end first', (t) => {
  const table: blocks.CellTable = {
    combinations: [
      [
        ['max3', 0],
        ['avg3', 0],
      ],
    ],
    concat: [2],
  }
  tidy(() => {
    const cell = new blocks.Cell(table, [1, 1], 2, { channels: 1, previous: 'none', ...exact })
    const x = zeros([1, 1, 4, 4], exact).add(1)
    // Windows at 0 and 2: the second ones reach one row or column of zeros, which count in the mean but not in the maximum.
    t.true(relativeError(numbers(cell.forward(x)), [1 + 1, 1 + 6 / 9, 1 + 6 / 9, 1 + 4 / 9]) < 1e-12)
  })
})

test('tables and options that make no cell are refused', (t) => {
  const refuse = (message: RegExp, table: blocks.CellTable, options: Partial<blocks.CellOptions> = {}) =>
    t.throws(() => new blocks.Cell(table, [3, 4], 1, { channels: 4, ...options }), { instanceOf: ValueError, message })
  const pair = [
    ['sep3', 0],
    ['identity', 1],
  ] as const
  refuse(/refers to result 2 of 2/, {
    combinations: [
      [
        ['sep3', 2],
        ['sep3', 0],
      ],
    ],
    concat: [2],
  })
  refuse(/refers to result 3 of 3/, { combinations: [pair], concat: [3] })
  refuse(/concatenates nothing/, { combinations: [pair], concat: [] })
  refuse(/'sep9' is not known/, {
    combinations: [
      [
        ['sep9' as 'sep3', 0],
        ['sep3', 0],
      ],
    ],
    concat: [2],
  })
  refuse(/channels is 0/, { combinations: [pair], concat: [2] }, { channels: 0 })
  refuse(
    /max3 keeps 3 channels/,
    {
      combinations: [
        [
          ['max3', 0],
          ['sep3', 0],
        ],
      ],
      concat: [2],
    },
    { previous: 'none' },
  )
  t.throws(() => new blocks.Cell(blocks.nasnetANormal, [0, 4], 1, { channels: 4 }), { instanceOf: ValueError })
  t.true(
    new blocks.NASNetANormalCell([3, 3], { channels: 2, norm: (n) => new nn.GroupNorm(1, n) }) instanceof blocks.Cell,
  )
})
