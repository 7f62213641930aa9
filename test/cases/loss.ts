// Softmax and all losses, with every option.
import type { Input, Row } from './case.js'

const classes = (high: number, ...shape: number[]): Input => ({ shape, dtype: 'int32', high })
/** Targets of which some equal the ignored class. */
const some = (values: number[], ...shape: number[]): Input => ({ shape, dtype: 'int32', kind: 'values', values })
const weight = (n: number): Input => ({ shape: [n], low: 0.2, high: 2 })
const probability = (...shape: number[]): Input => ({ shape, low: 0.05, high: 0.95 })
const reductions = ['mean', 'sum', 'none']

const softmax: Row[] = ['softmax', 'logSoftmax'].flatMap((fn): Row[] => [
  { fn, inputs: [[4, 7]], args: [1] },
  { fn, inputs: [[4, 7]], args: [0] },
  { fn, inputs: [[2, 5, 3, 4]], args: [1] },
  { fn, inputs: [[2, 5, 3, 4]], args: [-1] },
  { fn, inputs: [[2, 5, 3, 4]], args: [-2] },
  { fn, inputs: [[7]], args: [0] },
  { fn, inputs: [[4, 1]], args: [1] },
  // The gradient of softmax is all cancellation there.
  { fn, inputs: [{ shape: [4, 9], low: -200, high: 200 }], args: [1], grad: [], note: 'large logits' },
  { fn, inputs: [{ shape: [4, 9], low: -20, high: 20 }], args: [1], note: 'large logits' },
  { fn, inputs: [[0, 7]], args: [1], note: 'empty batch' },
  { fn, inputs: [[64, 10]], args: [1] },
  { fn, inputs: [[2, 1000]], args: [1] },
])

const crossEntropy: Row[] = [
  { fn: 'crossEntropy', inputs: [[6, 5], classes(5, 6)] },
  { fn: 'crossEntropy', inputs: [[5], classes(5)], note: 'unbatched' },
  { fn: 'crossEntropy', inputs: [[64, 10], classes(10, 64)] },
  {
    fn: 'crossEntropy',
    inputs: [{ shape: [6, 5], low: -100, high: 100 }, classes(5, 6)],
    differences: false,
    note: 'large logits',
  },
  ...reductions.flatMap((reduction): Row[] => [
    { fn: 'crossEntropy', inputs: [[6, 5], classes(5, 6)], options: { reduction } },
    { fn: 'crossEntropy', inputs: [[6, 5], classes(5, 6), weight(5)], options: { weight: '$2', reduction }, grad: [0] },
    { fn: 'crossEntropy', inputs: [[2, 5, 3, 4], classes(5, 2, 3, 4)], options: { reduction }, note: 'images' },
    {
      fn: 'crossEntropy',
      inputs: [[6, 5], some([0, -100, 3, 4, -100, 1], 6)],
      options: { reduction },
      note: 'ignored',
    },
    { fn: 'crossEntropy', inputs: [[6, 5], classes(5, 6)], options: { reduction, ignoreIndex: 2 } },
    { fn: 'crossEntropy', inputs: [[6, 5], classes(5, 6)], options: { reduction, labelSmoothing: 0.1 } },
    {
      fn: 'crossEntropy',
      inputs: [[6, 5], some([0, 2, 3, 4, 2, 1], 6), weight(5)],
      options: { weight: '$2', reduction, labelSmoothing: 0.3, ignoreIndex: 2 },
      grad: [0],
    },
    {
      fn: 'crossEntropy',
      inputs: [[2, 5, 3], some([0, 2, 3, 4, 2, 1], 2, 3), weight(5)],
      options: { weight: '$2', reduction, labelSmoothing: 0.3, ignoreIndex: 3 },
      grad: [0],
    },
  ]),
  ...reductions.flatMap((reduction): Row[] => [
    { fn: 'crossEntropy', inputs: [[6, 5], probability(6, 5)], options: { reduction }, grad: [0] },
    {
      fn: 'crossEntropy',
      inputs: [[2, 5, 3], probability(2, 5, 3), weight(5)],
      options: { weight: '$2', reduction, labelSmoothing: 0.2 },
      grad: [0],
    },
  ]),
  {
    fn: 'crossEntropy',
    inputs: [[3, 5], some([-100], 3)],
    options: { reduction: 'sum' },
    note: 'all ignored',
  },
  { fn: 'crossEntropy', inputs: [[3, 5], some([-100], 3)], grad: [], note: 'all ignored: NaN' },
  ...reductions.flatMap((reduction): Row[] => [
    { fn: 'nllLoss', inputs: [[6, 5], classes(5, 6)], options: { reduction } },
    { fn: 'nllLoss', inputs: [[6, 5], classes(5, 6), weight(5)], options: { weight: '$2', reduction }, grad: [0] },
    { fn: 'nllLoss', inputs: [[2, 5, 3, 4], classes(5, 2, 3, 4)], options: { reduction }, note: 'images' },
    {
      fn: 'nllLoss',
      inputs: [[6, 5], some([0, 2, 3, 4, 2, 1], 6), weight(5)],
      options: { weight: '$2', reduction, ignoreIndex: 2 },
      grad: [0],
    },
  ]),
  { fn: 'nllLoss', inputs: [[5], classes(5)], note: 'unbatched' },
]

