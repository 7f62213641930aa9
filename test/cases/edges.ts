// Functions where they have kinks, poles, zeros, ties and overflow: values, first and second derivatives as PyTorch gives them.
// The golden values are those of float64 and of float32, each computed in that type.
import type { Json } from './case.js'

/** Values of one input, row by row, in `shape` (default: one dimension). */
export interface EdgeInput {
  values: readonly number[]
  shape?: readonly number[]
  dtype?: 'float' | 'int32' | 'bool'
  /** Whether it is differentiated. Default: every float input is. */
  constant?: boolean
}

export interface EdgeRow {
  fn: string
  inputs: readonly (EdgeInput | null)[]
  /** Positional arguments after the tensors. */
  args?: readonly Json[]
  options?: { readonly [key: string]: Json }
  /** All positional arguments, where the tensors do not simply come first. */
  call?: readonly Json[]
  /** How often it is differentiated. Default 2. */
  order?: 0 | 1 | 2
  /** Where PyTorch gives something else (docs/differences.md): what is right here, of float32 only or of both types. */
  ours?: readonly (readonly [part: string, at: number, value: number, dtype?: 'float32'])[]
}

const { POSITIVE_INFINITY: inf, NaN: nan } = Number
const float = (values: readonly number[], shape?: readonly number[]): EdgeInput => ({ values, shape })
const fixed = (values: readonly number[], shape?: readonly number[]): EdgeInput => ({ values, shape, constant: true })
const whole = (values: readonly number[], shape?: readonly number[]): EdgeInput => ({ values, shape, dtype: 'int32' })

const small = [0, -0, 0.5, -0.5, 1, -1, 2, -2, 3, -3, 6, 7, 1e-20, -1e-20, 1e-40, -1e-40]
const large = [5, -5, 12, -12, 30, -30, 90, -90, 1e3, -1e3, 1e20, -1e20, 3e38, -3e38, inf, -inf, nan]
const line = float([...small, ...large])

type Ours = NonNullable<EdgeRow['ours']>
/** With a sixth in float64; dy is 1, −2, 0.5, 3, … */
const hardsigmoidSlopes: Ours = line.values.flatMap((x, at) =>
  x > -3 && x < 3 ? [['dx0', at, [1, -2, 0.5, 3][at % 4]! / 6] as const] : [],
)
/** The limits from 1e20 on, where x³ overflows. */
const geluTanhSlopes: Ours = [
  ['dx0', 26, 0.5, 'float32'],
  ['dx0', 27, 0, 'float32'],
  ['dx0', 28, 1, 'float32'],
  ['dx0', 29, 0, 'float32'],
  ['ddy', 26, -1, 'float32'],
  ['ddy', 27, 0, 'float32'],
  ['ddy', 28, 1, 'float32'],
  ['ddy', 29, 0, 'float32'],
]

/** PyTorch masks NaN (the last value) in vectors of 8 or 16 numbers, and lets the gradient through in what is left over. */
const maskedAtNaN: Ours = [
  ['dx0', 32, 0],
  ['ddy', 32, 0],
]

