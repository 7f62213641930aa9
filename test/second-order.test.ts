// Second derivatives: gradients recorded with createGraph are differentiated again and compared with differences in float64.
import test from 'ava'
import { grad, type Tensor, tidy } from '../lib/index.js'
import { type Case, caseOf, type Row } from './cases/case.js'
import { passes, tolerances } from './support/compare.js'
import { generate, type InputSpec, outputGradient } from './support/generator.js'
import { callCase, inputValues, makeInput, settled } from './support/run-case.js'

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
  { fn: 'gather', inputs: [[4, 5], { shape: [3, 5], dtype: 'int32', high: 4 }], args: [0, '$1'] },
]

const specOf = (shape: readonly number[]): InputSpec => ({
  shape: [...shape],
  dtype: 'float32',
  kind: 'uniform',
  low: -1,
  high: 1,
})

/** The gradient of Σ y²·dy/2 for each input: an expression that has a second derivative whatever the function. */
function gradientsOf(each: Case, inputs: Tensor[], createGraph: boolean): Tensor[] {
  const wanted = each.grad.map((i) => inputs[i]!)
  const loss = (...leaves: Tensor[]) => {
    const all = inputs.map((x, i) => (each.grad.includes(i) ? leaves[each.grad.indexOf(i)]! : x))
    const [y] = callCase(each, all)
    const spec = specOf(y!.shape)
    return y!
      .mul(y!)
      .mul(makeInput(spec, outputGradient(each.name, 0, spec.shape), 'float64', 'reference'))
      .sum()
      .mul(0.5)
  }
  return grad(loss, { createGraph })(...wanted)
}

/** Σ over inputs of ⟨gradient, direction⟩. */
function projection(each: Case, gradients: Tensor[]): Tensor {
  return gradients
    .map((g, i) => {
      const spec = specOf(g.shape)
      return g.mul(makeInput(spec, generate(spec, `${each.name}/v${i}`), 'float64', 'reference')).sum()
    })
    .reduce((a, b) => a.add(b))
}

for (const row of rows) {
  const each = caseOf('second-order', row)
  test.serial(each.name, async (t) => {
    const before = await settled('reference')
    const values = inputValues(each) as number[][]
    const make = (all: number[][]) => each.inputs.map((spec, i) => makeInput(spec!, all[i]!, 'float64', 'reference'))
    const second = tidy(() => {
      const inputs = make(values)
      for (const i of each.grad) inputs[i]!.requiresGrad_()
      projection(each, gradientsOf(each, inputs, true)).backward()
      return each.grad.map((i) => [...(inputs[i]!.grad?.dataSync() ?? values[i]!.map(() => 0))])
    })
    const step = 1e-5
    each.grad.forEach((input, k) => {
      let difference = 0
      let norm = 0
      values[input]!.forEach((_, j) => {
        const at = (by: number) =>
          tidy(() => {
            const moved = values.map((list, i) => (i === input ? list.map((x, n) => (n === j ? x + by : x)) : list))
            return projection(each, gradientsOf(each, make(moved), false)).itemSync()
          })
        const expected = (at(step) - at(-step)) / (2 * step)
        difference += (second[k]![j]! - expected) ** 2
        norm += expected ** 2
      })
      const error = Math.sqrt(difference / (norm || 1))
      t.true(passes(error, tolerances.differences), `input ${input}: relative error ${error}`)
    })
    t.deepEqual(await settled('reference'), before)
  })
}
