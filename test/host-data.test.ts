// What tensor() makes of JavaScript's data: every kind of array, of any realm, and refusals of what does not fit.
import vm from 'node:vm'
import test from 'ava'
import {
  arange,
  DTypeError,
  eye,
  full,
  linspace,
  OutOfMemoryError,
  ones,
  onesLike,
  rand,
  randint,
  randn,
  randperm,
  ShapeError,
  type Tensor,
  tensor,
  ValueError,
  zeros,
  zerosLike,
} from '../lib/index.js'
import { native } from '../lib/native.js'

const foreign = (code: string) => vm.runInNewContext(code) as never
const data = (value: unknown, options = {}) => {
  using x = tensor(value as never, options)
  return [x.dtype, [...x.shape], [...x.dataSync()]]
}

test('typed arrays of another realm are what they are here', (t) => {
  t.deepEqual(data(foreign('Float32Array.of(1.5, 2.5)')), ['float32', [2], [1.5, 2.5]])
  t.deepEqual(data(foreign('Float64Array.of(0.1)')), ['float64', [1], [0.1]])
  t.deepEqual(data(foreign('Uint8Array.of(255)')), ['uint8', [1], [255]])
  t.deepEqual(data(foreign('Uint8ClampedArray.of(7)')), ['uint8', [1], [7]])
  t.deepEqual(data(foreign('Int16Array.of(-7)')), ['int32', [1], [-7]])
  t.deepEqual(data(foreign('[[1, 2], [3, 4.5]]')), ['float32', [2, 2], [1, 2, 3, 4.5]])
  t.deepEqual(data(foreign('[Float64Array.of(1, 2)]')), ['float64', [1, 2], [1, 2]])
})

test('numbers that an integer type cannot hold are refused', (t) => {
  const big = 2n ** 40n
  const refused: [unknown, object?][] = [
    [Uint32Array.of(4294967295)],
    [BigInt64Array.of(big)],
    [BigUint64Array.of(2n ** 63n)],
    [[3e9], { dtype: 'int32' }],
    [[[1], [-2147483649]], { dtype: 'int32' }],
    [[Number.NaN], { dtype: 'int32' }],
    [Float64Array.of(Number.POSITIVE_INFINITY), { dtype: 'int32' }],
    [[256], { dtype: 'uint8' }],
    [[-1], { dtype: 'uint8' }],
    [Int8Array.of(-1), { dtype: 'uint8' }],
    [3e9, { dtype: 'int32' }],
  ]
  for (const [value, options] of refused) {
    t.throws(() => data(value, options), {
      instanceOf: ValueError,
      message: /^tensor: element \d+ is .*, expected (int32|uint8)/,
    })
  }
  t.throws(() => full([2], 3e9, { dtype: 'int32' }), { instanceOf: ValueError })
  t.throws(() => arange(2147483646, 2147483650, { dtype: 'int32' }), { instanceOf: ValueError })
  t.throws(() => randint(0, 3e9, [2]), { instanceOf: ValueError })
})