const functions: EdgeRow[] = [
  ...[
    ...['relu', 'relu6', 'sigmoid', 'tanh', 'hardswish', 'gelu', 'abs', 'neg', 'square', 'exp'],
    ...['log', 'sqrt', 'rsqrt', 'reciprocal', 'log1p', 'expm1', 'leakyRelu', 'elu', 'softplus'],
    ...['sign', 'floor', 'ceil', 'round'],
  ].map((fn): EdgeRow => ({ fn, inputs: [line], ...(fn === 'relu6' && { ours: maskedAtNaN }) })),
  { fn: 'silu', inputs: [line], ours: [['ddx0', 29, 0, 'float32']] },
  {
    fn: 'erf',
    inputs: [line],
    ours: [
      ['ddx0', 28, 0, 'float32'],
      ['ddx0', 29, 0, 'float32'],
    ],
  },
  { fn: 'hardsigmoid', inputs: [line], order: 1, ours: hardsigmoidSlopes },
  ...['sin', 'cos'].map((fn): EdgeRow => ({ fn, inputs: [float([...small, 5, -5, 30, inf, -inf, nan])] })),
  { fn: 'gelu', inputs: [line], options: { approximate: 'tanh' }, ours: geluTanhSlopes },
  ...[0, 0.2, -0.5].map((slope): EdgeRow => ({ fn: 'leakyRelu', inputs: [line], args: [slope] })),
  ...[0, 2, -0.5].map((alpha): EdgeRow => ({ fn: 'elu', inputs: [line], args: [alpha] })),
  { fn: 'softplus', inputs: [line], options: { beta: 2, threshold: 6 } },
  { fn: 'softplus', inputs: [line], options: { beta: -1, threshold: 5 } },
  ...[0, 1, 2, 3, 4, 0.5, 1.5, 2.5, -1, -2, -0.5].map((p): EdgeRow => ({ fn: 'pow', inputs: [line], args: [p] })),
  { fn: 'clamp', inputs: [line], options: { min: -1, max: 2 } },
  { fn: 'clamp', inputs: [line], options: { min: 0 } },
  { fn: 'clamp', inputs: [line], options: { max: 1 } },
  { fn: 'clamp', inputs: [line], options: { min: 2, max: -1 } },
  { fn: 'mul', inputs: [line], args: [0] },
  { fn: 'div', inputs: [line], args: [3] },
  { fn: 'div', inputs: [line], args: [0] },
  { fn: 'div', inputs: [line], call: [1, '$0'] },
  { fn: 'pow', inputs: [line], call: [0, '$0'] },
  { fn: 'pow', inputs: [line], call: [2, '$0'] },
]

// Every value of a with every value of b.
const grid = [0, -0, 1, -1, 2, 3, 0.5, -2.5, 1e20, -1e20, 1e-30, inf, -inf, nan]
const left = float(grid, [grid.length, 1])
const pairs = (values: readonly number[]): [EdgeInput, EdgeInput] => [
  float(values.flatMap((a) => values.map(() => a))),
  float(values.flatMap(() => values)),
]
const two: EdgeRow[] = [
  ...['add', 'sub', 'mul', 'div', 'maximum', 'minimum'].map((fn): EdgeRow => ({ fn, inputs: pairs(grid) })),
  // Where a = b = 0, the gradient is 0 for every dy.
  {
    fn: 'pow',
    inputs: pairs(grid.filter((value) => value !== 1e-30)),
    ours: [
      ['ddy', 0, 0],
      ['ddy', 1, 0],
      ['ddy', 13, 0],
      ['ddy', 14, 0],
    ],
  },
  ...['eq', 'ne', 'lt', 'le', 'gt', 'ge', 'logicalAnd', 'logicalOr'].map(
    (fn): EdgeRow => ({ fn, inputs: pairs(grid), order: 0 }),
  ),
  { fn: 'maximum', inputs: [left, float([0, 2, nan])] },
  { fn: 'where', inputs: [{ values: [1, 0, 1, 0], dtype: 'bool' }, float([0, 1, inf, nan]), float([inf, nan, 0, 1])] },
  { fn: 'logicalNot', inputs: [float([0, -0, 1, nan, inf])], order: 0 },
  { fn: 'isnan', inputs: [float([0, -0, 1, nan, inf])], order: 0 },
]

