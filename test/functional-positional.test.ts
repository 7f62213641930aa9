// Options may be given one after another, in PyTorch's order: the same results and the same errors as by name.
import test from 'ava'
import { functional as F, manualSeed, randn, type Tensor, ValueError, zeros } from '../lib/index.js'

const on = { device: 'reference' } as const
manualSeed(3)
const line = randn([2, 4, 9], on)
const plane = randn([2, 4, 9, 9], on)
const space = randn([2, 4, 5, 5, 5], on)
const weight = (size: number[]) => randn([4, 2, ...size], on)
const bias = randn([4], on)
const [lines, planes, spaces] = [weight([3]), weight([3, 3]), weight([3, 3, 3])]
const [pooled, indices] = F.maxPool2d(plane, 3, { stride: 3, returnIndices: true })

const pairs: Record<string, [byPlace: () => Tensor, byName: () => Tensor]> = {
  conv1d: [
    () => F.conv1d(line, lines, bias, 2, 1, 1, 2),
    () => F.conv1d(line, lines, bias, { stride: 2, padding: 1, groups: 2 }),
  ],
  conv2d: [
    () => F.conv2d(plane, planes, null, [2, 1], 'valid', 2, 2),
    () => F.conv2d(plane, planes, null, { stride: [2, 1], padding: 'valid', dilation: 2, groups: 2 }),
  ],
  conv3d: [
    () => F.conv3d(space, spaces, bias, undefined, 1, undefined, 2),
    () => F.conv3d(space, spaces, bias, { padding: 1, groups: 2 }),
  ],
  convTranspose2d: [
    () => F.convTranspose2d(plane, planes, null, 2, 1, 1, 2, 1),
    () => F.convTranspose2d(plane, planes, null, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
  ],
  maxPool1d: [() => F.maxPool1d(line, 3, 2, 1), () => F.maxPool1d(line, 3, { stride: 2, padding: 1 })],
  maxPool2d: [
    () => F.maxPool2d(plane, 3, 2, 1, 2, true),
    () => F.maxPool2d(plane, 3, { stride: 2, padding: 1, dilation: 2, ceilMode: true }),
  ],
  maxPool3d: [() => F.maxPool3d(space, 2, undefined, 1), () => F.maxPool3d(space, 2, { padding: 1 })],
  avgPool2d: [
    () => F.avgPool2d(plane, 3, 2, 1, true, false, 5),
    () => F.avgPool2d(plane, 3, { stride: 2, padding: 1, ceilMode: true, countIncludePad: false, divisorOverride: 5 }),
  ],
  maxUnpool2d: [
    () => F.maxUnpool2d(pooled, indices, 3, 3, 0, [9, 9]),
    () => F.maxUnpool2d(pooled, indices, 3, { stride: 3, outputSize: [9, 9] }),
  ],
  softplus: [() => F.softplus(plane, 2, 1), () => F.softplus(plane, { beta: 2, threshold: 1 })],
  leakyRelu: [() => F.leakyRelu(plane, 0.2), () => F.maximum(plane, F.mul(plane, 0.2))],
  dropout: [() => seeded(() => F.dropout(plane, 0.3)), () => seeded(() => F.dropout(plane, { p: 0.3 }))],
  'dropout, not training': [() => F.dropout(plane, 0.3, false), () => plane],
}

function seeded(fn: () => Tensor): Tensor {
  manualSeed(5)
  return fn()
}

for (const [name, [byPlace, byName]] of Object.entries(pairs)) {
  test.serial(`${name}: by place as by name`, (t) => {
    const [given, expected] = [byPlace(), byName()]
    t.deepEqual(given.shape, expected.shape)
    t.deepEqual(given.dataSync(), expected.dataSync())
  })
}

test('wrong values are refused in the same words, whichever way they came', (t) => {
  const x = zeros([1, 2, 4, 4], on)
  const w = zeros([2, 2, 3, 3], on)
  const wrong: [byPlace: () => unknown, byName: () => unknown][] = [
    [() => F.dropout(x, 2), () => F.dropout(x, { p: 2 })],
    [() => F.dropout(x, 0.5, 1 as never), () => F.dropout(x, { training: 1 as never })],
    [() => F.conv2d(x, w, null, 'same' as never), () => F.conv2d(x, w, null, { stride: 'same' as never })],
    [() => F.conv2d(x, w, null, 1, 'full' as never), () => F.conv2d(x, w, null, { padding: 'full' as never })],
    [() => F.conv2d(x, w, null, 1, 0, 1, 0), () => F.conv2d(x, w, null, { groups: 0 })],
    [() => F.maxPool2d(x, 2, [1, 2, 3]), () => F.maxPool2d(x, 2, { stride: [1, 2, 3] })],
    [() => F.avgPool2d(x, 2, 2, 0, 'no' as never), () => F.avgPool2d(x, 2, { ceilMode: 'no' as never })],
    [() => F.softplus(x, '1' as never), () => F.softplus(x, { beta: '1' as never })],
  ]
  for (const [byPlace, byName] of wrong) {
    const expected = t.throws(byName)
    t.throws(byPlace, { instanceOf: expected!.constructor as never, message: expected!.message })
  }
})

test('a tensor or null is no list of options, and nothing follows an object of them', (t) => {
  const refused: [() => unknown, RegExp][] = [
    [() => F.dropout(plane, plane as never), /^dropout: options is a tensor, expected options by their names$/],
    [() => F.conv2d(plane, planes, null, null as never), /^conv2d: options is null, expected an object$/],
    [
      () => Reflect.apply(F.maxPool2d, undefined, [plane, 2, { stride: 1 }, 3]),
      /^maxPool2d: an argument follows the options, expected none$/,
    ],
  ]
  for (const [call, message] of refused) t.throws(call, { instanceOf: ValueError, message })
})
