// Memory is deterministic: what is disposed of is free at once, long loops hold a flat curve, threads and processes end cleanly.
import { setTimeout } from 'node:timers/promises'
import test from 'ava'
import {
  devices,
  full,
  functional,
  keep,
  memory,
  nn,
  noGrad,
  OutOfMemoryError,
  ones,
  optim,
  randn,
  resetPeakMemory,
  setMemoryLimit,
  type Tensor,
  tidy,
  trimMemory,
} from '../lib/index.js'
import { native } from '../lib/native.js'
import { runFixture } from './support/child.js'
import { tellsHeap } from './support/heap.js'
import { baseline, settled } from './support/run-case.js'

const names = devices().map((device) => device.name)

test.serial('V8 is told of as much memory when tensors go as when they came', async (t) => {
  const weight = randn([17, 16, 3, 3], { device: 'cpu' })
  const x = randn([16, 16, 64, 64], { device: 'cpu' })
  const told = async () => {
    await settled('cpu')
    await setTimeout(20)
    return process.memoryUsage().external
  }
  const before = await told()
  for (let i = 0; i < 40; i++) {
    tidy(() => {
      const y = functional.conv2d(x, weight, null, { padding: 1 }) // 17 channels lie as 24
      y.reshape([-1]) // and as 17 from here
    })
  }
  const difference = ((await told()) - before) / 2 ** 20
  t.true(Math.abs(difference) < 16, `${difference} MiB`)
})

test.serial('tidy frees what is made in it, except its result and what is kept', async (t) => {
  for (const device of names) {
    const before = await baseline(device)
    const kept: Tensor[] = []
    const result = tidy(() => {
      const x = ones([10], { device })
      const y = x.add(1).mul(3)
      kept.push(keep(y.exp()))
      return { sum: tidy(() => y.sum().add(1)), list: [y.relu()] }
    })
    t.is((await settled(device)).tensors, before.tensors + 3)
    t.is(await result.sum.item(), 61)
    t.is(kept[0]!.isDisposed, false)
    for (const each of [result.sum, ...result.list, ...kept]) each.dispose()
    t.deepEqual(await settled(device), before)
  }
})

test.serial('tidy frees everything where its function throws', async (t) => {
  for (const device of names) {
    const before = await baseline(device)
    t.throws(() =>
      tidy(() => {
        ones([10], { device }).add(1)
        throw new Error('stop')
      }),
    )
    t.deepEqual(await settled(device), before)
  }
})

test.serial('using frees at the end of its block', async (t) => {
  for (const device of names) {
    const before = await baseline(device)
    let sum: Tensor
    {
      using x = ones([10], { device })
      using y = x.add(1)
      sum = y.sum()
      t.is(await sum.item(), 20)
    }
    t.is((await settled(device)).tensors, before.tensors + 1)
    sum.dispose()
    t.deepEqual(await settled(device), before)
    trimMemory(device)
  }
})

test.serial('dispose frees at once and may be called twice; views share their memory', async (t) => {
  for (const device of names) {
    const before = await baseline(device)
    const x = full([8, 8], 3, { device })
    const view = x.reshape([64])
    const other = x.detach()
    t.is((await settled(device)).tensors, before.tensors + 1)
    x.dispose()
    x.dispose()
    t.true(x.isDisposed)
    t.is((await view.data())[63], 3)
    view.dispose()
    t.is((await other.data())[63], 3)
    other.dispose()
    t.deepEqual(await settled(device), before)
  }
})

test.serial('a module call frees its intermediates, and its graph goes with its result', async (t) => {
  for (const device of names) {
    const net = new nn.Sequential(
      new nn.Conv2d(3, 8, 3, { padding: 1 }),
      new nn.BatchNorm2d(8),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Dropout(0.5),
      new nn.Flatten(),
      new nn.Linear(8 * 16, 10),
    )
    net.to(device)
    const x = randn([2, 3, 8, 8], { device })
    const warm = noGrad(() => net.forward(x))
    warm.dispose()
    const before = await baseline(device)
    const handles = native.handleCount()
    const y = noGrad(() => net.forward(x))
    t.is((await settled(device)).tensors, before.tensors + 1, `${device}: only the result stays`)
    t.is(native.handleCount(), handles + 1)
    y.dispose()
    const z = net.forward(x)
    t.is(native.handleCount(), handles + 1, 'the graph holds tensors, JavaScript one')
    t.true((await settled(device)).tensors > before.tensors + 1)
    z.dispose()
    t.deepEqual(await settled(device), before, `${device}: the graph goes with its result`)
    net.dispose()
    x.dispose()
  }
})

test.serial('a training step leaves parameters, gradients and optimizer state, and no more', async (t) => {
  for (const device of names) {
    const start = await baseline(device)
    const net = new nn.Sequential(new nn.Linear(5, 4), new nn.ReLU(), new nn.Linear(4, 2))
    net.to(device)
    const optimizer = new optim.Adam(net.parameters(), { lr: 0.01 })
    const step = () =>
      tidy(() => {
        const loss = functional.mseLoss(net.forward(randn([3, 5], { device })), ones([3, 2], { device }))
        optimizer.zeroGrad()
        loss.backward()
        optimizer.step()
      })
    step()
    const after = await settled(device)
    t.is(after.tensors - start.tensors, 4 * 4)
    for (let i = 0; i < 20; i++) step()
    t.deepEqual(await settled(device), after)
    optimizer.dispose()
    net.dispose()
    t.deepEqual(await settled(device), start)
  }
})