const others: Row[] = reductions.flatMap((reduction): Row[] => [
  { fn: 'binaryCrossEntropy', inputs: [probability(4, 5), probability(4, 5)], options: { reduction }, grad: [0] },
  {
    fn: 'binaryCrossEntropy',
    inputs: [probability(4, 5), { shape: [4, 5], kind: 'integers' }, weight(5)],
    options: { reduction, weight: '$2' },
    grad: [0],
  },
  { fn: 'binaryCrossEntropyWithLogits', inputs: [[4, 5], probability(4, 5)], options: { reduction }, grad: [0] },
  {
    fn: 'binaryCrossEntropyWithLogits',
    inputs: [[4, 5], { shape: [4, 5], kind: 'integers' }, weight(5), weight(5)],
    options: { reduction, weight: '$2', posWeight: '$3' },
    grad: [0],
  },
  {
    fn: 'binaryCrossEntropyWithLogits',
    inputs: [
      { shape: [4, 5], low: -100, high: 100 },
      { shape: [4, 5], kind: 'integers' },
    ],
    options: { reduction },
    grad: [0],
    differences: false,
    note: 'large logits',
  },
  {
    fn: 'mseLoss',
    inputs: [
      [4, 5],
      [4, 5],
    ],
    options: { reduction },
  },
  {
    fn: 'l1Loss',
    inputs: [
      [4, 5],
      [4, 5],
    ],
    options: { reduction },
  },
  {
    fn: 'smoothL1Loss',
    inputs: [
      [4, 5],
      [4, 5],
    ],
    options: { reduction },
  },
  {
    fn: 'smoothL1Loss',
    inputs: [
      [4, 5],
      [4, 5],
    ],
    options: { reduction, beta: 0.3 },
  },
  { fn: 'klDiv', inputs: [[4, 5], probability(4, 5)], options: { reduction } },
  {
    fn: 'klDiv',
    inputs: [
      [4, 5],
      [4, 5],
    ],
    options: { reduction, logTarget: true },
  },
])

export const loss: Row[] = [
  ...softmax,
  ...crossEntropy,
  ...others,
  {
    fn: 'binaryCrossEntropy',
    inputs: [{ shape: [4], kind: 'values', values: [0, 1, 0, 1] }, probability(4)],
    grad: [],
    note: 'log is at least −100',
  },
  {
    fn: 'binaryCrossEntropyWithLogits',
    inputs: [[3, 4, 2], probability(3, 4, 2), { shape: [4, 1], low: 0.2 }],
    options: { posWeight: '$2' },
    grad: [0],
  },
  {
    fn: 'mseLoss',
    inputs: [
      [4, 5],
      [4, 5],
    ],
  },
  {
    fn: 'mseLoss',
    inputs: [
      [64, 100],
      [64, 100],
    ],
  },
  {
    fn: 'l1Loss',
    inputs: [
      [2, 3, 4],
      [2, 3, 4],
    ],
  },
  { fn: 'klDiv', inputs: [[4, 5], probability(4, 5)], options: { reduction: 'batchmean' } },
  {
    fn: 'klDiv',
    inputs: [[4, 5], { shape: [4, 5], kind: 'integers', high: 3 }],
    options: { reduction: 'sum' },
    grad: [0],
    note: 'zero targets',
  },
  {
    fn: 'smoothL1Loss',
    inputs: [
      [4, 5],
      [4, 5],
    ],
    options: { beta: 0 },
    note: 'beta 0 is l1',
  },
]
