// An op that fails after it was queued: what depends on it rejects again and again, what it would have changed keeps its values, all else is fine.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Worker } from 'node:worker_threads'
import test, { type ExecutionContext } from 'ava'
import {
  compile,
  devices,
  functional as F,
  full,
  GradScaler,
  manualSeed,
  nn,
  noGrad,
  ones,
  optim,
  randn,
  saveSafetensors,
  synchronize,
  synchronizeSync,
  type Tensor,
  tensor,
  tidy,
  train,
  ValueError,
} from '../lib/index.js'
import type { DeviceName } from '../types/dtype.js'
import { baseline, settled } from './support/run-case.js'

const names = devices().map(({ name }) => name)

const good = [0, 1, 2, 1]
const bad = [0, 1, 7, 1]
const classes = (values: number[], device: DeviceName) => tensor(values, { dtype: 'int32', device })

/** A loss of class 7 of three, and where it is called. */
const badLoss = (device: DeviceName, logits = ones([4, 3], { device })) => F.crossEntropy(logits, classes(bad, device))

const says =
  /target 7 at position 2 is out of range for 3 classes — in (nllLoss|crossEntropy)\(.*float32\[4, 3\].*int32\[4\].*\)/
const line = /, queued at .*failures\.test\.[jt]s:\d+:\d+$/

async function rejects(t: ExecutionContext, read: () => Promise<unknown>): Promise<void> {
  const error = await t.throwsAsync(read, { instanceOf: ValueError })
  t.regex(error.message, says)
  t.regex(error.message, line)
}

const values = (tensors: readonly Tensor[]) => tensors.map((each) => Array.from(each.dataSync()))

class Net extends nn.Module<[Tensor], Tensor> {
  readonly hidden: nn.Linear
  readonly norm: nn.BatchNorm1d
  readonly last: nn.Linear
  constructor(device: DeviceName) {
    super()
    this.hidden = new nn.Linear(5, 8, { device })
    this.norm = new nn.BatchNorm1d(8, { device })
    this.last = new nn.Linear(8, 3, { device })
  }
  forward(x: Tensor): Tensor {
    return this.last.forward(this.norm.forward(this.hidden.forward(x)).relu())
  }
}

