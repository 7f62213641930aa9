// Schedules of the learning rate beside PyTorch's, step by step.
import test from 'ava'
import { nn, optim, ValueError, zeros } from '../lib/index.js'
import { goldenJson } from './support/golden-json.js'

interface Curve {
  rates: number[][]
  momenta: number[]
}
const { metrics, ...curves } = goldenJson<{ metrics: number[] } & Record<string, Curve>>('schedulers.json')

type AnyOf = optim.SGD | optim.Adam

/** The rows of golden/schedulers.py. */
const cases: Record<string, (optimizer: AnyOf) => optim.LRScheduler | optim.LRScheduler[]> = {
  StepLR: (o) => new optim.StepLR(o, 3, { gamma: 0.5 }),
  MultiStepLR: (o) => new optim.MultiStepLR(o, [2, 5, 5], { gamma: 0.3 }),
  'MultiStepLR from 0': (o) => new optim.MultiStepLR(o, [0, 0, 3], { gamma: 0.3 }),
  ExponentialLR: (o) => new optim.ExponentialLR(o, 0.9),
  LambdaLR: (o) => new optim.LambdaLR(o, (epoch) => 0.8 ** epoch),
  LinearLR: (o) => new optim.LinearLR(o),
  'LinearLR down': (o) => new optim.LinearLR(o, { startFactor: 1, endFactor: 0.1, totalIters: 4 }),
  CosineAnnealingLR: (o) => new optim.CosineAnnealingLR(o, 5, { etaMin: 0.01 }),
  'CosineAnnealingLR of one step': (o) => new optim.CosineAnnealingLR(o, 1, { etaMin: 0.7 }),
  OneCycleLR: (o) => new optim.OneCycleLR(o, 0.4, { totalSteps: 12 }),
  'OneCycleLR linear': (o) =>
    new optim.OneCycleLR(o, [0.4, 0.1], {
      epochs: 3,
      stepsPerEpoch: 5,
      annealStrategy: 'linear',
      threePhase: true,
      divFactor: 10,
    }),
  'OneCycleLR plain': (o) =>
    new optim.OneCycleLR(o, 0.4, { totalSteps: 10, cycleMomentum: false, pctStart: 0.5, finalDivFactor: 10 }),
  'OneCycleLR without warm-up': (o) => new optim.OneCycleLR(o, 0.4, { totalSteps: 8, pctStart: 0 }),
  SequentialLR: (o) =>
    new optim.SequentialLR(
      o,
      [new optim.LinearLR(o, { startFactor: 0.1, totalIters: 4 }), new optim.CosineAnnealingLR(o, 6)],
      [4],
    ),
  'SequentialLR of three': (o) =>
    new optim.SequentialLR(
      o,
      [new optim.LinearLR(o), new optim.StepLR(o, 2, { gamma: 0.5 }), new optim.ExponentialLR(o, 0.9)],
      [3, 8],
    ),
  'SequentialLR from MultiStepLR at 0': (o) =>
    new optim.SequentialLR(
      o,
      [new optim.MultiStepLR(o, [0, 2], { gamma: 0.5 }), new optim.MultiStepLR(o, [0, 1])],
      [3],
    ),
  'two at once': (o) => [new optim.ExponentialLR(o, 0.9), new optim.MultiStepLR(o, [3])],
  'MultiStepLR at 0 over SequentialLR': (o) => [
    new optim.SequentialLR(o, [new optim.LinearLR(o), new optim.StepLR(o, 1, { gamma: 0.5 })], [2]),
    new optim.MultiStepLR(o, [0, 4], { gamma: 3 }),
  ],
  MultiplicativeLR: (o) => new optim.MultiplicativeLR(o, (epoch) => (epoch % 2 ? 0.9 : 1.1)),
  ConstantLR: (o) => new optim.ConstantLR(o),
  'ConstantLR for two steps': (o) => new optim.ConstantLR(o, { factor: 0.25, totalIters: 2 }),
  PolynomialLR: (o) => new optim.PolynomialLR(o),
  'PolynomialLR of a power': (o) => new optim.PolynomialLR(o, { totalIters: 7, power: 0.9 }),
  CosineAnnealingWarmRestarts: (o) => new optim.CosineAnnealingWarmRestarts(o, 4, { etaMin: 0.01 }),
  'CosineAnnealingWarmRestarts longer': (o) => new optim.CosineAnnealingWarmRestarts(o, 2, { tMult: 2 }),
  CyclicLR: (o) => new optim.CyclicLR(o, 0.1, 0.4, { stepSizeUp: 3 }),
  'CyclicLR halved': (o) =>
    new optim.CyclicLR(o, [0.1, 0.2], [0.4, 0.9], {
      stepSizeUp: 2,
      stepSizeDown: 5,
      mode: 'triangular2',
      baseMomentum: 0.7,
      maxMomentum: 0.95,
    }),
  'CyclicLR falling': (o) => new optim.CyclicLR(o, 0.1, 0.4, { stepSizeUp: 4, mode: 'exp_range', gamma: 0.97 }),
  'CyclicLR of a function': (o) =>
    new optim.CyclicLR(o, 0.1, 0.4, {
      stepSizeUp: 3,
      scaleFn: (count) => 1 / (1 + count),
      scaleMode: 'iterations',
      cycleMomentum: false,
    }),
  ChainedScheduler: (o) =>
    new optim.ChainedScheduler([
      new optim.ConstantLR(o, { factor: 0.1, totalIters: 3 }),
      new optim.ExponentialLR(o, 0.9),
    ]),
  'SequentialLR of the new': (o) =>
    new optim.SequentialLR(
      o,
      [
        new optim.ConstantLR(o, { factor: 0.5, totalIters: 2 }),
        new optim.PolynomialLR(o, { totalIters: 4 }),
        new optim.CosineAnnealingWarmRestarts(o, 3),
      ],
      [3, 8],
    ),
  ReduceLROnPlateau: (o) => new optim.ReduceLROnPlateau(o, { patience: 2 }),
  'ReduceLROnPlateau max': (o) =>
    new optim.ReduceLROnPlateau(o, {
      mode: 'max',
      factor: 0.5,
      patience: 1,
      threshold: 0.01,
      thresholdMode: 'abs',
      cooldown: 2,
      minLr: 0.05,
    }),
}

