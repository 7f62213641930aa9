// First calls: what takes long (passes, plans, generated code) is done by the device's thread, and gives what later calls give.
import test from 'ava'
import {
  compile,
  type DeviceName,
  devices,
  functional,
  manualSeed,
  memory,
  models,
  nn,
  noGrad,
  OutOfMemoryError,
  optim,
  type ProgramInfo,
  randn,
  setMemoryLimit,
  synchronize,
  type Tensor,
  tensor,
  trimMemory,
  zeros,
} from '../lib/index.js'
import { native } from '../lib/native.js'
import { baseline, settled } from './support/run-case.js'

const names = devices().map((device) => device.name)

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [difference, size] = [0, 0]
  for (let i = 0; i < a.length; i++) {
    difference += (a[i]! - b[i]!) ** 2
    size += b[i]! ** 2
  }
  return Math.sqrt(difference / size)
}

async function numbers(x: Tensor): Promise<number[]> {
  return Array.from((await x.data()) as Float32Array)
}

/** Keeps the device's thread busy for a while. */
function keepBusy(device: DeviceName): void {
  const x = randn([512, 512], { device })
  for (let i = 0; i < 20; i++) x.matmul(x).dispose()
  x.dispose()
}

function network(device: DeviceName) {
  return new nn.Sequential(
    new nn.Conv2d(3, 32, 3, { padding: 1, bias: false, device }),
    new nn.BatchNorm2d(32, { device }),
    new nn.ReLU(),
    new nn.Conv2d(32, 32, 3, { padding: 1, device }),
    new nn.ReLU(),
    new nn.AdaptiveAvgPool2d(1),
    new nn.Flatten(),
    new nn.Linear(32, 10, { device }),
  )
}

for (const device of names) {
  test.serial(
    `${device}: the call that records neither runs passes nor chooses kernels on JavaScript's thread`,
    async (t) => {
      const net = network(device).eval()
      const predict = net.compile()
      const x = randn([3, 3, 17, 17], { device })
      await synchronize(device)
      keepBusy(device)
      const before = native.memory(device).kernels
      const y = predict(x)
      t.is(native.memory(device).kernels, before)
      const expected = await numbers(noGrad(() => net.forward(x)))
      t.true(distance(await numbers(y), expected) < 1e-5)
      t.true(native.memory(device).kernels > before)
      for (let i = 0; i < 3; i++) t.true(distance(await numbers(predict(x)), expected) < 1e-5)
    },
  )

  test.serial(`${device}: calls before the plan is there, and after, train as eager steps do`, async (t) => {
    const run = async (isCompiled: boolean, waits: boolean) => {
      manualSeed(3)
      const net = network(device)
      const optimizer = new optim.SGD(net.parameters(), { lr: 0.05, momentum: 0.9 })
      const plain = (x: Tensor, target: Tensor) => {
        const loss = functional.crossEntropy(functional.dropout(net.forward(x), { p: 0.2 }), target)
        loss.backward()
        optimizer.step()
        optimizer.zeroGrad()
        return loss.detach()
      }
      const step = isCompiled ? compile(plain) : plain
      const losses: Tensor[] = []
      const target = tensor([1, 2, 3, 4], { dtype: 'int32', device })
      for (let i = 0; i < 6; i++) {
        optimizer.lr = 0.05 / (i + 1)
        losses.push(step(randn([4, 3, 12, 12], { device }), target))
        if (waits) await synchronize(device)
      }
      const parameters = await Promise.all(net.parameters().map(numbers))
      const buffers = await Promise.all(net.buffers().map(async (each) => Array.from(await each.data(), Number)))
      return { losses: await Promise.all(losses.map((loss) => loss.item())), tensors: [...parameters, ...buffers] }
    }
    const eager = await run(false, true)
    for (const waits of [false, true]) {
      const compiled = await run(true, waits)
      t.true(distance(compiled.losses, eager.losses) < 1e-4, `${compiled.losses} for ${eager.losses}`)
      for (const [i, values] of compiled.tensors.entries()) t.true(distance(values, eager.tensors[i]!) < 1e-3)
    }
  })

  test.serial(
    `${device}: results that are arguments, parameters, views and each other come out of a first call as of a later one`,
    async (t) => {
      const conv = new nn.Conv2d(16, 16, 3, { device })
      conv.weight.requiresGrad_(false)
      const counter = new nn.Buffer(zeros([2, 3], { device }))
      const f = compile((x: Tensor) =>
        noGrad(() => {
          const y = conv.forward(x)
          counter.copy_(counter.add(1))
          return [
            y,
            y.reshape([-1]),
            x,
            x.flatten(),
            conv.weight,
            conv.weight.reshape([16, -1]),
            counter,
            counter.reshape([6]),
            y.relu(),
          ]
        }),
      )
      const x = randn([2, 16, 9, 9], { device })
      const y = noGrad(() => conv.forward(x))
      for (let call = 1; call <= 3; call++) {
        const results = f(x)
        const counts = new Array(6).fill(call)
        const [image, weight, given] = [await numbers(y), await numbers(conv.weight), await numbers(x)]
        const expected = [image, image, given, given, weight, weight, counts, counts, image.map((v) => Math.max(v, 0))]
        for (const [i, result] of results.entries())
          t.true(distance(await numbers(result), expected[i]!) < 1e-5, `call ${call}, result ${i}`)
        t.deepEqual(results[5]!.shape, [16, 144])
      }
    },
  )

  test.serial(`${device}: prepare() records and plans, and computes nothing`, async (t) => {
    const net = network(device).eval()
    const predict = net.compile()
    const x = randn([2, 3, 12, 12], { device })
    await predict.prepare(x)
    t.deepEqual(
      predict.programs().map(({ runs, steps }) => [runs, steps > 0]),
      [[0, true]],
    )
    const kernels = native.memory(device).kernels
    t.true(distance(await numbers(predict(x)), await numbers(noGrad(() => net.forward(x)))) < 1e-5)
    t.is(predict.programs().length, 1)
    t.true(native.memory(device).kernels >= kernels)
    await predict.prepare(x)
    await t.throwsAsync(predict.prepare(randn([2, 5, 12, 12], { device })), { name: 'ShapeError' })
  })

  test.serial(`${device}: a first run without memory rejects its reads, and later calls go on`, async (t) => {
    const double = compile((x: Tensor) => noGrad(() => x.exp().sum(1).add(x.sin().mean())))
    const x = zeros([1024, 1024], { device })
    await x.data()
    trimMemory(device)
    setMemoryLimit(native.memory(device).reserved + (1 << 20), device)
    try {
      await t.throwsAsync(async () => double(x).data(), { instanceOf: OutOfMemoryError })
    } finally {
      setMemoryLimit(0, device)
    }
    t.true((await numbers(double(x))).every((value) => Math.abs(value - 1024) < 1e-3))
  })
}

