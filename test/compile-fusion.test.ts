// compile(): what its passes and its plan leave out, beside the equality with eager that test/compile-ops.test.ts shows for each op.
import test from 'ava'
import {
  compile,
  devices,
  functional as F,
  manualSeed,
  nn,
  noGrad,
  randint,
  randn,
  type Tensor,
  tensor,
  tidy,
} from '../lib/index.js'
import { relativeError } from './support/compare.js'

const values = (t: Tensor) => [...(t.dataSync() as Float32Array)]

/** Three convolutions, each of all that came before, and the concatenation of all: a dense block, which a later op reads in two ways. */
function denseBlock(): (x: Tensor) => Tensor[] {
  const convs = [16, 32, 48].map((channels) => new nn.Conv2d(channels, 16, 3, { padding: 1 }))
  return (x) => {
    let y = F.relu(F.avgPool2d(x, 1))
    for (const conv of convs) y = F.cat([y, conv.forward(y).relu()], 1)
    return [y.add(1).relu(), y.mul(2), y]
  }
}

for (const [batch, isInPlace] of [
  [1, true],
  [2, false], // the parts of a sample do not lie one behind the other
] as const) {
  test.serial(
    `concatenation of batch ${batch}: ${isInPlace ? 'in place' : 'copied'}, with the same result`,
    async (t) => {
      manualSeed(3)
      const forward = denseBlock()
      const x = randn([batch, 16, 9, 7], { device: 'cpu' })
      const expected = tidy(() => noGrad(() => forward(x).map(values)))
      const compiled = compile((x: Tensor) => noGrad(() => forward(x)))
      for (const run of [1, 2]) {
        const actual = tidy(() => compiled(x).map(values))
        for (const [i, each] of actual.entries())
          t.true(relativeError(each, expected[i]!) <= 1e-5, `run ${run}, result ${i}`)
      }
      const { steps } = await compiled.profile(x)
      t.is(steps.filter(({ name }) => name === 'concat').length, isInPlace ? 0 : 3)
    },
  )
}

for (const { name: device } of devices()) {
  test.serial(`${device}: a residual that nobody else reads is added all the same`, (t) => {
    manualSeed(6)
    const [conv, norm] = [new nn.Conv2d(4, 6, 3).to(device), new nn.BatchNorm2d(4).to(device)]
    const [x, residual] = [randn([2, 4, 5, 5], { device }), randn([2, 6, 3, 3], { device })]
    // What is returned has memory of its own: here it is a sum, so that what is looked at need not.
    const fn = (x: Tensor, residual: Tensor) =>
      [F.relu(conv.forward(x).add(F.softmax(residual, 1))), F.relu(norm.forward(x).add(F.softmax(x, 1)))].map((y) =>
        y.sum(1),
      )
    const expected = tidy(() => noGrad(() => fn(x, residual).map(values)))
    const compiled = compile((x: Tensor, residual: Tensor) => noGrad(() => fn(x, residual)))
    const actual = tidy(() => compiled(x, residual).map(values))
    for (const [i, each] of actual.entries()) t.true(relativeError(each, expected[i]!) <= 1e-5, `result ${i}`)
    if (!device.startsWith('cuda')) t.regex(compiled.toString(), /convActivation.*batchNormActivation/s)
  })
}

test.serial('a part that is overwritten later, or twice in a concatenation, is copied', async (t) => {
  manualSeed(4)
  const x = randn([1, 16, 5, 5], { device: 'cpu' })
  const overwritten = (x: Tensor) => {
    const [a, b] = [F.relu(x), F.sigmoid(x)]
    const both = F.cat([a, b], 1)
    a.copy_(b)
    return [both.mul(1), a.mul(1)]
  }
  const twice = (x: Tensor) => {
    const a = F.relu(x)
    return [F.cat([a, a], 1).mul(1)]
  }
  for (const fn of [overwritten, twice]) {
    const expected = tidy(() => noGrad(() => fn(x).map(values)))
    const compiled = compile((x: Tensor) => noGrad(() => fn(x)))
    t.deepEqual(
      tidy(() => compiled(x).map(values)),
      expected,
    )
    const { steps } = await compiled.profile(x)
    t.is(steps.filter(({ name }) => name === 'concat').length, 1)
  }
})

const stores: [string, number, (state: Tensor, x: Tensor) => Tensor][] = [
  ['made of its old value, element by element', 0, (state, x) => state.copy_(state.add(1)).mul(x)],
  ['made of other tensors', 0, (state, x) => state.copy_(state.mul(0.5).add(x)).mul(2)],
  [
    'made while the old value is still wanted',
    1,
    (state, x) => {
      const next = state.add(x)
      const y = state.mul(2)
      state.copy_(next)
      return y
    },
  ],
  ['made of all its old elements', 1, (state, x) => state.copy_(state.matmul(x)).mul(2)],
  [
    'made for the caller too',
    1,
    (state) => {
      const next = state.add(1)
      state.copy_(next)
      return next
    },
  ],
  ['read twice by what makes it', 1, (state, x) => state.copy_(state.mul(state)).add(x)],
]
for (const [what, copies, fn] of stores) {
  test.serial(`a tensor's new value is ${copies ? 'copied there' : 'made in its place'}: ${what}`, async (t) => {
    manualSeed(6)
    const x = randn([5, 5], { device: 'cpu' })
    const start = randn([5, 5], { device: 'cpu' })
    const [expected, state] = [start.clone(), start.clone()]
    const compiled = compile((x: Tensor) => noGrad(() => fn(state, x)))
    for (const run of [1, 2, 3]) {
      const y = tidy(() => noGrad(() => values(fn(expected, x))))
      t.deepEqual(
        tidy(() => values(compiled(x))),
        y,
        `run ${run}`,
      )
      t.deepEqual(values(state), values(expected), `run ${run}`)
    }
    const { steps } = await compiled.profile(x)
    t.is(steps.filter(({ name }) => name === 'copy').length, copies)
  })
}

