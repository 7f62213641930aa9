// GradScaler: PyTorch's defaults, backing off where gradients overflow, growth, skipped steps, clipping after unscaling, state.
import test from 'ava'
import {
  autocast,
  compile,
  DTypeError,
  functional,
  GradScaler,
  type GradScalerOptions,
  optim,
  type Tensor,
  tensor,
  ValueError,
} from '../lib/index.js'
import { testedDevices } from './support/devices.js'
import { baseline, settled } from './support/run-case.js'

const names = testedDevices().map(({ name }) => name)

/** A parameter [1, 2] whose gradient is `gradient`, and an optimizer for it. */
function setUp(device: string, gradient: readonly number[], value = [1, 2]) {
  const parameter = tensor(value, { device: device as never }).requiresGrad_()
  const slope = tensor(gradient as number[], { device: device as never })
  const optimizer = new optim.SGD([parameter], { lr: 1, momentum: 0.5 })
  const loss = () => parameter.mul(slope).sum()
  return { parameter, optimizer, loss }
}

const rows: { name: string; options: GradScalerOptions; gradients: number[]; scales: number[]; steps: boolean[] }[] = [
  { name: 'defaults', options: {}, gradients: [1, 1], scales: [65536, 65536], steps: [true, true] },
  {
    name: 'growth after an interval of finite steps',
    options: { initScale: 4, growthInterval: 2 },
    gradients: [1, 1, 1, 1],
    scales: [4, 8, 8, 16],
    steps: [true, true, true, true],
  },
  {
    name: 'backing off from an infinity, and the interval begins anew',
    options: { initScale: 4, growthInterval: 2 },
    gradients: [1, Number.POSITIVE_INFINITY, 1, 1],
    scales: [4, 2, 2, 4],
    steps: [true, false, true, true],
  },
  {
    name: 'NaN is no finite gradient either',
    options: { initScale: 4, backoffFactor: 0.25 },
    gradients: [Number.NaN, -Infinity],
    scales: [1, 0.25],
    steps: [false, false],
  },
  {
    name: 'large gradients that are finite once unscaled overflow while they are scaled',
    options: { initScale: 2 ** 10, backoffFactor: 0.5 ** 5 },
    gradients: [2 ** 120, 2 ** 120],
    scales: [2 ** 5, 2 ** 5],
    steps: [false, true],
  },
  {
    name: 'no growth beyond float32',
    options: { initScale: 2 ** 127, growthInterval: 1 },
    gradients: [2 ** -20],
    scales: [2 ** 127],
    steps: [true],
  },
  { name: 'not enabled', options: { enabled: false }, gradients: [1, 2], scales: [1, 1], steps: [true, true] },
]

for (const device of names) {
  for (const { name, options, gradients, scales, steps } of rows) {
    test.serial(`${device}: ${name}`, async (t) => {
      const scaler = new GradScaler(options)
      for (const [i, gradient] of gradients.entries()) {
        const { parameter, optimizer, loss } = setUp(device, [gradient, 1])
        scaler.scale(loss()).backward()
        const hasStepped = await scaler.step(optimizer)
        scaler.update()
        t.is(hasStepped, steps[i]!, `step ${i}`)
        t.is(scaler.getScale(), scales[i]!, `scale after step ${i}`)
        t.deepEqual([...(await parameter.data())], hasStepped ? [Math.fround(1 - gradient), 1] : [1, 2])
        t.is(Object.values(optimizer.stateDict().state)[0]?.step ?? 0, hasStepped ? 1 : 0)
      }
    })
  }

  test.serial(`${device}: gradients are unscaled before they are clipped, and not twice`, async (t) => {
    const scaler = new GradScaler({ initScale: 1024 })
    const { parameter, optimizer, loss } = setUp(device, [3, 4])
    scaler.scale(loss()).backward()
    t.deepEqual([...(await parameter.grad!.data())], [3072, 4096])
    scaler.unscale(optimizer)
    t.is(await optim.clipGradNorm([parameter], 2.5).item(), 5)
    t.true(await scaler.step(optimizer))
    const [a, b] = await parameter.data()
    t.true(Math.abs(a! - -0.5) < 1e-5 && Math.abs(b! - 0) < 1e-5, `${a}, ${b}`)
  })

  test.serial(`${device}: a compiled backward pass reads the scale at each run, and nothing leaks`, async (t) => {
    const before = await baseline(device)
    {
      using scaler = new GradScaler({ initScale: 8, growthInterval: 1 })
      const { parameter, optimizer, loss } = setUp(device, [1, 2])
      const backward = compile(() => {
        const value = loss()
        scaler.scale(value).backward()
        return value.detach()
      })
      const gradients: number[] = []
      for (let i = 0; i < 3; i++) {
        backward().dispose()
        gradients.push((await parameter.grad!.data())[0]!)
        await scaler.step(optimizer)
        scaler.update()
        optimizer.zeroGrad()
      }
      t.deepEqual(gradients, [8, 16, 32])
      t.is(backward.programs().length, 1)
      backward.dispose()
      optimizer.dispose()
      parameter.dispose()
    }
    const after = await settled(device)
    // The slope, and each wrapper of a gradient, is left to the garbage collector.
    t.true(after.tensors - before.tensors <= 8, `${after.tensors - before.tensors} tensors`)
  })

  test.serial(`${device}: small gradients survive float16 by the scale alone`, async (t) => {
    const gradient = async (scaler: GradScaler) => {
      const weight = tensor([[0.5]], { device }).requiresGrad_()
      const x = tensor([[1e-3]], { device })
      const loss = autocast('float16', () => functional.linear(x, weight).mul(1e-5).sum())
      scaler.scale(loss).backward()
      const optimizer = new optim.SGD([weight])
      scaler.unscale(optimizer)
      return weight.grad!.item()
    }
    t.is(await gradient(new GradScaler({ initScale: 1 })), 0)
    t.true(Math.abs((await gradient(new GradScaler({ initScale: 1024 }))) / 1e-8 - 1) < 0.01)
  })
}