/** Rows of four that are flat, tied, zero or cancel. */
const finite = [
  [1, 1, 1, 1],
  [0, 0, 0, 0],
  [2, 2, 1, 0],
  [-1, 3, 3, 3],
  [0, 2, 3, -1],
  [0, 2, 0, -1],
  [-0, 0, -0, 0],
]
/** Rows of four that are vast, tiny, infinite or not a number. */
const extreme = [
  [1e20, 1e20, 1e20, 1e20],
  [1e-25, 2e-25, -1e-25, 0],
  [inf, 1, 2, 3],
  [inf, inf, 0, 1],
  [inf, -inf, 0, 1],
  [-inf, -inf, -inf, -inf],
  [nan, 1, 2, 3],
  [1, nan, 2, nan],
  [0, nan, 0, inf],
  [1000, 0, -1000, 1000],
]
/** Rows whose squares float32 does not hold, and one whose digits it hardly holds. */
const vast = [
  [1e20, -1e20, 2e20, 1e20],
  [3e38, 3e38, 3e38, -3e38],
  [1e7, 1e7 + 1, 1e7 + 2, 1e7],
]
const rowsOf = (rows: readonly number[][]) => float(rows.flat(), [rows.length, 4])
const table = rowsOf([...finite, ...extreme])
const cube = float([0, 1, 2, 3, 0, 0, 2, 2, 1, 1, 1, 1], [2, 3, 2])
const reductions: EdgeRow[] = [
  ...['sum', 'mean', 'max', 'min', 'variance', 'std'].flatMap((fn): EdgeRow[] => [
    { fn, inputs: [table], args: [1] },
    { fn, inputs: [rowsOf(vast)], args: [1], order: 0 },
  ]),
  { fn: 'prod', inputs: [rowsOf(finite)], args: [1] },
  { fn: 'prod', inputs: [table], args: [1], order: 1 },
  ...['sum', 'mean', 'max', 'min', 'prod', 'variance', 'std'].flatMap((fn): EdgeRow[] => [
    { fn, inputs: [cube], args: [1], options: { keepdim: true } },
    { fn, inputs: [cube], args: [0] },
    { fn, inputs: [cube] },
    { fn, inputs: [float([5], [1])] },
    { fn, inputs: [float([5, 0], [2, 1])], args: [1] },
  ]),
  ...['variance', 'std'].flatMap((fn): EdgeRow[] => [
    ...[0, 2, 4, 6].map((correction): EdgeRow => ({ fn, inputs: [table], args: [1], options: { correction } })),
    { fn, inputs: [float([3, 3, 3, 3, 1, 2, 1, 2], [2, 2, 2])], args: [[0, 2]] },
    { fn, inputs: [float([5], [1])], args: [0], options: { correction: 0 } },
    { fn, inputs: [float([1, 1, 1, 1, 1])] },
  ]),
  ...['argmax', 'argmin'].map((fn): EdgeRow => ({ fn, inputs: [table], args: [1], order: 0 })),
  ...[[0, 2, 3], [0, 0, 3], [0, 0, 0], [2, 3, 4], [0], [0, 5]].map(
    (values): EdgeRow => ({ fn: 'prod', inputs: [float(values)] }),
  ),
  { fn: 'prod', inputs: [float([nan, 0, 1])], order: 1 },
  { fn: 'prod', inputs: [float([inf, 0, 1])], order: 1 },
  { fn: 'prod', inputs: [float([inf, 2, 1])], order: 1, ours: [['dx0', 0, 2]] },

  ...['softmax', 'logSoftmax'].flatMap((fn): EdgeRow[] => [
    { fn, inputs: [table], args: [1] },
    { fn, inputs: [cube], args: [1] },
    { fn, inputs: [float([5, inf, nan], [3, 1])], args: [1] },
  ]),
]

const probabilities = float([0, 0, 0, 1, 1, 1, 0.5, 0.5, 1e-30, 1e-30, 1e-45, 0.3])
/** Targets for `line`. */
const ofLine = fixed([...small, ...large].map((_, i) => [0, 1, 0.5][i % 3]!))
const targets = [0, 1, 0.5, 0, 1, 0.5, 0, 1, 0, 1, 1, 0.3]
const elementwise: EdgeRow[] = [
  { fn: 'binaryCrossEntropy', inputs: [probabilities, fixed(targets)], options: { reduction: 'none' } },
  {
    fn: 'binaryCrossEntropy',
    inputs: [probabilities, fixed(targets), fixed([2])],
    call: ['$0', '$1'],
    options: { weight: '$2', reduction: 'mean' },
  },
  ...['binaryCrossEntropyWithLogits', 'mseLoss', 'l1Loss', 'smoothL1Loss'].map(
    (fn): EdgeRow => ({
      fn,
      inputs: [line, ofLine],
      options: { reduction: 'none' },
    }),
  ),
  ...['mseLoss', 'l1Loss', 'smoothL1Loss'].map(
    (fn): EdgeRow => ({ fn, inputs: pairs(grid), options: { reduction: 'none' } }),
  ),
  ...[0, 0.5, 3].map(
    (beta): EdgeRow => ({ fn: 'smoothL1Loss', inputs: [line, ofLine], options: { beta, reduction: 'none' } }),
  ),
]

