// Optimizers beside PyTorch's, parameter groups, saved state, gradient clipping.
import test from 'ava'
import { memory, nn, optim, type Tensor, tensor, tidy, ValueError } from '../lib/index.js'
import { goldenJson, numbers, relativeError } from './support/golden-json.js'

type Name = 'SGD' | 'Adam' | 'AdamW' | 'RMSprop' | 'Adagrad' | 'Adadelta' | 'Adamax' | 'NAdam' | 'RAdam'
interface Golden {
  shapes: number[][]
  start: number[][]
  gradients: number[][][]
  cases: { name: Name; options: object; after: number[][] }[]
  groups: number[][]
  clipGradNorm: { normType: number | 'inf'; maxNorm: number; norm: number; grads: number[][] }[]
}
const golden = goldenJson<Golden>('optim.json')
const places = [
  { device: 'cpu', dtype: 'float32', tolerance: 3e-6 },
  { device: 'reference', dtype: 'float32', tolerance: 3e-6 },
  { device: 'reference', dtype: 'float64', tolerance: 1e-12 },
] as const
type Place = (typeof places)[number]

function parameters({ device, dtype }: Omit<Place, 'tolerance'>): nn.Parameter[] {
  return golden.shapes.map((shape, i) => new nn.Parameter(tensor(golden.start[i]!, { shape, device, dtype })))
}

/** Sets the gradients of a step; `has` says which parameters get one. */
function setGradients(params: readonly Tensor[], step: number, has: (i: number) => boolean = () => true): void {
  for (const [i, param] of params.entries()) {
    const { shape, device, dtype } = param
    param.grad = has(i) ? tensor(golden.gradients[step]![i]!, { shape, device, dtype }) : null
  }
}

function make(name: Name, params: nn.Parameter[], options: object): optim.Optimizer {
  return new optim[name](params, options) as unknown as optim.Optimizer
}

for (const place of places) {
  for (const [number, { name, options, after }] of golden.cases.entries()) {
    test(`${name} ${JSON.stringify(options)} steps as PyTorch's, ${place.device} ${place.dtype} (${number})`, (t) => {
      tidy(() => {
        const params = parameters(place)
        const optimizer = make(name, params, options)
        for (let step = 0; step < golden.gradients.length; step++) {
          // As in the script: the second parameter has no gradient at first.
          setGradients(params, step, (i) => i !== 1 || step >= 2)
          optimizer.step()
        }
        for (const [i, param] of params.entries()) {
          t.true(relativeError(numbers(param), after[i]!) < place.tolerance, `parameter ${i}`)
        }
      })
    })
  }

  test(`groups have options of their own, ${place.device} ${place.dtype}`, (t) => {
    const params = parameters(place)
    const optimizer = new optim.SGD(
      [{ params: params.slice(0, 1) }, { params: params.slice(1), lr: 0.5, momentum: 0 }],
      { lr: 0.1, momentum: 0.9 },
    )
    for (let step = 0; step < golden.gradients.length; step++) {
      setGradients(params, step)
      optimizer.step()
    }
    for (const [i, param] of params.entries()) {
      t.true(relativeError(numbers(param), golden.groups[i]!) < place.tolerance)
    }
    t.is(optimizer.lr, 0.1)
    optimizer.lr = 0.3
    t.deepEqual(
      optimizer.paramGroups.map(({ lr }) => lr),
      [0.3, 0.3],
    )
  })

  for (const { normType, maxNorm, norm, grads } of golden.clipGradNorm) {
    test(`clipGradNorm of order ${normType} to ${maxNorm}, ${place.device} ${place.dtype}`, (t) => {
      const params = parameters(place)
      setGradients(params, 0)
      const before = optim.clipGradNorm(params, maxNorm, {
        normType: normType === 'inf' ? Number.POSITIVE_INFINITY : normType,
      })
      t.true(relativeError(numbers(before), [norm]) < place.tolerance)
      for (const [i, param] of params.entries()) {
        t.true(relativeError(numbers(param.grad!), grads[i]!) < place.tolerance)
      }
    })
  }

  test(`clipGradValue holds every element, ${place.device} ${place.dtype}`, (t) => {
    const params = parameters(place)
    setGradients(params, 0, (i) => i !== 2)
    optim.clipGradValue(params, 0.25)
    const expected = golden.gradients[0]![0]!.map((value) => Math.min(Math.max(value, -0.25), 0.25))
    t.true(relativeError(numbers(params[0]!.grad!), expected) < place.tolerance)
    t.is(params[2]!.grad, null)
  })
}