test.serial('several losses, and several optimizers in one update', async (t) => {
  const scaler = new GradScaler({ initScale: 4 })
  const [a, b] = [setUp('reference', [1, 1]), setUp('reference', [Number.POSITIVE_INFINITY, 1])]
  for (const loss of scaler.scale([a.loss(), b.loss()])) loss.backward()
  t.deepEqual(await Promise.all([scaler.step(a.optimizer), scaler.step(b.optimizer)]), [true, false])
  scaler.update()
  t.is(scaler.getScale(), 2)
})

test.serial('a half loss is scaled in float32, where the scale fits', async (t) => {
  const scaled = new GradScaler().scale(tensor([2], { dtype: 'float16' }).sum())
  t.is(scaled.dtype, 'float32')
  t.is(await scaled.item(), 131072)
})

test.serial('state goes over to another scaler', (t) => {
  const state = { scale: 32, growthFactor: 3, backoffFactor: 0.25, growthInterval: 5, growthTracker: 4 }
  const scaler = new GradScaler()
  t.deepEqual(scaler.stateDict(), {
    scale: 65536,
    growthFactor: 2,
    backoffFactor: 0.5,
    growthInterval: 2000,
    growthTracker: 0,
  })
  scaler.loadStateDict(state)
  t.deepEqual(scaler.stateDict(), state)
  t.deepEqual(new GradScaler({ enabled: false }).stateDict(), {})
  t.throws(() => scaler.loadStateDict({} as never), { instanceOf: ValueError, message: /scale is undefined/ })
  t.deepEqual(scaler.stateDict(), state)
  scaler.update(64)
  t.is(scaler.getScale(), 64)
})

const wrong: [name: string, call: () => unknown, message: RegExp][] = [
  ['a scale of 0', () => new GradScaler({ initScale: 0 }), /scale is 0/],
  ['a factor that does not grow', () => new GradScaler({ growthFactor: 1 }), /growthFactor is 1/],
  ['a factor that does not shrink', () => new GradScaler({ backoffFactor: 1 }), /backoffFactor is 1/],
  ['half an interval', () => new GradScaler({ growthInterval: 0.5 }), /growthInterval is 0.5/],
  ['update before any step', () => new GradScaler().update(), /update\(\) before/],
]
for (const [name, call, message] of wrong) {
  test.serial(`refused: ${name}`, (t) => {
    t.throws(call, { instanceOf: ValueError, message })
  })
}

test.serial('refused: calls out of order, no gradients, half gradients', async (t) => {
  const scaler = new GradScaler()
  const { optimizer, loss } = setUp('reference', [1, 1])
  t.throws(() => scaler.unscale(optimizer), { instanceOf: ValueError, message: /no parameter/ })
  scaler.scale(loss()).backward()
  scaler.unscale(optimizer)
  t.throws(() => scaler.unscale(optimizer), { instanceOf: ValueError, message: /unscale\(\) after/ })
  t.throws(() => scaler.update(), { instanceOf: ValueError, message: /update\(\) before/ })
  t.true(await scaler.step(optimizer))
  await t.throwsAsync(() => scaler.step(optimizer), { instanceOf: ValueError, message: /step\(\) after/ })
  t.throws(() => scaler.unscale(optimizer), { instanceOf: ValueError })
  scaler.update()
  const half: Tensor = tensor([1], { dtype: 'float16' }).requiresGrad_()
  half.sum().backward()
  t.throws(() => new GradScaler().unscale(new optim.SGD([half])), { instanceOf: DTypeError, message: /float16/ })
})