const logits = float(
  [1000, 0, -1000, 1, 1, 1, inf, 0, 1, -inf, 0, 1, -inf, -inf, 0, nan, 0, 1, 1e7, 1e7, 1e7 + 3],
  [7, 3],
)
const classes = whole([0, 1, 2, 1, 2, 0, 1])
const modest = float([1000, 0, -1000, 1, 1, 1, 1e7, 1e7, 1e7 + 3], [3, 3])
/** For targets that are 0: −x, as 0·log 0 is 0. */
const klDivOfNothing: Ours = [
  ['dx1', 0, 0],
  ['dx1', 2, inf],
  ['dx1', 4, 3],
  ['ddx1', 0, -2],
  ['ddx1', 2, 0.5],
  ['ddx1', 4, -1],
  ['ddy', 0, 0],
  ['ddy', 2, -inf],
  ['ddy', 4, 3],
]
const chosen: EdgeRow[] = [
  { fn: 'crossEntropy', inputs: [logits, classes], options: { reduction: 'none' } },
  { fn: 'crossEntropy', inputs: [logits, whole([2, 0, 0, 0, 0, 0, 0])], options: { reduction: 'none' } },
  { fn: 'crossEntropy', inputs: [modest, whole([0, -100, 1])] },
  { fn: 'crossEntropy', inputs: [modest, whole([-100, -100, -100])] },
  { fn: 'crossEntropy', inputs: [modest, whole([-100, -100, -100])], options: { reduction: 'sum' } },
  { fn: 'crossEntropy', inputs: [modest, whole([0, 1, 2])], options: { labelSmoothing: 0.1 } },
  { fn: 'crossEntropy', inputs: [modest, whole([0, 1, 2]), fixed([0, 1, 2])], options: { weight: '$2' } },
  { fn: 'crossEntropy', inputs: [modest, whole([0, 0, 0]), fixed([0, 1, 2])], options: { weight: '$2' } },
  { fn: 'crossEntropy', inputs: [modest, float([1, 0, 0, 0.5, 0.5, 0, 0, 0, 1], [3, 3])] },
  { fn: 'nllLoss', inputs: [logits, classes], options: { reduction: 'none' } },
  { fn: 'nllLoss', inputs: [modest, whole([-100, -100, -100])] },
  ...[false, true].map(
    (logTarget): EdgeRow => ({
      fn: 'klDiv',
      inputs: [
        float([0, -1, -inf, -100, -3, 0, -2, nan]),
        float(logTarget ? [0, -1, -inf, -inf, -100, -2, nan, -1] : [0, 1, 0, 0.5, 0, 1e-10, nan, 0.5]),
      ],
      options: { logTarget, reduction: 'none' },
      ours: logTarget ? [] : klDivOfNothing,
    }),
  ),
]