test.serial('programs of several batch sizes share their packed weights', async (t) => {
  const device = 'cpu'
  const before = await baseline(device)
  const net = models.resnet18({ device, numClasses: 10 }).eval()
  const weights = net.parameters().reduce((bytes, parameter) => bytes + 4 * parameter.size, 0)
  const predict = net.compile()
  const hold = async () => (await settled(device)).live - before.live
  for (let batch = 1; batch <= 16; batch++) {
    const x = randn([batch, 3, 32, 32], { device })
    const y = predict(x)
    await y.data()
    for (const each of [x, y]) each.dispose()
  }
  t.is(predict.programs().length, 16)
  for (const { constantBytes } of predict.programs())
    t.true(constantBytes > weights / 2 && constantBytes < 1.5 * weights, `${constantBytes}`)
  const held = await hold()
  t.true(held < 3.2 * weights, `${held} bytes for ${weights} of weights`)
  predict.dispose()
  await settled(device)
  t.true((await hold()) < 1.2 * weights, 'the last program frees them')
})

test.serial('what is shared follows the weights that somebody overwrites, folded normalisation too', async (t) => {
  for (const device of names) {
    const net = network(device)
    const predict = net.compile()
    const images = [1, 2, 5].map((batch) => randn([batch, 3, 12, 12], { device }))
    const check = async (when: string) => {
      net.eval()
      // Several programs at once, and no wait between them.
      const results = images.map((x) => predict(x))
      for (const [i, x] of images.entries()) {
        const expected = await numbers(noGrad(() => net.forward(x)))
        t.true(distance(await numbers(results[i]!), expected) < 1e-5, `${device}, ${when}, program ${i}`)
      }
      net.train()
    }
    await check('at first')
    await check('again')
    const [conv, norm] = [net.at(0) as nn.Conv2d, net.at(1) as nn.BatchNorm2d]
    noGrad(() => conv.weight.copy_(randn(conv.weight.shape, { device })))
    await check('after copy_')
    noGrad(() => norm.runningVar!.fill_(0.3))
    await check('after other statistics')
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
    const step = compile((x: Tensor) => {
      net.forward(x).square().mean().backward()
      optimizer.step()
      optimizer.zeroGrad()
    })
    for (let i = 0; i < 3; i++) {
      step(images[2]!)
      predict(images[i]!)
      await check(`after step ${i}`)
    }
    net.loadStateDict(network(device).stateDict())
    await check('after loading')
  }
})

test.serial('runs that are queued before there is a plan take turns in the same memory', async (t) => {
  await synchronize('cpu')
  trimMemory('cpu')
  const convolutions = [nn, nn, nn].map(({ Conv2d }) => new Conv2d(16, 16, 3, { padding: 1, device: 'cpu' }))
  const f = compile((x: Tensor) =>
    noGrad(() => convolutions.reduce((y, layer) => layer.forward(y).sigmoid(), x).mean()),
  )
  const x = randn([4, 16, 64, 64], { device: 'cpu' })
  const before = memory('cpu').reserved
  for (let i = 0; i < 300; i++) f(x).dispose()
  await synchronize('cpu')
  const [{ arenaBytes }] = f.programs() as [ProgramInfo]
  const grown = memory('cpu').reserved - before
  t.true(grown <= 6 * arenaBytes + 2 ** 20, `${grown} bytes for an arena of ${arenaBytes}`)
  f.dispose()
})
