// Convolutions and matrix products by own kernels alone, as a build without oneDNN computes them: the op suite's cases, and many geometries against the
// reference device. The switch is read when the cpu device is opened, so nothing of the library is imported before it is set.
process.env.NODE_CUDNN_ONEDNN = 'off'

const { default: test } = await import('ava')
const { compile, devices, functional: F, manualSeed, noGrad, randn, tidy } = await import('../lib/index.js')
const { cases } = await import('./ops.cases.js')
const { relativeError } = await import('./support/compare.js')
const { testOps } = await import('./support/op-suite.js')

test.serial('the device says that it computes by own kernels', (t) => {
  const cpu = devices().find(({ name }) => name === 'cpu')
  t.regex(cpu?.description ?? '', /^own kernels/)
})

testOps(cases.filter(({ family }) => family === 'conv' || family === 'linear'))

interface Options {
  stride?: number | number[]
  padding?: number | number[]
  dilation?: number | number[]
  groups?: number
}

interface Geometry extends Options {
  x: number[]
  filters: number
  kernel: number[]
}

/** Channels that fill blocks of 8 and 16, and such that do not; more threads than samples; bands of rows, pieces of rows; strides that leave out inputs. */
const geometries: Geometry[] = [
  { x: [1, 16, 30, 31], filters: 32, kernel: [3, 3], padding: 1 },
  { x: [3, 3, 65, 70], filters: 48, kernel: [7, 7], stride: 2, padding: 3 },
  { x: [2, 24, 17, 19], filters: 40, kernel: [1, 1], stride: 2 },
  { x: [1, 64, 9, 9], filters: 80, kernel: [3, 3], padding: 1, dilation: 2 },
  { x: [2, 20, 14, 15], filters: 13, kernel: [3, 5], stride: [3, 2], padding: [2, 1] },
  { x: [2, 32, 23, 21], filters: 32, kernel: [3, 3], stride: 2, padding: 1, groups: 32 },
  { x: [1, 48, 12, 60], filters: 48, kernel: [5, 3], padding: [2, 1], groups: 48 },
  { x: [2, 12, 10, 10], filters: 24, kernel: [3, 3], padding: 1, groups: 12 },
  { x: [2, 32, 11, 12], filters: 64, kernel: [3, 3], padding: 1, groups: 2 },
  { x: [2, 32, 11, 12], filters: 32, kernel: [3, 3], padding: 1, groups: 8 },
  { x: [1, 16, 5, 700], filters: 16, kernel: [3, 9], padding: [1, 4] },
  { x: [1, 320, 12, 12], filters: 96, kernel: [3, 3], padding: 1 },
  { x: [5, 16, 33], filters: 8, kernel: [4], stride: 2, padding: 1 },
  { x: [1, 8, 3000], filters: 24, kernel: [11], padding: 5, dilation: 3 },
  { x: [2, 8, 6, 7, 8], filters: 16, kernel: [3, 2, 3], stride: [2, 1, 2], padding: [1, 0, 1] },
  { x: [1, 3, 5, 9, 9], filters: 10, kernel: [2, 3, 3], padding: 1 },
  { x: [2, 16, 8, 8], filters: 16, kernel: [1, 1], stride: 5 },
  { x: [1, 512, 7, 7], filters: 64, kernel: [3, 3], padding: 1 },
]

const convolve = { 3: F.conv1d, 4: F.conv2d, 5: F.conv3d } as Record<number, typeof F.conv2d>

for (const { x: shape, filters, kernel, ...given } of geometries) {
  const options = given as { stride?: number; padding?: number; dilation?: number; groups?: number }
  test.serial(`[${shape}] by ${filters} filters of [${kernel}], ${JSON.stringify(options)}`, async (t) => {
    manualSeed(filters)
    const conv = convolve[shape.length]!
    const channels = shape[1]! / (options.groups ?? 1)
    const inputs = tidy(() => {
      const x = randn(shape, { device: 'cpu' })
      const weight = randn([filters, channels, ...kernel], { device: 'cpu' })
      const y = conv(x, weight, null, options)
      return [
        x,
        weight,
        randn([filters], { device: 'cpu' }),
        randn(y.shape, { device: 'cpu' }),
        randn(y.shape, { device: 'cpu' }),
      ]
    })
    const results = async (device: 'cpu' | 'reference', isCompiled: boolean) => {
      const own = inputs.map((each) => each.to(device).detach())
      for (const each of own.slice(0, 3)) each.requiresGrad_()
      const pass = () => {
        const [x, weight, bias, residual, dy] = own
        conv(x!, weight!, bias!, options).backward({ gradient: dy! })
        const [y, rectified] = noGrad(() => [
          conv(x!, weight!, bias!, options),
          F.relu(conv(x!, weight!, bias!, options).add(residual!)),
        ])
        return [y!, rectified!, x!.grad!, weight!.grad!, bias!.grad!]
      }
      const step = isCompiled ? compile(pass) : pass
      const made = tidy(() => step())
      const data = await Promise.all(made.map(async (each) => [...((await each.data()) as Float32Array)]))
      for (const each of [...made, ...own]) each.dispose()
      return data
    }
    const expected = await results('reference', false)
    for (const isCompiled of [false, true]) {
      const actual = await results('cpu', isCompiled)
      for (const [i, name] of ['y', 'relu(y + residual)', 'dx', 'dw', 'db'].entries()) {
        const error = relativeError(actual[i]!, expected[i]!)
        t.true(error <= 1e-5, `${isCompiled ? 'compiled' : 'eager'} ${name}: relative error ${error}`)
      }
    }
    for (const each of inputs) each.dispose()
  })
}

/** [M, K, N]: sizes that fill no block, one of several chunks of each, and vectors. */
const products = [
  [7, 9, 11],
  [1, 300, 40],
  [97, 257, 19],
  [130, 600, 530],
  [33, 8, 1],
  [5, 1, 7],
]
for (const [m, k, n] of products as [number, number, number][]) {
  test.serial(`linear and its gradients, [${m}, ${k}] by [${k}, ${n}]`, async (t) => {
    manualSeed(k)
    const inputs = tidy(() => [[m, k], [n, k], [n], [m, n]].map((shape) => randn(shape, { device: 'cpu' })))
    const results = async (device: 'cpu' | 'reference') => {
      const own = inputs.map((each) => each.to(device).detach())
      for (const each of own.slice(0, 3)) each.requiresGrad_()
      const [x, weight, bias, dy] = own
      const y = tidy(() => {
        const y = F.linear(x!, weight!, bias!)
        y.backward({ gradient: dy! })
        return y
      })
      const made = [y, x!.grad!, weight!.grad!, bias!.grad!]
      const data = await Promise.all(made.map(async (each) => [...((await each.data()) as Float32Array)]))
      for (const each of [...made, ...own]) each.dispose()
      return data
    }
    const [actual, expected] = [await results('cpu'), await results('reference')]
    for (const [i, name] of ['y', 'dx', 'dw', 'db'].entries()) {
      const error = relativeError(actual[i]!, expected[i]!)
      t.true(error <= 1e-5, `${name}: relative error ${error}`)
    }
    for (const each of inputs) each.dispose()
  })
}
