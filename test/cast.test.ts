// Element types: every half-precision number survives the way there and back, all else rounds to nearest even; whole numbers
// truncate and saturate.
import test from 'ava'
import { devices, functional, tensor, tidy } from '../lib/index.js'
import type { DeviceName, DType } from '../types/dtype.js'

const names = devices().map((device) => device.name)

/** The value of 16 bits with so many bits of exponent. */
function decode(bits: number, exponentBits: number): number {
  const mantissaBits = 15 - exponentBits
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> mantissaBits) & ((1 << exponentBits) - 1)
  const mantissa = (bits & ((1 << mantissaBits) - 1)) / 2 ** mantissaBits
  const bias = 2 ** (exponentBits - 1) - 1
  if (exponent === (1 << exponentBits) - 1) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (exponent === 0 ? mantissa * 2 ** (1 - bias) : (1 + mantissa) * 2 ** (exponent - bias))
}

function cast(values: ArrayLike<number>, from: DType, to: DType, device: DeviceName): number[] {
  return tidy(() => {
    const x = tensor(Float64Array.from(values), { dtype: from, device })
    return [...x.to(to).dataSync()]
  })
}

const halves = [
  ['float16', 5],
  ['bfloat16', 8],
] as const

for (const device of names) {
  for (const [dtype, exponentBits] of halves) {
    test(`${device}: every ${dtype} survives the way from float32 and back`, (t) => {
      const values = Array.from({ length: 65536 }, (_, bits) => decode(bits, exponentBits))
      const back = cast(values, 'float32', dtype, device)
      const lost = values.filter((value, i) => !Object.is(value, back[i]))
      t.deepEqual(lost, [])
    })

    test(`${device}: float32 rounds to the nearest ${dtype}, ties to even`, (t) => {
      const infinity = ((1 << exponentBits) - 1) << (15 - exponentBits)
      const middles: number[] = []
      const expected: number[] = []
      for (let bits = 0; bits + 1 < infinity; bits++) {
        const [low, high] = [decode(bits, exponentBits), decode(bits + 1, exponentBits)]
        const middle = (low + high) / 2
        const quarter = (high - low) / 4
        middles.push(middle, middle - quarter, middle + quarter, -middle)
        const even = bits % 2 === 0 ? low : high
        expected.push(even, low, high, -even)
      }
      const exact = middles.map((value) => Math.fround(value) === value)
      const found = cast(middles, 'float32', dtype, device)
      const wrong = middles.filter((_, i) => exact[i] && !Object.is(found[i], expected[i]))
      t.true(exact.filter(Boolean).length > middles.length * 0.9)
      t.deepEqual(wrong, [])
    })
  }

  test(`${device}: what is too large for float16 becomes infinite`, (t) => {
    const found = cast([65504, 65519, 65520, 1e6, -1e6, 1e-8, -1e-8], 'float32', 'float16', device)
    t.deepEqual(found, [65504, 65504, Infinity, Infinity, -Infinity, 0, -0])
  })

  test(`${device}: whole numbers truncate towards zero and saturate`, (t) => {
    const values = [2.9, -2.9, 0.5, -0.5, 3e9, -3e9, 300, -5]
    const most = 2147483647
    t.deepEqual(cast(values, 'float32', 'int32', device), [2, -2, 0, 0, most, -most - 1, 300, -5])
    t.deepEqual(cast(values, 'float32', 'uint8', device), [2, 0, 0, 0, 255, 0, 255, 0])
    t.deepEqual(cast([0, -0, 0.25, -3], 'float32', 'bool', device), [0, 0, 1, 1])
    t.deepEqual(cast([0, 1, 255], 'uint8', 'float32', device), [0, 1, 255])
    t.deepEqual(cast([16777217, -5], 'int32', 'float32', device), [16777216, -5])
    t.deepEqual(cast([1, 0], 'bool', 'int32', device), [1, 0])
    for (const infinite of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      t.deepEqual(cast([infinite], 'float32', 'int32', device), [infinite > 0 ? most : -most - 1])
    }
    t.is(cast([Number.NaN], 'float32', 'int32', device).length, 1) // any number, but no crash
  })

  test(`${device}: a gradient goes back through a conversion in its own type`, (t) => {
    const [dtype, values] = tidy(() => {
      const x = tensor([1, 2, 3], { device }).requiresGrad_()
      functional.cast(x, 'bfloat16').to('float32').mul(3).sum().backward()
      return [x.grad!.dtype, [...x.grad!.dataSync()]] as const
    })
    t.is(dtype, 'float32')
    t.deepEqual(values, [3, 3, 3])
  })
}