const plane = float([1, 1, 0, 0, 1, 1, 0, 0, -1, 2, nan, 3, 2, 2, 4, 4], [1, 1, 4, 4])
const tied = float([1, 1, 0, 0, 1, 1, 0, 0, -1, 2, -inf, -inf, 2, 2, -inf, -inf], [1, 1, 4, 4])
const infinite = float([inf, 1, 2, -inf, 0, 3, 4, 5, 1, inf, -inf, 2, nan, 1, 1, 1], [1, 1, 4, 4])
const moving: EdgeRow[] = [
  ...[plane, tied, infinite].flatMap((x): EdgeRow[] => [
    { fn: 'maxPool2d', inputs: [x], args: [2], order: 1 },
    { fn: 'maxPool2d', inputs: [x], args: [3], options: { stride: 1, padding: 1 }, order: 1 },
    { fn: 'maxPool2d', inputs: [x], args: [2], options: { returnIndices: true } },
    { fn: 'avgPool2d', inputs: [x], args: [2] },
    { fn: 'avgPool2d', inputs: [x], args: [3], options: { stride: 2, padding: 1, countIncludePad: false } },
    { fn: 'adaptiveAvgPool2d', inputs: [x], args: [3] },
    { fn: 'adaptiveMaxPool2d', inputs: [x], args: [3] },
    { fn: 'globalMaxPool', inputs: [x] },
    { fn: 'globalAvgPool', inputs: [x] },
    { fn: 'pad', inputs: [x], args: [[1, 2, 0, 1]], options: { mode: 'reflect' } },
    { fn: 'pad', inputs: [x], args: [[1, 2, 0, 1]], options: { mode: 'replicate' } },
    { fn: 'pad', inputs: [x], args: [[1, 2, 0, 1]], options: { mode: 'circular' } },
    { fn: 'pad', inputs: [x], args: [[1, -2, 0, 1]], options: { value: inf } },
    { fn: 'interpolate', inputs: [x], options: { size: [8, 8] } },
    ...[false, true].flatMap((alignCorners): EdgeRow[] =>
      [
        [8, 8],
        [7, 3],
        [2, 2],
        [1, 1],
      ].map((size) => ({ fn: 'interpolate', inputs: [x], options: { size, mode: 'bilinear', alignCorners } })),
    ),
  ]),
  {
    fn: 'interpolate',
    inputs: [float([inf, 1, 2, -inf], [1, 1, 2, 2])],
    options: { size: [2, 2], mode: 'bilinear' },
    ours: [
      ['y', 0, inf],
      ['y', 3, -inf],
    ],
  },
  {
    fn: 'interpolate',
    inputs: [float([inf, 1, 2, -inf, 5], [1, 1, 5])],
    options: { size: 9, mode: 'linear', alignCorners: true },
  },
  { fn: 'interpolate', inputs: [float([inf, 1, 2, -inf, 5], [1, 1, 5])], options: { size: 10, mode: 'linear' } },
  {
    fn: 'interpolate',
    inputs: [float([inf, 1, 2, 3, 5, 6, 7, -inf], [1, 1, 2, 2, 2])],
    options: { size: [3, 3, 3], mode: 'trilinear', alignCorners: true },
  },
  { fn: 'gather', inputs: [float([1, inf, nan, 0], [2, 2]), whole([0, 0, 0, 1], [2, 2])], call: ['$0', 1, '$1'] },
  { fn: 'indexSelect', inputs: [float([1, inf, nan, 0], [2, 2]), whole([1, 1, 0])], call: ['$0', 0, '$1'] },
  { fn: 'cat', inputs: [float([1, nan]), float([inf])], call: [['$0', '$1'], 0] },
  { fn: 'slice', inputs: [float([1, nan, inf, 0])], args: [0, 0, 4, 2] },
  { fn: 'flip', inputs: [float([1, nan, inf, 0])], args: [[0]] },
  { fn: 'expand', inputs: [float([1, nan], [2, 1])], args: [[2, 3]] },
  { fn: 'matmul', inputs: [float([0, 1, inf, 0], [2, 2]), float([inf, 0, 1, nan], [2, 2])] },
  { fn: 'linear', inputs: [float([0, 1, inf, 0], [2, 2]), float([inf, 0, 1, nan], [2, 2]), float([0, 1])] },
  { fn: 'linear', inputs: [float([1e20, 1e20, 0, 0], [2, 2]), float([1e20, 1, 1, 1], [2, 2]), float([0, inf])] },
  { fn: 'conv2d', inputs: [float([0, 1, inf, 0, 1, 2, 3, 4, 5], [1, 1, 3, 3]), float([1, 0, 2, 1], [1, 1, 2, 2])] },
]

const flat = float([2, 2, 2, 2, 0, 0, 0, 0, 1, 2, 3, 4, 5, 5, 5, 5], [2, 2, 4])
const norms: EdgeRow[] = [
  { fn: 'layerNorm', inputs: [flat], args: [[4]], order: 1 },
  { fn: 'groupNorm', inputs: [flat], args: [2], order: 1 },
  {
    fn: 'instanceNorm',
    inputs: [flat],
    order: 1,
    ours: [12, 13, 14, 15].map((at) => ['y', at, 0, 'float32'] as const),
  },
  { fn: 'batchNorm', inputs: [flat, null, null], options: { training: true }, order: 1 },
  { fn: 'layerNorm', inputs: [float([inf, 1, 2, 3, nan, 1, 2, 3], [2, 4])], args: [[4]], order: 1 },
  { fn: 'localResponseNorm', inputs: [float([0, 0, 1, 2, inf, 1, nan, 3], [2, 4, 1])], args: [3], order: 1 },
]

export const edges: readonly EdgeRow[] = [
  ...functions,
  ...two,
  ...reductions,
  ...elementwise,
  ...chosen,
  ...moving,
  ...norms,
]