for (const device of names) {
  test.serial(`${device}: what depends on a failed op rejects each time, what does not is fine`, async (t) => {
    const before = ones([3], { device })
    const loss = badLoss(device)
    const far = loss.mul(2).add(1).expand([2, 2]).reshape([4])
    const after = before.add(1)
    for (let i = 0; i < 3; i++) {
      await rejects(t, () => loss.item())
      await rejects(t, () => far.data())
      t.deepEqual(await after.toArray(), [2, 2, 2])
      t.deepEqual(await before.toArray(), [1, 1, 1])
    }
    const error = t.throws(() => loss.itemSync(), { instanceOf: ValueError })
    t.regex(error.message, line)
    await synchronize(device) // all was told of
    for (const each of [before, loss, far, after]) each.dispose()
  })

  test.serial(`${device}: views share what happened, copies too; new memory is clean`, async (t) => {
    const table = ones([4, 2], { device })
    const y = table.indexSelect(0, classes([0, 9], device))
    const clone = y.clone()
    const elsewhere = y.to('reference')
    for (const each of [y.detach(), y.reshape([4]), clone, elsewhere, elsewhere.to('cpu')]) {
      const error = await t.throwsAsync(each.data(), { instanceOf: ValueError })
      t.regex(error.message, /index 9 is out of range.*indexSelect\(.*queued at .*failures\.test/)
    }
    const folder = mkdtempSync(path.join(tmpdir(), 'failures '))
    await t.throwsAsync(saveSafetensors(path.join(folder, 'y.safetensors'), { y }), { message: /index 9/ })
    rmSync(folder, { recursive: true })
    y.dispose()
    clone.dispose()
    const reused = [1, 2, 3, 4].map((value) => full([2, 2], value, { device }).add(0))
    t.deepEqual(
      values(reused),
      [1, 2, 3, 4].map((value) => Array(4).fill(value)),
    )
    const written = [1, 2, 3].map((value) => tensor([value, value], { device }))
    t.deepEqual(
      values(written),
      [1, 2, 3].map((value) => [value, value]),
    )
  })

  test.serial(`${device}: what would be overwritten keeps its values, what is overwritten is good again`, async (t) => {
    const x = tensor([1, 2], { device })
    const spoilt = badLoss(device).expand([2])
    x.copy_(spoilt)
    const later = x.mul(2)
    await rejects(t, () => x.data()) // what is called before the error is known goes on with what should have been copied
    t.deepEqual(await x.toArray(), [1, 2])
    t.deepEqual(await x.mul(2).toArray(), [2, 4])
    await rejects(t, () => later.data())
    await rejects(t, () => spoilt.data())
    const own = spoilt.clone()
    await rejects(t, () => own.data())
    own.copy_(x)
    t.deepEqual(await own.toArray(), [1, 2])
    own.fill_(3)
    t.deepEqual(await own.toArray(), [3, 3])
  })

  const optimizers: [string, (params: Tensor[]) => { step(): void; zeroGrad(): void }][] = [
    ['SGD', (params) => new optim.SGD(params, { lr: 0.1, momentum: 0.9 })],
    ['Adam', (params) => new optim.Adam(params, { lr: 0.1 })],
    ['RMSprop', (params) => new optim.RMSprop(params, { lr: 0.01 })],
    [
      'one of TypeScript',
      (params) => {
        const averages = params.map((param) => param.detach().mul(0))
        return {
          step: () =>
            noGrad(() =>
              tidy(() => {
                for (const [i, param] of params.entries()) {
                  averages[i]!.copy_(averages[i]!.mul(0.9).add(param.grad!))
                  param.copy_(param.sub(averages[i]!.mul(0.1)))
                }
              }),
            ),
          zeroGrad: () => {
            for (const param of params) param.grad = null
          },
        }
      },
    ],
  ]
  for (const [name, make] of optimizers) {
    for (const isCompiled of [false, true]) {
      test.serial(
        `${device}: a bad label leaves weights and state as they are, ${name}, ${isCompiled ? 'compiled' : 'eager'}`,
        async (t) => {
          manualSeed(3)
          const net = new Net(device)
          const optimizer = make(net.parameters())
          const x = randn([4, 5], { device })
          const body = (input: Tensor, target: Tensor): Tensor => {
            const loss = F.crossEntropy(net.forward(input), target)
            loss.backward()
            optimizer.step()
            return loss.detach()
          }
          const run = isCompiled ? compile(body) : (...args: [Tensor, Tensor]) => tidy(() => body(...args))
          const step = (labels: number[]) => {
            optimizer.zeroGrad()
            return run(x, classes(labels, device))
          }
          const first = await step(good).item()
          const kept = values(net.parameters())
          const loss = step(bad)
          await rejects(t, () => loss.item())
          await rejects(t, () => loss.item())
          if (!isCompiled) await rejects(t, () => net.last.weight.grad!.data())
          t.deepEqual(values(net.parameters()), kept)
          const losses = [first]
          for (let i = 0; i < 3; i++) losses.push(await step(good).item())
          t.true(
            losses.every((each, i) => i === 0 || each < losses[i - 1]!),
            `${losses}`,
          )
          t.notDeepEqual(values(net.parameters()), kept)
          await synchronize(device)
        },
      )
    }
  }

  test.serial(`${device}: one poisoned gradient keeps all that is clipped with it from being used`, async (t) => {
    const weights = [ones([3], { device }).requiresGrad_(), ones([4, 3], { device }).requiresGrad_()] as const
    weights[0].square().sum().backward()
    badLoss(device, weights[1]).backward()
    const norm = optim.clipGradNorm([...weights], 0.1)
    await rejects(t, () => norm.item())
    await rejects(t, () => weights[0].grad!.data())
    new optim.SGD([...weights], { lr: 1 }).step()
    t.deepEqual(values(weights), [Array(3).fill(1), Array(12).fill(1)])
  })

  test.serial(`${device}: a scaler goes on after a step that failed`, async (t) => {
    const weight = ones([4, 3], { device }).requiresGrad_()
    const optimizer = new optim.SGD([weight], { lr: 0.1 })
    const scaler = new GradScaler()
    const step = async (labels: number[]) => {
      optimizer.zeroGrad()
      scaler.scale(F.crossEntropy(weight, classes(labels, device))).backward()
      await scaler.step(optimizer)
      scaler.update()
    }
    await rejects(t, () => step(bad))
    t.deepEqual(values([weight]), [Array(12).fill(1)])
    await step(good)
    t.notDeepEqual(values([weight]), [Array(12).fill(1)])
  })

  test.serial(`${device}: a run of a compiled function that fails spoils no other run, nor a profile`, async (t) => {
    const fn = compile((x: Tensor, target: Tensor) => {
      const loss = F.crossEntropy(x.mul(2), target)
      return { loss, double: x.mul(2) }
    })
    const x = ones([4, 3], { device })
    const runs = [good, bad, good].map((labels) => fn(x, classes(labels, device)))
    t.is((await runs[0]!.loss.item()).toFixed(4), Math.log(3).toFixed(4))
    await rejects(t, () => runs[1]!.loss.item())
    await rejects(t, () => runs[1]!.double.data())
    t.is((await runs[2]!.loss.item()).toFixed(4), Math.log(3).toFixed(4))
    await rejects(t, () => fn.profile(x, classes(bad, device)))
    t.true((await fn.profile(x, classes(good, device))).steps.length > 0)
    const spoilt = badLoss(device).expand([4, 3])
    await rejects(t, () => fn(spoilt, classes(good, device)).double.data())
  })

  test.serial(`${device}: synchronize tells once of what nobody read`, async (t) => {
    badLoss(device).dispose()
    await rejects(t, () => synchronize(device))
    await synchronize(device)
    badLoss(device).dispose()
    t.throws(() => synchronizeSync(device), { instanceOf: ValueError, message: says })
    synchronizeSync(device)
  })

  test.serial(`${device}: the process warns of what nobody read`, async (t) => {
    const warnings: Error[] = []
    const listen = (warning: Error) => warnings.push(warning)
    process.on('warning', listen)
    badLoss(device).dispose()
    const read = badLoss(device)
    await rejects(t, () => read.item())
    await new Promise((resolve) => setTimeout(resolve, 1500))
    process.off('warning', listen)
    const own = warnings.filter(({ name }) => name.startsWith('Unread'))
    t.is(own.length, 1)
    t.is(own[0]!.name, 'UnreadValueError')
    t.regex(own[0]!.message, says)
    t.regex(own[0]!.message, /failures\.test/)
  })

  test.serial(`${device}: fit rejects with the error, and the network is unharmed`, async (t) => {
    manualSeed(4)
    for (const isCompiled of [true, false]) {
      const net = new Net(device)
      const trainer = new train.Trainer(net, {
        optimizer: new optim.SGD(net.parameters(), { lr: 0.1, momentum: 0.9 }),
        loss: F.crossEntropy,
        compile: isCompiled,
      })
      const x = randn([4, 5], { device })
      const loader = (lists: number[][]) => ({
        length: lists.length,
        examples: 4 * lists.length,
        async *[Symbol.asyncIterator]() {
          for (const labels of lists) yield { x: x.clone(), y: classes(labels, device) }
        },
      })
      const error = await t.throwsAsync(trainer.fit(loader([good, bad, good, good]) as never, { epochs: 1 }), {
        instanceOf: ValueError,
      })
      t.regex(error.message, says)
      t.true(values(net.parameters()).flat().every(Number.isFinite))
      const [record] = await trainer.fit(loader([good, good]) as never, { epochs: 1 })
      t.true(Number.isFinite(record!.loss))
    }
  })

  test.serial(`${device}: nothing is left of failures`, async (t) => {
    const before = await baseline(device)
    for (let i = 0; i < 50; i++) {
      const loss = tidy(() => badLoss(device).mul(2))
      await t.throwsAsync(loss.item())
      loss.dispose()
    }
    t.is((await settled(device)).tensors, before.tensors)
  })
}

test.serial('a thread is told of its own failures only', async (t) => {
  const entry = new URL('../lib/index.js', import.meta.url).href
  const script = `
    import { parentPort } from 'node:worker_threads'
    import { functional as F, ones, synchronize, tensor } from ${JSON.stringify(entry)}
    const loss = F.crossEntropy(ones([4, 3], { device: 'cpu' }), tensor([0, 1, 7, 1], { dtype: 'int32', device: 'cpu' }))
    const text = await loss.item().catch((error) => error.message)
    await synchronize('cpu')
    parentPort.postMessage(text)`
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`))
  const text = await new Promise<string>((resolve, reject) => {
    worker.on('message', resolve)
    worker.on('error', reject)
  })
  t.regex(text, says)
  await synchronize('cpu')
})