function optimizerFor(name: string): AnyOf {
  const [a, b] = [new nn.Parameter(zeros([1])), new nn.Parameter(zeros([1]))]
  const groups = [{ params: [a] }, { params: [b], lr: 0.02 }]
  return name === 'OneCycleLR linear' || name === 'CyclicLR falling'
    ? new optim.Adam(groups, { lr: 0.5 })
    : new optim.SGD(groups, { lr: 0.5, momentum: 0.9 })
}

const ratesOf = (optimizer: AnyOf) => optimizer.paramGroups.map(({ lr }) => lr)

function momentumOf(optimizer: AnyOf): number {
  const [group] = optimizer.paramGroups
  return group && 'betas' in group ? group.betas[0] : (group as { momentum: number }).momentum
}

/** Every row of the golden file is followed, and every case has its row. */
test('the cases are those of the golden file', (t) => {
  t.deepEqual(
    Object.keys(cases).sort(),
    Object.keys(curves)
      .filter((name) => name !== 'torch')
      .sort(),
  )
})

for (const [name, make] of Object.entries(cases)) {
  test(`${name} gives PyTorch's rates`, (t) => {
    const { rates, momenta } = curves[name]!
    const optimizer = optimizerFor(name)
    const made = [make(optimizer)].flat()
    for (const [step, expected] of rates.entries()) {
      if (step > 0) for (const scheduler of made) scheduler.step(metrics[step - 1])
      for (const [i, lr] of ratesOf(optimizer).entries()) {
        t.true(
          Math.abs(lr - expected[i]!) <= 1e-14 * Math.max(1e-3, expected[i]!),
          `step ${step}: ${lr}, expected ${expected[i]}`,
        )
      }
      t.true(Math.abs(momentumOf(optimizer) - momenta[step]!) < 1e-14, `momentum at step ${step}`)
      if (made.length === 1) t.deepEqual(made[0]!.getLastLr(), ratesOf(optimizer))
    }
  })

  test(`${name} goes on from a saved state`, (t) => {
    const { rates } = curves[name]!
    const [one, two] = [optimizerFor(name), optimizerFor(name)]
    const [first, second] = [[make(one)].flat(), [make(two)].flat()]
    const half = Math.floor(rates.length / 2)
    for (let step = 0; step < half; step++) for (const scheduler of first) scheduler.step(metrics[step])
    two.loadStateDict(JSON.parse(JSON.stringify(one.stateDict())))
    for (const [i, scheduler] of second.entries())
      scheduler.loadStateDict(JSON.parse(JSON.stringify(first[i]!.stateDict())))
    t.deepEqual(ratesOf(two), ratesOf(one))
    for (let step = half; step < rates.length - 1; step++) {
      for (const scheduler of [...first, ...second]) scheduler.step(metrics[step])
      t.deepEqual(ratesOf(two), ratesOf(one))
    }
  })
}

