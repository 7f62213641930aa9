// Bad input of every kind: a typed error with a clear message, no crash, no leaked byte, and the next op works.
import test, { type ExecutionContext } from 'ava'
import * as cudnn from '../lib/index.js'
import { full, ones, tensor, tidy } from '../lib/index.js'
import { native } from '../lib/native.js'
import type { DeviceName } from '../types/dtype.js'
import { badCases } from './bad-input.cases.js'
import type { BadCase } from './support/bad-input.js'
import { tools } from './support/bad-input.js'
import { testedDevices } from './support/devices.js'
import { baseline, settled } from './support/run-case.js'

const classes = cudnn as unknown as { [name: string]: new (...args: never[]) => Error }
const names = testedDevices().map((device) => device.name)

async function caught(each: BadCase, device: DeviceName): Promise<unknown> {
  let y: cudnn.Tensor | undefined
  try {
    y = tidy(() => each.run(tools(device))) as cudnn.Tensor | undefined
    if (each.when === 'later') await y!.data()
  } catch (error) {
    return error
  } finally {
    if (y instanceof cudnn.Tensor) y.dispose()
  }
  return undefined
}

function check(t: ExecutionContext, each: BadCase, error: unknown, device: DeviceName): void {
  const wanted = [each.error].flat()
  const found = error instanceof Error ? `${error.constructor.name}: ${error.message}` : String(error)
  t.true(
    wanted.some((name) => error instanceof classes[name]!),
    `${device}: expected ${wanted.join(' or ')}, got ${found}`,
  )
  const message = error instanceof Error ? error.message.toLowerCase() : ''
  const unsaid = each.says.filter((words) => !message.includes(words.toLowerCase()))
  t.deepEqual(unsaid, [], `${device}: the message lacks ${unsaid.join(' and ')}: ${found}`)
}

for (const each of badCases) {
  test.serial(each.name, async (t) => {
    for (const device of names) {
      const before = await baseline(device)
      check(t, each, await caught(each, device), device)
      const after = await settled(device)
      t.deepEqual(after, before, `${device}: memory`)
      const sum = tidy(() => ones([2, 3], { device }).add(1).sum())
      t.is(await sum.item(), 12, `${device}: the next op`)
      sum.dispose()
    }
  })
}

test.serial('tensors of two devices do not mix', (t) => {
  const a = full([3], 1, { device: 'cpu' })
  const b = full([3], 1, { device: 'reference' })
  const error = t.throws(() => a.add(b), { instanceOf: cudnn.DeviceError })
  for (const word of ['cpu', 'reference', 'to(']) t.true(error?.message.includes(word), error?.message)
  const target = full([3], 2, { device: 'cpu' })
  target.copy_(b)
  t.deepEqual([...target.dataSync()], [1, 1, 1])
  for (const each of [a, b, target]) each.dispose()
})

test.serial('float64 computes on every device of this machine as on reference', (t) => {
  const values = Float64Array.from([1, 2, 3])
  for (const device of names.filter((name) => !name.startsWith('cuda'))) {
    const x = tensor(values, { device })
    const y = x.exp()
    t.is(y.dtype, 'float64')
    t.deepEqual([...y.dataSync()], [...values].map(Math.exp))
    x.dispose()
    y.dispose()
  }
})

test.serial('an out-of-memory error carries its figures', (t) => {
  for (const device of names) {
    cudnn.trimMemory(device)
    const { reserved } = cudnn.memory(device)
    cudnn.setMemoryLimit(reserved + 4096, device)
    const error = t.throws(() => full([1 << 20], 1, { device }), { instanceOf: cudnn.OutOfMemoryError })
    cudnn.setMemoryLimit(0, device)
    const { requested, limit, live, peak } = (error as cudnn.OutOfMemoryError).figures
    t.is(requested, 4 << 20)
    t.is(limit, reserved + 4096)
    t.true(live <= reserved && peak >= live)
    const x = full([1 << 20], 1, { device })
    t.is(x.size, 1 << 20)
    x.dispose()
  }
})

test.serial('a failure is told once, and what follows works', async (t) => {
  for (const device of names) {
    const x = full([3, 4], 1, { device })
    const index = tensor([9], { dtype: 'int32', device })
    const y = x.indexSelect(0, index)
    const z = y.relu()
    await t.throwsAsync(() => z.data(), { instanceOf: cudnn.ValueError, message: /indexSelect/ })
    const sum = x.sum()
    t.is(await sum.item(), 12)
    for (const each of [x, index, y, z, sum]) each.dispose()
  }
})

test.serial('a getter that throws passes its own error on', (t) => {
  const x = full([3], 1, { device: 'reference' })
  const dims = Object.defineProperty([0], 0, {
    get() {
      throw new RangeError('from the getter')
    },
  })
  t.throws(() => cudnn.functional.permute(x, dims), { message: /from the getter/ })
  t.throws(() => native.ops.permute(x.handle, dims), { instanceOf: RangeError, message: /from the getter/ })
  t.throws(() => native.ops.concat(dims, 0), { instanceOf: RangeError, message: /from the getter/ })
  t.is(x.sum().itemSync(), 3)
})
