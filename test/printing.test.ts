// What console.log shows of a tensor: PyTorch's text of the values, then type, shape and device.
import { inspect } from 'node:util'
import test from 'ava'
import { compile, type DType, functional, nn, type Tensor, tensor, zeros } from '../lib/index.js'
import { goldenJson } from './support/golden-json.js'

const { cases } = goldenJson<{ cases: Record<string, { dtype: DType; shape: number[]; text: string }> }>(
  'printing.json',
)

const waves = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.7))
const counted = (count: number) => Int32Array.from({ length: count }, (_, i) => i)

/** The values of the cases of golden/printing.py that are not waves, or counted. */
const values: Record<string, number[]> = {
  'a scalar': [3.5],
  'a whole scalar': [-2],
  'a vector of whole numbers': [1, -20, 300],
  'small and large': [1e-5, 1, 2.5],
  'whole and large': [1, 20000],
  large: [123456789, 3e9],
  'very small': [1.5e-12, 0],
  'not finite': [Number.NaN, Infinity, -Infinity, 1.5],
  'nothing finite': [Number.NaN, Infinity],
  zeros: [0, 0, 0, 0, 0, 0],
  'negative zero': [-0, 1.5],
  'negative integers': [-4, -3, -2, -1, 0, 1],
  bytes: [0, 17, 255],
  bool: [1, 0, 0, 1],
  float64: [0.123456789, 12],
  nothing: [],
  'no rows': [],
}

for (const [name, { dtype, shape, text }] of Object.entries(cases)) {
  test(`${name} is printed as PyTorch prints it`, (t) => {
    const size = shape.reduce((product, length) => product * length, 1)
    const data = values[name] ?? (dtype === 'int32' ? counted(size) : waves(size))
    using x = tensor(dtype === 'bool' ? (data as number[]).map(Boolean) : data, { shape, dtype })
    t.is(inspect(x), `tensor(${text}, ${dtype}[${shape.join(', ')}] on cpu)`)
  })
}

test('half types, gradients and devices are shown', (t) => {
  using x = tensor([1, 2.5], { dtype: 'bfloat16', device: 'reference' })
  t.is(inspect(x), 'tensor([1.0000, 2.5000], bfloat16[2] on reference)')
  using weight = new nn.Parameter(tensor([1, 2]))
  t.is(inspect(weight), 'tensor([1., 2.], float32[2] on cpu, requiresGrad)')
  using doubled = weight.mul(2)
  t.is(inspect(doubled), 'tensor([2., 4.], float32[2] on cpu, requiresGrad)')
})

test('only a tensor that is printed by itself waits for its values', (t) => {
  using x = tensor([1, 2])
  t.is(inspect({ x }), '{ x: Tensor(float32[2] on cpu) }')
  t.is(inspect([x]), '[ Tensor(float32[2] on cpu) ]')
  t.is(`${x}`, 'Tensor(float32[2] on cpu)')
})

test('a tensor without values says why', (t) => {
  const x = tensor([1, 2])
  x.dispose()
  t.is(inspect(x), 'Tensor(disposed)')
  using logp = zeros([1, 2])
  using lost = functional.nllLoss(logp, tensor([7], { dtype: 'int32' }))
  t.regex(inspect(lost), /^Tensor\(float32\[\] on cpu\) without values: nllLoss: target 7/)
  let text = ''
  const step = compile((y: Tensor) => {
    text = inspect(y)
    return y.mul(2)
  })
  using y = zeros([2])
  step(y).dispose()
  t.is(text, 'Tensor(float32[2] on cpu) without values: a function is being recorded')
  step.dispose()
})
