// Second derivatives: gradients recorded with createGraph are differentiated again and compared with differences in float64 on `reference`;
// the other devices, in float32, with those.
import test from 'ava'
import { grad, type Tensor, tidy } from '../lib/index.js'
import { native } from '../lib/native.js'
import type { DeviceName } from '../types/dtype.js'
import { type Case, caseOf, type Row } from './cases/case.js'
import { passes, relativeError, tolerances } from './support/compare.js'
import { testedDevices } from './support/devices.js'
import { generate, type InputSpec, outputGradient } from './support/generator.js'
import { baseline, type ComputeType, callCase, inputValues, makeInput, settled } from './support/run-case.js'

const rows: Row[] = [
  { fn: 'conv1d', inputs: [[1, 2, 7], [3, 2, 3], [3]], options: { stride: 2, padding: 1 } },
  { fn: 'conv2d', inputs: [[2, 2, 5, 6], [3, 2, 3, 2], [3]] },
  { fn: 'conv2d', inputs: [[1, 4, 6, 5], [4, 2, 3, 3], [4]], options: { stride: 2, padding: 1, groups: 2 } },
  { fn: 'conv2d', inputs: [[1, 2, 5, 5], [2, 2, 2, 2], [2]], options: { padding: 'same', dilation: 2 } },
  {
    fn: 'convTranspose2d',
    inputs: [[1, 2, 3, 4], [2, 3, 3, 3], [3]],
    options: { stride: 2, outputPadding: 1, padding: 1 },
  },
  { fn: 'linear', inputs: [[3, 4], [2, 4], [2]] },
  {
    fn: 'matmul',
    inputs: [
      [2, 3, 4],
      [4, 2],
    ],
  },
  { fn: 'mul', inputs: [[3, 4], [4]] },
  { fn: 'div', inputs: [[3, 4], { shape: [4], low: 0.5 }] },
  {
    fn: 'add',
    inputs: [
      [3, 4],
      [3, 1],
    ],
  },
  { fn: 'avgPool2d', inputs: [[1, 2, 5, 6]], args: [2], options: { stride: 1, padding: 1 } },
  { fn: 'adaptiveAvgPool2d', inputs: [[1, 2, 5, 6]], args: [3] },
  { fn: 'interpolate', inputs: [[1, 2, 3, 4]], options: { size: [5, 6], mode: 'bilinear' } },
  { fn: 'pad', inputs: [[1, 2, 3, 4]], args: [[1, 1, 1, 1]], options: { mode: 'reflect' } },
  { fn: 'permute', inputs: [[2, 3, 4]], args: [[2, 0, 1]] },
  { fn: 'sum', inputs: [[2, 3, 4]], args: [1] },
  { fn: 'mean', inputs: [[2, 3, 4]], args: [[0, 2]] },
  { fn: 'prod', inputs: [[5]], note: 'an odd number of factors' },
  { fn: 'prod', inputs: [[2, 7, 3]], args: [1] },
  { fn: 'prod', inputs: [{ shape: [4], kind: 'values', values: [2, 0, 3, -1] }], note: 'one zero' },
  { fn: 'prod', inputs: [{ shape: [5], kind: 'values', values: [2, 0, 3, 0, -1] }], note: 'two zeros' },
  { fn: 'variance', inputs: [[3, 4, 2]], args: [[0, 2]] },
  { fn: 'std', inputs: [[3, 4]], args: [1] },
  { fn: 'pow', inputs: [{ shape: [3, 4], low: 0.2, high: 3 }, [4]] },
  {
    fn: 'smoothL1Loss',
    inputs: [
      [3, 5],
      [3, 5],
    ],
    options: { beta: 0.7 },
  },
  {
    fn: 'binaryCrossEntropy',
    inputs: [
      { shape: [3, 4], low: 0.1, high: 0.9 },
      { shape: [3, 4], low: 0, high: 1 },
    ],
  },
  { fn: 'gather', inputs: [[4, 5], { shape: [3, 5], dtype: 'int32', high: 4 }], args: [0, '$1'] },
  ...[
    'relu',
    'relu6',
    'leakyRelu',
    'elu',
    'gelu',
    'silu',
    'sigmoid',
    'hardsigmoid',
    'hardswish',
    'tanh',
    'softplus',
  ].map(unary),
  ...['exp', 'expm1', 'sin', 'cos', 'erf', 'abs', 'neg', 'square'].map(unary),
  ...['log', 'log1p', 'sqrt', 'rsqrt', 'reciprocal'].map(
    (fn): Row => ({ fn, inputs: [{ shape: [3, 5], low: 0.3, high: 4 }] }),
  ),
  { ...unary('gelu'), options: { approximate: 'tanh' } },
  { ...unary('elu'), args: [1.5] },
  { ...unary('softplus'), options: { beta: 2, threshold: 3.7 } },
  { ...unary('clamp'), options: { min: -1, max: 2.5 } },
  { ...unary('pow'), args: [3] },
  { fn: 'pow', inputs: [{ shape: [3, 5], low: 0.3, high: 4 }], args: [-1.5] },
]

