// The comparison itself: what must never pass does not pass.
import test from 'ava'
import { caseOf } from './cases/case.js'
import { updates } from './cases/update.js'
import { cases } from './ops.cases.js'
import { passes, relativeError } from './support/compare.js'
import { hash } from './support/generator.js'
import { golden } from './support/golden.js'

test('a difference counts by its norm', (t) => {
  t.is(relativeError([3, 4], [3, 4]), 0)
  t.is(relativeError([3, 5], [3, 4]), 1 / 5)
  t.is(relativeError([0.5], [0]), 0.5, 'where nothing is expected the error is absolute')
  t.is(relativeError([], []), 0)
})

test('NaN, infinities and lengths must agree', (t) => {
  const far = Number.POSITIVE_INFINITY
  t.is(relativeError([Number.NaN, 1], [1, 1]), far)
  t.is(relativeError([1, 1], [Number.NaN, 1]), far)
  t.is(relativeError([Number.NaN, 1], [Number.NaN, 1]), 0)
  t.is(relativeError([far], [1]), far)
  t.is(relativeError([far], [-far]), far)
  t.is(relativeError([far, 2], [far, 2]), 0)
  t.is(relativeError([1], [1, 2]), far)
  t.false(passes(Number.NaN, 1))
  t.false(passes(far, 1))
  t.true(passes(0, 0))
})

test('every case has a name and a golden value of its own', (t) => {
  const names = [...cases, ...updates].map((each) => each.name)
  t.is(new Set(names).size, names.length)
  t.is(new Set(names.map(hash)).size, names.length)
  const without = cases.filter((each) => golden(each.family, each.name).size === 0)
  t.deepEqual(
    without.map((each) => each.name),
    [],
  )
})

test('a row becomes a complete call', (t) => {
  const row = { fn: 'f', inputs: [[2], null, { shape: [3], low: 1 }], args: [5], options: { weight: '$2' } }
  const { call, grad, inputs, name } = caseOf('family', row)
  t.deepEqual(call, ['$0', null, 5])
  t.deepEqual(grad, [0, 2])
  t.deepEqual(inputs[2], { shape: [3], dtype: 'float32', kind: 'uniform', low: 1, high: 2 })
  t.is(name, 'f [2] null [3] low 1 5 {weight:$2}')
})
