// Functions of one tensor, of two (broadcasting), selection and type conversion.
import type { Input, Row } from './case.js'

/** Away from zero and from every kink at a round number, which the uniform grid avoids by itself. */
const wide: Input = { shape: [3, 5, 7], low: -4, high: 8 }
const positive: Input = { shape: [3, 5, 7], low: 0.1, high: 4 }
/** Whole numbers: they hit every kink. */
const kinks: Input = { shape: [2, 5, 7], kind: 'integers', low: -4, high: 8 }

const unary: Row[] = [
  ...['relu', 'relu6', 'sigmoid', 'tanh', 'silu', 'hardsigmoid', 'hardswish', 'gelu', 'abs', 'neg', 'square'].flatMap(
    (fn): Row[] => [
      { fn, inputs: [wide] },
      { fn, inputs: [kinks], differences: false, note: 'kinks' },
    ],
  ),
  ...['exp', 'sin', 'cos', 'expm1', 'erf'].map((fn): Row => ({ fn, inputs: [[3, 5, 7]] })),
  ...['log', 'sqrt', 'rsqrt', 'reciprocal', 'log1p'].map((fn): Row => ({ fn, inputs: [positive] })),
  ...['sign', 'floor', 'ceil', 'round', 'isnan', 'logicalNot'].flatMap((fn): Row[] => [
    { fn, inputs: [wide], grad: [] },
    { fn, inputs: [kinks], grad: [] },
  ]),
  {
    fn: 'round',
    inputs: [{ shape: [6], kind: 'values', values: [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5] }],
    grad: [],
    note: 'halves',
  },
  { fn: 'isnan', inputs: [{ shape: [4, 9], kind: 'nan' }], grad: [] },
  { fn: 'logicalNot', inputs: [{ shape: [4, 9], dtype: 'bool' }], grad: [] },
  ...['relu', 'relu6', 'silu', 'gelu', 'hardswish', 'sigmoid', 'abs', 'sign', 'square'].map(
    (fn): Row => ({ fn, inputs: [{ shape: [4, 9], kind: 'nan' }], grad: [], note: 'NaN stays' }),
  ),
  { fn: 'relu', inputs: [[]], note: 'a scalar' },
  { fn: 'relu', inputs: [[0, 3]], note: 'empty' },
  { fn: 'exp', inputs: [[2, 0, 3]], note: 'empty' },
  { fn: 'relu', inputs: [[2, 16, 14, 14]] },
  { fn: 'relu', inputs: [[1, 64, 28, 28]] },
  { fn: 'silu', inputs: [[2, 16, 14, 14]] },
  { fn: 'sigmoid', inputs: [{ shape: [40], low: -90, high: 90 }], note: 'far from zero', differences: false },
  { fn: 'tanh', inputs: [{ shape: [40], low: -30, high: 30 }], note: 'far from zero', differences: false },
  { fn: 'softplus', inputs: [{ shape: [40], low: -60, high: 60 }], note: 'far from zero', differences: false },
  { fn: 'expm1', inputs: [{ shape: [40], low: -0.01, high: 0.01 }], note: 'near zero' },
  { fn: 'log1p', inputs: [{ shape: [40], low: -0.01, high: 0.01 }], note: 'near zero' },
  { fn: 'leakyRelu', inputs: [wide] },
  { fn: 'leakyRelu', inputs: [wide], args: [0.2] },
  { fn: 'leakyRelu', inputs: [kinks], args: [0.3], differences: false, note: 'kinks' },
  { fn: 'elu', inputs: [wide] },
  { fn: 'elu', inputs: [wide], args: [1.5] },
  { fn: 'elu', inputs: [kinks], args: [0.5], differences: false, note: 'kinks' },
  { fn: 'gelu', inputs: [wide], options: { approximate: 'tanh' } },
  { fn: 'gelu', inputs: [wide], options: { approximate: 'none' } },
  { fn: 'softplus', inputs: [wide] },
  { fn: 'softplus', inputs: [wide], options: { beta: 2, threshold: 3.7 } },
  { fn: 'clamp', inputs: [wide], options: { min: -1, max: 2.5 } },
  { fn: 'clamp', inputs: [wide], options: { min: 0.25 } },
  { fn: 'clamp', inputs: [wide], options: { max: 3 } },
  { fn: 'clamp', inputs: [kinks], options: { min: -1, max: 2 }, differences: false, note: 'kinks' },
  { fn: 'clamp', inputs: [wide], options: { min: 2, max: -1 }, grad: [], note: 'min above max gives max' },
  { fn: 'clamp', inputs: [{ shape: [4, 9], kind: 'nan' }], options: { min: 0, max: 1 }, grad: [], note: 'NaN stays' },
  { fn: 'pow', inputs: [positive], args: [2.5] },
  { fn: 'pow', inputs: [positive], args: [-1.3] },
  { fn: 'pow', inputs: [wide], args: [3] },
  { fn: 'pow', inputs: [wide], args: [2] },
  { fn: 'pow', inputs: [wide], args: [1] },
  { fn: 'pow', inputs: [wide], args: [0] },
  { fn: 'pow', inputs: [positive], args: [0.5] },
  { fn: 'pow', inputs: [kinks], args: [2], differences: false, note: 'zero base' },
  { fn: 'pow', inputs: [positive, [3, 5, 7]] },
  { fn: 'pow', inputs: [{ shape: [3, 1, 7], low: 0.2, high: 3 }, [5, 1]] },
]