/** Of all that a function has: straight pieces, bends and tails. */
function unary(fn: string): Row {
  return { fn, inputs: [{ shape: [3, 5], low: -5, high: 8 }] }
}

test('every function of one tensor is among the rows', (t) => {
  const called = new Map([
    ['geluTanh', 'gelu'],
    ['powScalar', 'pow'],
    ['affine', 'mul'],
  ])
  // Their derivative is zero, or there is none.
  const steps = ['sign', 'floor', 'ceil', 'round', 'isnan', 'logicalNot']
  const { enums } = (native as unknown as { describe(): { enums: Record<string, string> } }).describe()
  const functions = enums.UnaryFunction!.split(', ').filter((name) => !steps.includes(name))
  t.true(functions.length > 25)
  t.deepEqual(
    functions.filter((name) => !rows.some(({ fn }) => fn === (called.get(name) ?? name))),
    [],
  )
})

const specOf = (shape: readonly number[]): InputSpec => ({
  shape: [...shape],
  dtype: 'float32',
  kind: 'uniform',
  low: -1,
  high: 1,
})

/** Where the derivatives are computed, and in which type. */
interface Place {
  readonly dtype: ComputeType
  readonly device: DeviceName
}
const oracle: Place = { dtype: 'float64', device: 'reference' }
const others: Place[] = testedDevices()
  .filter(({ name }) => name !== 'reference')
  .map(({ name: device }) => ({ dtype: 'float32', device }))

/** The gradient of Σ (y² + y³/3)·dy/2 for each input: an expression that has a second derivative whatever the function, the square root too. */
function gradientsOf(each: Case, inputs: Tensor[], createGraph: boolean, { dtype, device }: Place): Tensor[] {
  const wanted = each.grad.map((i) => inputs[i]!)
  const loss = (...leaves: Tensor[]) => {
    const all = inputs.map((x, i) => (each.grad.includes(i) ? leaves[each.grad.indexOf(i)]! : x))
    const [y] = callCase(each, all)
    const spec = specOf(y!.shape)
    return y!
      .mul(y!)
      .mul(y!.mul(1 / 3).add(1))
      .mul(makeInput(spec, outputGradient(each.name, 0, spec.shape), dtype, device))
      .sum()
      .mul(0.5)
  }
  return grad(loss, { createGraph })(...wanted)
}

/** Σ over inputs of ⟨gradient, direction⟩. */
function projection(each: Case, gradients: Tensor[], { dtype, device }: Place): Tensor {
  return gradients
    .map((g, i) => {
      const spec = specOf(g.shape)
      return g.mul(makeInput(spec, generate(spec, `${each.name}/v${i}`), dtype, device)).sum()
    })
    .reduce((a, b) => a.add(b))
}

const inputsOf = (each: Case, values: number[][], { dtype, device }: Place): Tensor[] =>
  each.inputs.map((spec, i) => makeInput(spec!, values[i]!, dtype, device))

/** The gradient of the projection, for each input. */
function secondDerivatives(each: Case, values: number[][], place: Place): number[][] {
  return tidy(() => {
    const inputs = inputsOf(each, values, place)
    for (const i of each.grad) inputs[i]!.requiresGrad_()
    projection(each, gradientsOf(each, inputs, true, place), place).backward()
    return each.grad.map((i) => [...(inputs[i]!.grad?.dataSync() ?? values[i]!.map(() => 0))])
  })
}

for (const row of rows) {
  const each = caseOf('second-order', row)
  test.serial(each.name, async (t) => {
    const before = await baseline('reference')
    const values = inputValues(each) as number[][]
    const second = secondDerivatives(each, values, oracle)
    const step = 1e-5
    each.grad.forEach((input, k) => {
      const differences = values[input]!.map((_, j) => {
        const at = (by: number) =>
          tidy(() => {
            const moved = values.map((list, i) => (i === input ? list.map((x, n) => (n === j ? x + by : x)) : list))
            return projection(each, gradientsOf(each, inputsOf(each, moved, oracle), false, oracle), oracle).itemSync()
          })
        return (at(step) - at(-step)) / (2 * step)
      })
      const error = relativeError(second[k]!, differences)
      t.true(passes(error, tolerances.differences), `input ${input}: relative error ${error}`)
    })
    t.deepEqual(await settled('reference'), before)
  })

  for (const place of others) {
    test.serial(`${each.name} on ${place.device}`, async (t) => {
      const before = await baseline(place.device)
      const values = inputValues(each) as number[][]
      const expected = secondDerivatives(each, values, oracle)
      for (const [k, actual] of secondDerivatives(each, values, place).entries()) {
        const error = relativeError(actual, expected[k]!)
        const tolerance = place.device === 'cpu' ? tolerances.devices.cpu : tolerances.devices.cuda
        t.true(passes(error, tolerance), `input ${each.grad[k]}: relative error ${error}`)
      }
      t.deepEqual(await settled(place.device), before)
    })
  }
}
