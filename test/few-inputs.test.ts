// The gradient of weights where there are few input channels: own loops over plain images, against the reference device.
import test from 'ava'
import { functional as F, manualSeed, randn, type Tensor, tidy } from '../lib/index.js'
import { relativeError } from './support/compare.js'

const values = (t: Tensor) => [...(t.dataSync() as Float32Array)]

interface Geometry {
  x: [number, number, number, number]
  filters: number
  kernel: number
  stride?: number | [number, number]
  padding?: number | [number, number]
}

/** Work enough for several threads; fewer samples than threads; images that the filter does not reach the end of; outputs that fill no vector. */
const geometries: Geometry[] = [
  { x: [64, 6, 14, 14], filters: 16, kernel: 5 },
  { x: [9, 2, 28, 31], filters: 33, kernel: 3, padding: 1 },
  { x: [1, 15, 40, 37], filters: 24, kernel: 3, stride: 2, padding: 1 },
  { x: [1, 4, 64, 64], filters: 7, kernel: 7, stride: 2, padding: 3 },
  { x: [3, 5, 23, 30], filters: 48, kernel: 7, padding: [2, 0] },
  { x: [5, 12, 17, 16], filters: 32, kernel: 5, stride: [2, 3], padding: [4, 1] },
  { x: [2, 7, 12, 50], filters: 20, kernel: 3, stride: [4, 1] },
  { x: [2, 6, 5, 5], filters: 16, kernel: 5 },
  { x: [64, 1, 32, 32], filters: 6, kernel: 5 },
]

for (const { x: shape, filters, kernel, ...options } of geometries) {
  test.serial(`[${shape}] by ${filters} filters of ${kernel}, ${JSON.stringify(options)}`, (t) => {
    manualSeed(filters)
    const inputs = tidy(() => [
      randn(shape, { device: 'cpu' }),
      randn([filters, shape[1], kernel, kernel], { device: 'cpu' }),
      randn([filters], { device: 'cpu' }),
    ])
    const dy = tidy(() => {
      const [x, weight] = inputs
      const y = F.conv2d(x!, weight!, null, options)
      return randn(y.shape, { device: 'cpu' })
    })
    const gradients = (device: 'cpu' | 'reference', bias: boolean) =>
      tidy(() => {
        const [x, weight, b] = inputs.map((each) => each.to(device).detach())
        weight!.requiresGrad_()
        b!.requiresGrad_()
        F.conv2d(x!, weight!, bias ? b! : null, options).backward({ gradient: dy.to(device) })
        return [values(weight!.grad!), ...(bias ? [values(b!.grad!)] : [])]
      })
    for (const bias of [true, false]) {
      const [actual, expected] = [gradients('cpu', bias), gradients('reference', bias)]
      for (const [i, each] of actual.entries()) {
        const error = relativeError(each, expected[i]!)
        t.true(error <= 1e-5, `${i ? 'bias' : 'weight'}: relative error ${error}`)
      }
    }
    for (const each of [...inputs, dy]) each.dispose()
  })
}