const links: Record<string, (y: Tensor) => Tensor> = {
  'read once': (y) => y.mul(1),
  'read and saved twice': (y) => y.mul(y),
  'read through a view': (y) => tidy(() => y.mul(y.reshape([1]))),
}

for (const [name, link] of Object.entries(links)) {
  test.serial(`a long chain of recorded ops is freed without a deep stack: each ${name}`, async (t) => {
    const before = await baseline('reference')
    const x = ones([1], { device: 'reference' }).requiresGrad_()
    let y = tidy(() => x.mul(1))
    for (let i = 0; i < 100_000; i++) {
      const next = link(y)
      y.dispose()
      y = next
    }
    y.dispose()
    x.dispose()
    t.deepEqual(await settled('reference'), before)
  })
}

test.serial('the peak is the highest live figure, and can start anew', async (t) => {
  for (const device of names) {
    const { live } = await settled(device)
    const big = full([1 << 20], 1, { device })
    big.dispose()
    t.true(memory(device).peak >= live + (4 << 20))
    resetPeakMemory(device)
    t.is(memory(device).peak, memory(device).live)
  }
})

test.serial('a large block wastes less than 2 MiB', async (t) => {
  for (const device of names) {
    const { live } = await settled(device)
    const bytes = (100 << 20) + 4 // with eight sizes for each power of two, it would be 104 MiB
    const big = full([bytes / 4], 1, { device })
    const taken = memory(device).live - live
    t.true(taken >= bytes && taken < bytes + (2 << 20), `${taken}`)
    big.dispose()
    trimMemory(device)
  }
})

test.serial(
  'a limit holds, cached memory goes back before it fails a request, and work goes on after it',
  async (t) => {
    for (const device of names) {
      trimMemory(device)
      const before = memory(device)
      t.true(before.reserved >= before.live)
      setMemoryLimit(before.reserved + (9 << 20), device)
      const sizes = [1 << 20, (1 << 20) + (1 << 19), 1 << 21]
      for (const size of sizes) full([size], 1, { device }).dispose() // 4, 6, 8 MB, one after another: none fits beside another
      t.true(memory(device).reserved <= before.reserved + (9 << 20))
      const held = full([1 << 21], 2, { device })
      t.throws(() => full([1 << 20], 1, { device }), { instanceOf: OutOfMemoryError, message: /limit/ })
      t.is((await held.data())[0], 2)
      held.dispose()
      setMemoryLimit(0, device)
      full([1 << 22], 1, { device }).dispose()
      trimMemory(device)
      t.true(memory(device).reserved <= before.reserved)
    }
  },
)

for (const device of names) {
  test.serial(`${device}: ten thousand eager steps hold a flat memory curve`, async (t) => {
    // Code that the compiler optimises late would look like a leak.
    const { code, stdout, stderr } = await runFixture('steps', [device], ['--expose-gc', '--no-opt'])
    t.is(code, 0, stderr)
    const samples = JSON.parse(stdout) as Record<string, number>[]
    const [first, last] = [samples[0]!, samples.at(-1)!]
    t.is(samples.length, 10)
    t.is(last.tensors, first.tensors)
    if (!tellsHeap) t.log('skipped: the bytes from malloc, which this C library does not tell')
    for (const figure of ['live', 'reserved', 'held']) {
      t.true(last[figure]! <= first[figure]! * 1.02, `${figure}: ${samples.map((sample) => sample[figure]).join(' ')}`)
    }
  })

  test.serial(`${device}: tensors that nobody refers to are freed by the garbage collector`, async (t) => {
    const { code, stdout, stderr } = await runFixture('garbage', [device, 'collect'], ['--expose-gc'])
    t.is(code, 0, stderr)
    const { made, left, bytes } = JSON.parse(stdout) as { made: number; left: number; bytes: number }
    t.true(made >= 500, `${made} made`)
    t.true(left <= made / 50, `${left} tensors (${bytes} bytes) left`)
  })

  test.serial(`${device}: the garbage collector feels the weight of tensors by itself`, async (t) => {
    const { code, stdout, stderr } = await runFixture('garbage', [device, 'press'])
    t.is(code, 0, stderr)
    const { peak } = JSON.parse(stdout) as { peak: number }
    t.true(peak < 1000e6, `${Math.round(peak / 1e6)} MB of 4000 MB were held at once`)
  })
}

test.serial('worker threads compute side by side, and ending them in the middle leaves nothing behind', async (t) => {
  const { code, signal, stdout, stderr } = await runFixture('workers')
  t.is(signal, null, stderr)
  t.is(code, 0, stderr)
  const { before, after } = JSON.parse(stdout) as { before: number[]; after: number[] }
  t.true(
    after.every((tensors, i) => tensors - before[i]! <= 2),
    `tensors before ${before}, after ${after}`,
  )
})

for (const device of ['cpu', 'reference']) {
  for (const kind of ['flood', 'steps', 'sync', 'compiled']) {
    test.serial(`${device}: busy workers leave the others their time (${kind})`, async (t) => {
      const { code, signal, stdout, stderr, ended } = await runFixture('busy-workers', [device, kind])
      t.is(signal, null, stderr)
      t.is(code, 0, stderr)
      const { times, isRefused } = JSON.parse(stdout.split('\n')[0]!) as {
        times: Record<string, number>
        isRefused: boolean
      }
      t.true(isRefused)
      times.exit = ended! - Number(/^at (\d+)$/m.exec(stdout)![1])
      t.log(times)
      // Each takes less than a second; on a crowded machine some more.
      for (const [what, took] of Object.entries(times)) t.true(took < 4000, `${what} took ${took} ms`)
    })
  }
}
