// Reductions over one axis, several and all.
import type { Input, Row } from './case.js'

const distinct = (...shape: number[]): Input => ({ shape, kind: 'distinct' })
const ties = (...shape: number[]): Input => ({ shape, kind: 'integers', low: -1, high: 2 })
const factors = (...shape: number[]): Input => ({ shape, low: 0.5, high: 1.5 })

export const reduce: Row[] = [
  ...['sum', 'mean'].flatMap((fn): Row[] => [
    { fn, inputs: [[3, 4, 5]] },
    { fn, inputs: [[3, 4, 5]], args: [0] },
    { fn, inputs: [[3, 4, 5]], args: [-1] },
    { fn, inputs: [[3, 4, 5]], args: [1], options: { keepdim: true } },
    { fn, inputs: [[3, 4, 5]], args: [[0, 2]] },
    { fn, inputs: [[3, 4, 5]], args: [[-1, 0]], options: { keepdim: true } },
    { fn, inputs: [[2, 3, 4, 5]], args: [[0, 2, 3]], note: 'over all but the channels' },
    { fn, inputs: [[2, 3, 4, 5]], args: [[2, 3]] },
    { fn, inputs: [[3, 4, 5]], args: [[0, 1, 2]], options: { keepdim: true } },
    { fn, inputs: [[]], note: 'a scalar' },
    { fn, inputs: [[7]], args: [0] },
    { fn, inputs: [[1, 1, 1]], args: [1] },
    { fn, inputs: [[0, 4]], note: 'empty', grad: [] },
    { fn, inputs: [[0, 4]], args: [1], note: 'empty' },
    { fn, inputs: [[2, 32, 14, 14]], args: [[0, 2, 3]] },
    { fn, inputs: [[2, 32, 14, 14]] },
    { fn, inputs: [[37, 129]], args: [0] },
    { fn, inputs: [{ shape: [100000], low: 0, high: 1 }], note: 'many of one sign' },
    { fn, inputs: [{ shape: [4, 9], kind: 'nan' }], args: [1], grad: [], note: 'NaN spreads' },
  ]),
  { fn: 'sum', inputs: [[0, 4]], args: [0], note: 'an empty sum is zero' },
  ...['max', 'min'].flatMap((fn): Row[] => [
    { fn, inputs: [distinct(3, 4, 5)] },
    { fn, inputs: [distinct(3, 4, 5)], args: [0] },
    { fn, inputs: [distinct(3, 4, 5)], args: [-1], options: { keepdim: true } },
    { fn, inputs: [distinct(3, 4, 5)], args: [[0, 2]] },
    { fn, inputs: [ties(3, 4, 5)], args: [1], differences: false, note: 'ties share the gradient' },
    { fn, inputs: [ties(3, 4, 5)], differences: false, note: 'ties share the gradient' },
    { fn, inputs: [ties(3, 4, 5)], args: [[1, 2]], differences: false, note: 'ties share the gradient' },
    { fn, inputs: [{ shape: [4, 9], kind: 'nan' }], args: [0], grad: [], note: 'NaN wins' },
    { fn, inputs: [distinct(2, 32, 14, 14)], args: [[2, 3]] },
  ]),
  { fn: 'prod', inputs: [factors(3, 4)] },
  { fn: 'prod', inputs: [factors(3, 4, 5)], args: [1] },
  { fn: 'prod', inputs: [factors(3, 4, 5)], args: [-1], options: { keepdim: true } },
  { fn: 'prod', inputs: [{ shape: [5, 6], kind: 'integers', low: 0, high: 4 }], args: [1], note: 'with zeros' },
  { fn: 'prod', inputs: [{ shape: [4], kind: 'values', values: [2, 0, 3, -1] }], note: 'one zero' },
  { fn: 'prod', inputs: [{ shape: [4], kind: 'values', values: [2, 0, 3, 0] }], note: 'two zeros' },
  ...['argmax', 'argmin'].flatMap((fn): Row[] => [
    { fn, inputs: [distinct(3, 4, 5)], grad: [] },
    { fn, inputs: [distinct(3, 4, 5)], args: [0], grad: [] },
    { fn, inputs: [distinct(3, 4, 5)], args: [-1], grad: [] },
    { fn, inputs: [distinct(3, 4, 5)], args: [1], options: { keepdim: true }, grad: [] },
    { fn, inputs: [distinct(64, 10)], args: [1], grad: [], note: 'classes of a batch' },
  ]),
  ...['variance', 'std'].flatMap((fn): Row[] => [
    { fn, inputs: [[3, 4, 5]] },
    { fn, inputs: [[3, 4, 5]], args: [1] },
    { fn, inputs: [[3, 4, 5]], args: [-1], options: { keepdim: true } },
    { fn, inputs: [[3, 4, 5]], args: [[0, 2]], options: { correction: 0 } },
    { fn, inputs: [[3, 4, 5]], args: [2], options: { correction: 2, keepdim: true } },
    { fn, inputs: [{ shape: [6, 40], low: 99, high: 101 }], args: [1], note: 'far from zero' },
  ]),
]