for (const { name, options } of golden.cases) {
  test(`${name} ${JSON.stringify(options)} goes on from a saved state as if it had never stopped`, (t) => {
    const place = { device: 'cpu', dtype: 'float32' } as const
    const [one, two] = [parameters(place), parameters(place)]
    const first = make(name, one, options)
    for (let step = 0; step < 2; step++) {
      setGradients(one, step, (i) => i !== 1)
      first.step()
    }
    for (const [i, param] of two.entries()) param.detach().copy_(one[i]!)
    const second = make(name, two, { lr: 123 })
    // Numbers go through JSON, tensors stay tensors.
    const { state, paramGroups } = first.stateDict()
    second.loadStateDict({ state, paramGroups: JSON.parse(JSON.stringify(paramGroups)) })
    t.is(second.lr, first.lr)
    for (const [params, optimizer] of [
      [one, first],
      [two, second],
    ] as const) {
      for (let step = 2; step < 4; step++) {
        setGradients(params, step)
        optimizer.step()
      }
    }
    for (const [i, param] of two.entries()) t.deepEqual(numbers(param), numbers(one[i]!))
  })
}

test('a state of other groups or shapes is refused and changes nothing', (t) => {
  const params = parameters({ device: 'cpu', dtype: 'float32' })
  const optimizer = new optim.Adam(params)
  setGradients(params, 0)
  optimizer.step()
  const saved = optimizer.stateDict()
  t.throws(() => new optim.Adam(params.slice(1)).loadStateDict(saved), { instanceOf: ValueError })
  const reversed = new optim.Adam([...params].reverse())
  t.throws(() => reversed.loadStateDict(saved), {
    instanceOf: ValueError,
    message: /expAvg is \[3,2\], expected \[1\]/,
  })
  t.deepEqual(reversed.stateDict().state, {})
})

test('zeroGrad forgets gradients, and a step without any changes nothing', (t) => {
  const params = parameters({ device: 'cpu', dtype: 'float32' })
  const optimizer = new optim.SGD(params, { lr: 1, momentum: 0.9 })
  setGradients(params, 0)
  optimizer.zeroGrad()
  t.true(params.every((param) => param.grad === null))
  const before = params.map(numbers)
  optimizer.step()
  t.deepEqual(params.map(numbers), before)
  t.deepEqual(optimizer.stateDict().state, {})
})

test('steps leave nothing behind, and dispose frees the state', (t) => {
  const device = 'reference'
  const params = parameters({ device, dtype: 'float32' })
  const empty = memory(device).tensors
  const optimizer = new optim.Adam(params)
  const step = () => {
    tidy(() => setGradients(params, 0))
    optimizer.step()
    optimizer.zeroGrad()
  }
  step()
  const before = memory(device)
  for (let i = 0; i < 5; i++) step()
  t.deepEqual([memory(device).live, memory(device).tensors], [before.live, before.tensors])
  optimizer.dispose()
  t.is(memory(device).tensors, empty)
})

test('wrong options end in typed errors that name them', (t) => {
  const params = parameters({ device: 'cpu', dtype: 'float32' })
  const wrong: [() => unknown, RegExp][] = [
    [() => new optim.SGD([]), /SGD: got no parameters/],
    [() => new optim.SGD(params, { lr: -1 }), /SGD: lr is -1/],
    [() => new optim.SGD(params, { lr: Number.NaN }), /SGD: lr is NaN/],
    [() => new optim.SGD(params, { lr: '0.1' as unknown as number }), /SGD: lr is a string \('0.1'\)/],
    [() => new optim.SGD(params, { nesterov: true }), /nesterov/],
    [() => new optim.Adam(params, { betas: [0.9, 1] }), /Adam: betas\[1\] is 1/],
    [() => new optim.AdamW(params, { eps: -1 }), /AdamW: eps is -1/],
    [() => new optim.RMSprop(params, { alpha: -0.1 }), /RMSprop: alpha/],
    [() => new optim.SGD([...params, ...params]), /twice/],
    [() => new optim.SGD([3 as unknown as Tensor]), /SGD/],
    [() => optim.clipGradNorm(params, -1), /maxNorm is -1/],
    [() => optim.clipGradValue(params, Number.NaN), /clipValue is NaN/],
  ]
  for (const [fn, message] of wrong) t.throws(fn, { instanceOf: ValueError, message })
})

test('a network learns', (t) => {
  const x = tensor([
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ])
  const y = tensor([[0], [1], [1], [0]])
  const net = new nn.Sequential(new nn.Linear(2, 16), new nn.Tanh(), new nn.Linear(16, 1))
  const optimizer = new optim.Adam(net.parameters(), { lr: 0.05 })
  const loss = new nn.BCEWithLogitsLoss()
  const step = () =>
    tidy(() => {
      optimizer.zeroGrad()
      const value = loss.forward(net.forward(x), y)
      value.backward()
      optimizer.step()
      return value
    })
  const first = step().itemSync()
  let last = first
  for (let i = 0; i < 200; i++) last = step().itemSync()
  t.true(first > 0.5 && last < 0.05, `${first} → ${last}`)
})