/** Values of b that a division takes well. */
const divisor = (...shape: number[]): Input => ({ shape, low: 0.5, high: 3 })
const whole = (...shape: number[]): Input => ({ shape, kind: 'integers', low: -2, high: 3 })

const binary: Row[] = [
  ...['add', 'sub', 'mul'].flatMap((fn): Row[] => [
    {
      fn,
      inputs: [
        [3, 4, 5],
        [3, 4, 5],
      ],
    },
    { fn, inputs: [[3, 4, 5], [5]] },
    {
      fn,
      inputs: [
        [3, 1, 5],
        [4, 1],
      ],
    },
    { fn, inputs: [[5], [2, 3, 1]] },
    { fn, inputs: [[3, 4], []] },
    { fn, inputs: [[], [3, 4]] },
    {
      fn,
      inputs: [
        [2, 3, 4, 5],
        [1, 3, 1, 1],
      ],
      note: 'a channel vector',
    },
    { fn, inputs: [[3, 4]], args: [2.5] },
    { fn, inputs: [[3, 4]], call: [2.5, '$0'] },
    {
      fn,
      inputs: [
        [0, 4],
        [1, 4],
      ],
      note: 'empty',
    },
    {
      fn,
      inputs: [
        [2, 16, 14, 14],
        [2, 16, 14, 14],
      ],
    },
    {
      fn,
      inputs: [
        { shape: [3, 4], dtype: 'int32', low: -9, high: 9 },
        { shape: [4], dtype: 'int32', low: -9, high: 9 },
      ],
    },
  ]),
  { fn: 'mul', inputs: [[3, 4]], call: ['$0', '$0'], note: 'by itself' },
  { fn: 'add', inputs: [[3, 4]], call: ['$0', '$0'], note: 'to itself' },
  { fn: 'div', inputs: [[3, 4, 5], divisor(3, 4, 5)] },
  { fn: 'div', inputs: [[3, 1, 5], divisor(4, 1)] },
  { fn: 'div', inputs: [[5], divisor(2, 3, 1)] },
  { fn: 'div', inputs: [[3, 4]], args: [2.5] },
  { fn: 'div', inputs: [divisor(3, 4)], call: [2.5, '$0'] },
  { fn: 'div', inputs: [[2, 16, 7, 7], divisor(1, 16, 1, 1)] },
  ...['maximum', 'minimum'].flatMap((fn): Row[] => [
    {
      fn,
      inputs: [
        [3, 4, 5],
        [3, 4, 5],
      ],
    },
    {
      fn,
      inputs: [
        [3, 1, 5],
        [4, 1],
      ],
    },
    { fn, inputs: [whole(3, 4, 5), whole(3, 4, 5)], differences: false, note: 'ties share the gradient' },
    { fn, inputs: [[3, 4]], args: [0.5] },
    { fn, inputs: [{ shape: [4, 9], kind: 'nan' }, [4, 9]], grad: [], note: 'NaN wins' },
  ]),
  ...['eq', 'ne', 'lt', 'le', 'gt', 'ge'].flatMap((fn): Row[] => [
    { fn, inputs: [whole(3, 4, 5), whole(3, 4, 5)], grad: [] },
    { fn, inputs: [whole(3, 1, 5), whole(4, 1)], grad: [] },
    { fn, inputs: [whole(3, 4)], args: [1], grad: [] },
    { fn, inputs: [{ shape: [4, 9], kind: 'nan' }, [4, 9]], grad: [], note: 'NaN compares false, except ne' },
    {
      fn,
      inputs: [
        { shape: [3, 4], dtype: 'int32', high: 4 },
        { shape: [4], dtype: 'int32', high: 4 },
      ],
    },
  ]),
  ...['logicalAnd', 'logicalOr'].flatMap((fn): Row[] => [
    {
      fn,
      inputs: [
        { shape: [3, 4, 5], dtype: 'bool' },
        { shape: [4, 1], dtype: 'bool' },
      ],
    },
    { fn, inputs: [whole(3, 4), whole(3, 4)], grad: [], note: 'any number but zero is true' },
  ]),
  { fn: 'where', inputs: [{ shape: [3, 4], dtype: 'bool' }, [3, 4], [3, 4]] },
  { fn: 'where', inputs: [{ shape: [4], dtype: 'bool' }, [3, 1], [3, 4]] },
  { fn: 'where', inputs: [{ shape: [2, 1, 4], dtype: 'bool' }, [3, 1], [1]] },
  { fn: 'where', inputs: [{ shape: [3, 4], dtype: 'bool' }, [], [3, 4]] },
]

export const elementwise: Row[] = [...unary, ...binary]
