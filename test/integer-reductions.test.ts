// Sums and products of int32 are int32; what is beyond that is told, not wrapped.
import test from 'ava'
import { devices, tensor, ValueError } from '../lib/index.js'

const most = 2 ** 31 - 1
const int = (values: readonly number[], device: string, shape = [values.length]) =>
  tensor(Int32Array.from(values), { shape, device: device as 'cpu' })

for (const { name } of devices()) {
  test.serial(`sums and products of int32 within int32, on ${name}`, async (t) => {
    const cases: [number[], 'sum' | 'prod', number][] = [
      [[most, -most, 5], 'sum', 5],
      [[most, 1, -1], 'sum', most],
      [[-most, -1], 'sum', -most - 1],
      [[65536, 32767], 'prod', 65536 * 32767],
      [[-65536, 32768], 'prod', -(2 ** 31)],
      [[most, most, most, 0], 'prod', 0],
    ]
    for (const [values, fn, expected] of cases) {
      const x = int(values, name)
      t.is(await x[fn]().item(), expected, `${fn} of ${values}`)
    }
    const rows = int([1, 2, 3, 4], name, [2, 2])
    t.deepEqual(await rows.sum(1).toArray(), [3, 7])
    t.deepEqual(await rows.prod(0).toArray(), [3, 8])
  })

  test.serial(`sums and products beyond int32 are refused, on ${name}`, async (t) => {
    const cases: [number[], 'sum' | 'prod'][] = [
      [[most, 1], 'sum'],
      [[-most, -2], 'sum'],
      [[65536, 32768], 'prod'],
      [[-65536, 32769], 'prod'],
      [[65536, 65536, 65536, 65536, 65536], 'prod'], // 2⁸⁰: 0 in 64 bits
    ]
    for (const [values, fn] of cases) {
      const y = int(values, name)[fn]()
      const error = await t.throwsAsync(() => y.item(), { instanceOf: ValueError }, `${fn} of ${values}`)
      t.true(error?.message.startsWith(`${fn}: the result is beyond int32`), error?.message)
    }
    const wide = int([most, 1], name).to('float64')
    t.is(await wide.sum().item(), 2 ** 31)
  })
}