test('numbers that fit are taken as PyTorch takes them', (t) => {
  t.deepEqual(data(Uint32Array.of(2147483647)), ['int32', [1], [2147483647]])
  t.deepEqual(data(Uint32Array.of(4294967295), { dtype: 'float64' }), ['float64', [1], [4294967295]])
  t.deepEqual(data(BigInt64Array.of(-5n)), ['int32', [1], [-5]])
  t.deepEqual(data(BigInt64Array.of(2n ** 40n), { dtype: 'float32' }), ['float32', [1], [2 ** 40]])
  // torch.tensor([1.5, -1.5], dtype=torch.int32) cuts off.
  t.deepEqual(data([1.5, -1.5], { dtype: 'int32' }), ['int32', [2], [1, -1]])
  t.deepEqual(data([-2147483648, 2147483647], { dtype: 'int32' }), ['int32', [2], [-2147483648, 2147483647]])
  t.deepEqual(data([Number.NaN, 0, 2], { dtype: 'bool' }), ['bool', [3], [1, 0, 1]])
  t.deepEqual(data([1e39, 7e4], { dtype: 'float16' }), [
    'float16',
    [2],
    [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
  ])
  t.deepEqual(data([-0]), ['float32', [1], [-0]])
  t.deepEqual(data(arange(0, 5, { step: 0.5 }).dataSync()), ['float32', [10], [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5]])
})

test('the type follows from all elements, not from the first', (t) => {
  t.deepEqual(data([true, 2]), ['float32', [2], [1, 2]])
  t.deepEqual(data([[true], [0.5]]), ['float32', [2, 1], [1, 0.5]])
  t.deepEqual(data([[true], [false]]), ['bool', [2, 1], [1, 0]])
  t.deepEqual(data([]), ['float32', [0], []])
  t.deepEqual(data([Uint8Array.of(1), Uint8Array.of(2)]), ['uint8', [2, 1], [1, 2]])
  t.deepEqual(data([Uint8Array.of(1), [0.5]]), ['float32', [2, 1], [1, 0.5]])
  t.deepEqual(data(Buffer.from([1, 255])), ['uint8', [2], [1, 255]])
  const shared = new Float32Array(new SharedArrayBuffer(8))
  shared[1] = 2
  t.deepEqual(data(shared), ['float32', [2], [0, 2]])
  const Half = (globalThis as { Float16Array?: { of(...values: number[]): unknown } }).Float16Array
  if (Half) t.deepEqual(data(Half.of(1.5)), ['float16', [1], [1.5]])
})

test('what is no data is refused with a typed error', (t) => {
  const itself: unknown[] = []
  itself.push(itself)
  const detached = new Float32Array(4)
  structuredClone(detached.buffer, { transfer: [detached.buffer] })
  const buffer = new (ArrayBuffer as new (length: number, options: object) => ArrayBuffer)(16, { maxByteLength: 32 })
  const outside = new Float32Array(buffer, 8, 2)
  ;(buffer as unknown as { resize(length: number): void }).resize(8)
  const values = [
    null,
    undefined,
    'x',
    Symbol('x'),
    1n,
    {},
    () => 1,
    new DataView(new ArrayBuffer(8)),
    new ArrayBuffer(8),
  ]
  // biome-ignore lint/suspicious/noSparseArray: a hole is what is tried
  const elements = [[1, , 3], [null], ['1'], [1n], [Symbol('x')], [{}], [Promise.resolve(1)]]
  for (const value of [...values, new SharedArrayBuffer(8), ...elements, detached, outside, Promise.resolve(1)]) {
    t.throws(() => data(value), { instanceOf: ValueError, message: /^tensor: / })
  }
  const row = new Array(1e6).fill(0)
  const shapes = [
    itself,
    [1, [2]],
    [[1], [2, 3]],
    [Float32Array.of(1, 2), [3]],
    [[[[[[[[[1]]]]]]]]],
    new Array(1e6).fill(row),
  ]
  for (const value of shapes) t.throws(() => data(value), { instanceOf: ShapeError, message: /^tensor: / })
  t.throws(() => data([1], { shape: [1.5] }), { instanceOf: ValueError })
  t.throws(() => data([1], { shape: [-1] }), { instanceOf: ShapeError })
  t.throws(() => data([1], { dtype: 'int64' }), { instanceOf: DTypeError })
  t.throws(() => data([1], { requiresGradient: true }), { instanceOf: ValueError, message: /'requiresGrad'/ })
  t.throws(() => arange(2 ** 46), { instanceOf: OutOfMemoryError })
})

test('wide ranges of whole numbers stay within their bounds', (t) => {
  using wide = randint(-(2 ** 31), 2 ** 31, [20000])
  const values = wide.dataSync()
  t.true(Math.min(...values) < -2e9 && Math.max(...values) > 2e9)
  // Neighbours occur: one draw of 24 bits would give multiples of 256 alone.
  t.true(new Set([...values].map((value) => value & 255)).size > 200)
  using top = randint(2 ** 31 - 3, 2 ** 31, [2000])
  t.deepEqual([...new Set(top.dataSync())].sort(), [2 ** 31 - 3, 2 ** 31 - 2, 2 ** 31 - 1])
})

test.serial('a tensor that is made leaves one handle, and one that cannot be made leaves none', (t) => {
  using like = zeros([2])
  const makers: (() => Tensor)[] = [
    () => tensor([1, 2]),
    () => tensor([1, 2], { dtype: 'bfloat16', requiresGrad: true }),
    () => full([2], 3),
    () => zeros([2]),
    () => ones([2]),
    () => zerosLike(like),
    () => onesLike(like),
    () => arange(5),
    () => linspace(0, 1, 5),
    () => eye(3),
    () => rand([2]),
    () => randn([2]),
    () => randperm(5),
    () => randint(0, 10, [4]),
    () => randint(0, 2 ** 30, [4]),
  ]
  for (const make of makers) {
    const before = native.handleCount()
    const made = make()
    t.is(native.handleCount(), before + 1, `${make}`)
    made.dispose()
    t.is(native.handleCount(), before, `${make}`)
  }
  const before = native.handleCount()
  t.throws(() => tensor([1], { dtype: 'int32', requiresGrad: true }), { instanceOf: DTypeError })
  t.throws(() => zeros([1], { dtype: 'uint8', requiresGrad: true }), { instanceOf: DTypeError })
  t.is(native.handleCount(), before)
})