test('a cycle whose phases have no length stays finite, where PyTorch divides by zero', (t) => {
  const cycles: [optim.OneCycleLROptions, number[]][] = [
    [{ totalSteps: 10, pctStart: 0.1, annealStrategy: 'linear' }, [0.04, 1 - (1 - 4e-6) / 9]],
    [{ totalSteps: 2, pctStart: 0.5, threePhase: true }, [0.04, 4e-6]],
    [{ totalSteps: 2, pctStart: 1 }, [0.04, 1, 4e-6]],
  ]
  for (const [options, expected] of cycles) {
    const optimizer = optimizerFor('SGD')
    const cycle = new optim.OneCycleLR(optimizer, 1, options)
    for (const [step, rate] of expected.entries()) {
      if (step > 0) cycle.step()
      t.true(Math.abs(optimizer.paramGroups[0]!.lr - rate) < 1e-12, `${optimizer.paramGroups[0]!.lr} at step ${step}`)
      t.true(Number.isFinite(momentumOf(optimizer)))
    }
  }
})

test('wrong options end in typed errors', (t) => {
  const optimizer = optimizerFor('SGD')
  const wrong: (() => unknown)[] = [
    () => new optim.StepLR(optimizer, 0),
    () => new optim.StepLR(optimizer, Number.NaN),
    () => new optim.ExponentialLR(optimizer, '0.9' as unknown as number),
    () => new optim.LinearLR(optimizer, { startFactor: 0 }),
    () => new optim.CosineAnnealingLR(optimizer, 2.5),
    () => new optim.OneCycleLR(optimizer, 0.1, {}),
    () => new optim.OneCycleLR(optimizer, [0.1], { totalSteps: 5 }),
    () => new optim.OneCycleLR(optimizer, 0.1, { totalSteps: 5, divFactor: 0 }),
    () => new optim.OneCycleLR(optimizer, 0.1, { totalSteps: 5, finalDivFactor: Number.NaN }),
    () => new optim.SequentialLR(optimizer, [new optim.StepLR(optimizer, 1)], [1]),
    () => new optim.SequentialLR(optimizer, [new optim.StepLR(optimizerFor('SGD'), 1)], []),
    () => new optim.ReduceLROnPlateau(optimizer, { factor: 1 }),
    () => new optim.ReduceLROnPlateau(optimizer).step(),
    () => new optim.StepLR(optimizer, 1).loadStateDict({}),
    () => {
      const cycle = new optim.OneCycleLR(optimizer, 0.1, { totalSteps: 2 })
      for (let i = 0; i < 3; i++) cycle.step()
    },
  ]
  for (const [i, fn] of wrong.entries()) t.throws(fn, { instanceOf: ValueError }, `case ${i}`)
})
