// Batch, layer, group, instance and local response normalisation.
import type { Input, Row } from './case.js'

/** A running variance: positive. */
const variance = (...shape: number[]): Input => ({ shape, low: 0.5, high: 2 })

const batch: Row[] = [
  ...[
    [6, 4],
    [3, 4, 7],
    [3, 4, 5, 6],
    [2, 4, 3, 4, 5],
  ].flatMap((shape): Row[] => [
    {
      fn: 'batchNorm',
      inputs: [shape, [4], variance(4), [4], [4]],
      options: { weight: '$3', bias: '$4', training: true },
      mutates: [1, 2],
    },
    {
      fn: 'batchNorm',
      inputs: [shape, [4], variance(4), [4], [4]],
      options: { weight: '$3', bias: '$4' },
      mutates: [1, 2],
      note: 'evaluation',
    },
  ]),
  { fn: 'batchNorm', inputs: [[3, 4, 5, 6], [4], variance(4)], options: { training: true }, mutates: [1, 2] },
  { fn: 'batchNorm', inputs: [[3, 4, 5, 6], [4], variance(4)], mutates: [1, 2], note: 'evaluation' },
  { fn: 'batchNorm', inputs: [[3, 4, 5, 6], null, null], options: { training: true }, note: 'no running statistics' },
  {
    fn: 'batchNorm',
    inputs: [[3, 4, 5, 6], null, null, [4], [4]],
    options: { weight: '$3', bias: '$4', training: true },
    note: 'no running statistics',
  },
  {
    fn: 'batchNorm',
    inputs: [[3, 4, 5, 6], [4], variance(4), [4], [4]],
    options: { weight: '$3', bias: '$4', training: true, momentum: 0.37, eps: 0.01 },
    mutates: [1, 2],
  },
  {
    fn: 'batchNorm',
    inputs: [[3, 4, 5, 6], [4], variance(4), [4], [4]],
    options: { weight: '$3', bias: '$4', eps: 0.1 },
    mutates: [1, 2],
    note: 'evaluation',
  },
  {
    fn: 'batchNorm',
    inputs: [[2, 4, 1, 1], [4], variance(4), [4], [4]],
    options: { weight: '$3', bias: '$4', training: true, eps: 0.1 },
    mutates: [1, 2],
    note: 'two values a channel',
  },
  {
    fn: 'batchNorm',
    inputs: [{ shape: [4, 3, 5, 5], low: 99, high: 101 }, [3], variance(3), [3], [3]],
    options: { weight: '$3', bias: '$4', training: true },
    mutates: [1, 2],
    note: 'far from zero',
  },
  {
    fn: 'batchNorm',
    inputs: [[1, 1, 3, 3], [1], variance(1), [1], [1]],
    options: { weight: '$3', bias: '$4', training: true },
    mutates: [1, 2],
  },
  ...[
    [8, 16, 8, 8],
    [2, 32, 14, 14],
    [2, 17, 9, 9],
    [1, 64, 28, 28],
  ].flatMap((shape): Row[] => [
    {
      fn: 'batchNorm',
      inputs: [shape, [shape[1]!], variance(shape[1]!), [shape[1]!], [shape[1]!]],
      options: { weight: '$3', bias: '$4', training: true },
      mutates: [1, 2],
    },
    {
      fn: 'batchNorm',
      inputs: [shape, [shape[1]!], variance(shape[1]!), [shape[1]!], [shape[1]!]],
      options: { weight: '$3', bias: '$4' },
      mutates: [1, 2],
      note: 'evaluation',
    },
  ]),
  {
    fn: 'batchNorm',
    inputs: [[0, 4, 5, 6], [4], variance(4), [4], [4]],
    options: { weight: '$3', bias: '$4' },
    mutates: [1, 2],
    note: 'empty batch, evaluation',
  },
]

const layer: Row[] = [
  { fn: 'layerNorm', inputs: [[4, 7]], args: [[7]] },
  { fn: 'layerNorm', inputs: [[4, 7], [7], [7]], args: [[7]], options: { weight: '$1', bias: '$2' } },
  {
    fn: 'layerNorm',
    inputs: [
      [2, 3, 5],
      [3, 5],
      [3, 5],
    ],
    args: [[3, 5]],
    options: { weight: '$1', bias: '$2' },
  },
  {
    fn: 'layerNorm',
    inputs: [
      [2, 3, 4, 5],
      [4, 5],
      [4, 5],
    ],
    args: [[4, 5]],
    options: { weight: '$1', bias: '$2' },
  },
  {
    fn: 'layerNorm',
    inputs: [
      [2, 3, 4, 5],
      [3, 4, 5],
      [3, 4, 5],
    ],
    args: [[3, 4, 5]],
    options: { weight: '$1', bias: '$2' },
  },
  { fn: 'layerNorm', inputs: [[2, 3, 4, 5], [5], [5]], args: [[5]], options: { weight: '$1', bias: '$2', eps: 0.01 } },
  { fn: 'layerNorm', inputs: [[7], [7], [7]], args: [[7]], options: { weight: '$1', bias: '$2' } },
  { fn: 'layerNorm', inputs: [[8, 96], [96], [96]], args: [[96]], options: { weight: '$1', bias: '$2' } },
  {
    fn: 'layerNorm',
    inputs: [[0, 7], [7], [7]],
    args: [[7]],
    options: { weight: '$1', bias: '$2' },
    note: 'empty batch',
  },
]