test.serial('log-softmax and the negative log-likelihood are one op, unless the log-probabilities are wanted', (t) => {
  manualSeed(5)
  const [logits, target] = [randn([6, 5], { device: 'cpu' }), randint(0, 5, [6], { device: 'cpu' })]
  const weight = tensor([1, 2, 0.5, 3, 1], { device: 'cpu' })
  const loss = (x: Tensor) => {
    const leaf = x.detach().requiresGrad_()
    const loss = F.crossEntropy(leaf, target, { weight, ignoreIndex: 2 })
    loss.backward()
    return [loss.detach(), leaf.grad!.detach()]
  }
  const fused = compile(loss)
  const actual = tidy(() => fused(logits).map(values))
  const expected = tidy(() => loss(logits).map(values))
  for (const [i, each] of actual.entries()) t.true(relativeError(each, expected[i]!) <= 1e-5)
  t.regex(fused.toString(), /crossEntropy\(.*crossEntropyBackward\(/s)
  t.notRegex(fused.toString(), /softmax|nllLoss/)

  const withLogits = compile((x: Tensor) => {
    const logp = F.logSoftmax(x, 1)
    return [F.nllLoss(logp, target), logp]
  })
  const [, logp] = tidy(() => withLogits(logits).map(values))
  t.true(
    relativeError(
      logp!,
      tidy(() => values(F.logSoftmax(logits, 1))),
    ) <= 1e-5,
  )
  t.regex(withLogits.toString(), /softmax\(.*nllLoss\(/s)
})

test.serial('max pooling without a gradient keeps no positions, and NaN and infinities stay', (t) => {
  const [nan, infinity] = [Number.NaN, Number.POSITIVE_INFINITY]
  const plane = [nan, 1, 2, -infinity, 3, 4, -infinity, -infinity, infinity, 5, -infinity, -infinity, 1, 1, 7, nan]
  for (const channels of [1, 16, 24]) {
    const data = Float32Array.from({ length: channels * 16 }, (_, i) => plane[(i + Math.floor(i / 16)) % 16]!)
    const x = tensor(data, { device: 'cpu' }).reshape([1, channels, 4, 4])
    for (const options of [
      { stride: 2, padding: 0 },
      { stride: 1, padding: 1 },
    ]) {
      const kernelSize = options.padding + 2
      const pool = (x: Tensor) => F.maxPool2d(x, kernelSize, options)
      const predict = compile((x: Tensor) => noGrad(() => pool(x)))
      t.deepEqual(
        tidy(() => values(predict(x))),
        tidy(() => values(pool(x))),
        `${channels} channels, ${kernelSize}`,
      )
      t.deepEqual(
        tidy(() => values(predict(x))),
        tidy(() => values(pool(x.to('reference')))),
      )
    }
  }
})

test.serial('what flows back through pooling to an activation is masked at the size of the windows', (t) => {
  manualSeed(8)
  const nan = Number.NaN
  for (const { name: device } of devices()) {
    for (const activate of [F.relu, F.relu6]) {
      for (const options of [{ stride: 2 }, { stride: 1, padding: 1 }, { stride: 2, padding: 1, dilation: 2 }]) {
        const x = tidy(() => randn([2, 20, 9, 11], { device }).mul(5))
        const special = tidy(() => F.where(x.gt(9), tensor(nan, { device }), x))
        const step = (x: Tensor) => {
          const leaf = x.detach().requiresGrad_()
          const y = F.maxPool2d(activate(leaf), 3, options)
          y.mul(y).sum().backward()
          return leaf.grad!.detach()
        }
        const compiled = compile(step)
        for (const input of [x, special]) {
          t.deepEqual(
            tidy(() => values(compiled(input))),
            tidy(() => values(step(input))),
          )
        }
        const text = compiled.toString()
        t.regex(text, /(unaryBackward|elementwiseChain).*maxPoolBackward/s)
        t.notRegex(text, /maxPoolBackward.*(unaryBackward|elementwiseChain)/s)
      }
    }
  }
})

test.serial('an activation that others read too is masked where its gradients meet', (t) => {
  const x = randn([2, 16, 8, 8], { device: 'cpu' })
  const step = (x: Tensor) => {
    const leaf = x.detach().requiresGrad_()
    const y = F.relu(leaf)
    F.maxPool2d(y, 2).sum().add(y.mul(y).sum()).backward()
    return leaf.grad!.detach()
  }
  const compiled = compile(step)
  t.deepEqual(
    tidy(() => values(compiled(x))),
    tidy(() => values(step(x))),
  )
  t.regex(compiled.toString(), /maxPoolBackward.*(unaryBackward|elementwiseChain)/s)
})