const group: Row[] = [
  { fn: 'groupNorm', inputs: [[2, 6, 4, 5]], args: [3] },
  { fn: 'groupNorm', inputs: [[2, 6, 4, 5], [6], [6]], args: [3], options: { weight: '$1', bias: '$2' } },
  { fn: 'groupNorm', inputs: [[2, 6, 4, 5], [6], [6]], args: [1], options: { weight: '$1', bias: '$2' } },
  { fn: 'groupNorm', inputs: [[2, 6, 4, 5], [6], [6]], args: [6], options: { weight: '$1', bias: '$2' } },
  { fn: 'groupNorm', inputs: [[2, 6], [6], [6]], args: [2], options: { weight: '$1', bias: '$2' } },
  { fn: 'groupNorm', inputs: [[2, 6, 7], [6], [6]], args: [2], options: { weight: '$1', bias: '$2', eps: 0.01 } },
  { fn: 'groupNorm', inputs: [[2, 4, 2, 3, 4], [4], [4]], args: [2], options: { weight: '$1', bias: '$2' } },
  { fn: 'groupNorm', inputs: [[2, 32, 8, 8], [32], [32]], args: [8], options: { weight: '$1', bias: '$2' } },
  { fn: 'instanceNorm', inputs: [[2, 3, 4, 5]] },
  { fn: 'instanceNorm', inputs: [[2, 3, 8]] },
  { fn: 'instanceNorm', inputs: [[2, 3, 2, 3, 4]] },
  { fn: 'instanceNorm', inputs: [[2, 3, 4, 5], [3], [3]], options: { weight: '$1', bias: '$2' } },
  { fn: 'instanceNorm', inputs: [[2, 3, 4, 5], [3], [3]], options: { weight: '$1', bias: '$2', eps: 0.01 } },
  {
    fn: 'instanceNorm',
    inputs: [[2, 3, 4, 5], [3], [3], [3], variance(3)],
    options: { weight: '$1', bias: '$2', runningMean: '$3', runningVar: '$4', useInputStats: false },
    mutates: [3, 4],
  },
  {
    fn: 'instanceNorm',
    inputs: [[2, 3, 4, 5], [3], [3], [3], variance(3)],
    options: { weight: '$1', bias: '$2', runningMean: '$3', runningVar: '$4', momentum: 0.3 },
    mutates: [3, 4],
  },
  { fn: 'instanceNorm', inputs: [[2, 16, 9, 9], [16], [16]], options: { weight: '$1', bias: '$2' } },
]

const response: Row[] = [
  { fn: 'localResponseNorm', inputs: [[2, 7, 3, 4]], args: [5] },
  { fn: 'localResponseNorm', inputs: [[2, 7, 3, 4]], args: [3], options: { alpha: 0.5, beta: 0.75, k: 2 } },
  {
    fn: 'localResponseNorm',
    inputs: [[2, 7, 3, 4]],
    args: [4],
    options: { alpha: 1, beta: 0.5, k: 1 },
    note: 'even size',
  },
  {
    fn: 'localResponseNorm',
    inputs: [[2, 7, 3, 4]],
    args: [2],
    options: { alpha: 1, beta: 1, k: 1 },
    note: 'even size',
  },
  {
    fn: 'localResponseNorm',
    inputs: [[2, 3, 4, 4]],
    args: [7],
    options: { alpha: 1 },
    note: 'wider than the channels',
  },
  { fn: 'localResponseNorm', inputs: [[2, 7, 5]], args: [3], options: { alpha: 1 } },
  { fn: 'localResponseNorm', inputs: [[2, 4, 3, 2, 3]], args: [3], options: { alpha: 1, beta: 0.6 } },
  { fn: 'localResponseNorm', inputs: [[2, 7, 3, 4]], args: [1], options: { alpha: 1, beta: 0.75 } },
  { fn: 'localResponseNorm', inputs: [[2, 32, 8, 8]], args: [5], options: { alpha: 0.1, beta: 0.75, k: 2 } },
]

export const norm: Row[] = [...batch, ...layer, ...group, ...response]
