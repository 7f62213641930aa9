// Depthwise separable against standard convolution: the multiplications of both counted by loops that count as they
// multiply, the formula for any size, what the cheaper one cannot express, and how much of it is seen on the clock.
import { functional, manualSeed, nn, noGrad, randn, type Tensor, tidy } from '../lib/index.js'
import { lineChart } from './support/charts.js'
import { experiment, type Lab } from './support/experiment.js'

/** A convolution without padding, stride 1: inputs C×H×W, kernels k×k, O outputs. */
interface Size {
  readonly height: number
  readonly width: number
  readonly inputs: number
  readonly kernel: number
  readonly outputs: number
}

/** [batch, height = width, inputs, outputs], as they occur in networks. */
const real = [
  [1, 112, 32, 64],
  [1, 28, 256, 256],
  [16, 56, 64, 128],
  [16, 28, 128, 256],
  [16, 14, 512, 512],
] as const

/** Multiplies and counts. */
class Counter {
  multiplications = 0
  multiply(a: number, b: number): number {
    this.multiplications++
    return a * b
  }
}

type Read = ArrayLike<number>

/** x [C, H, W], w [O, C, k, k] → [O, H−k+1, W−k+1]: each output sees all channels through k×k windows. */
function standard(x: Read, w: Read, size: Size, counter: Counter): number[] {
  const { height, width, inputs, kernel, outputs } = size
  const y: number[] = []
  for (let o = 0; o < outputs; o++) {
    for (let top = 0; top + kernel <= height; top++) {
      for (let left = 0; left + kernel <= width; left++) {
        let sum = 0
        for (let c = 0; c < inputs; c++) {
          for (let i = 0; i < kernel; i++) {
            for (let j = 0; j < kernel; j++) {
              const pixel = x[(c * height + top + i) * width + left + j]!
              sum += counter.multiply(pixel, w[((o * inputs + c) * kernel + i) * kernel + j]!)
            }
          }
        }
        y.push(sum)
      }
    }
  }
  return y
}

/** x [C, H, W], depthwise w [C, 1, k, k], pointwise p [O, C, 1, 1]: one window a channel, then a sum over channels. */
function separable(
  x: Read,
  w: Read,
  p: Read,
  size: Size,
  [depthwise, pointwise]: readonly [Counter, Counter],
): number[] {
  const { height, width, inputs, kernel, outputs } = size
  const plane = height * width
  const between = Array.from({ length: inputs }, (_, c) => {
    const channel = Array.from({ length: plane }, (_, i) => x[c * plane + i]!)
    const window = Array.from({ length: kernel * kernel }, (_, i) => w[c * kernel * kernel + i]!)
    return standard(channel, window, { ...size, inputs: 1, outputs: 1 }, depthwise)
  }).flat()
  const [rows, columns] = [height - kernel + 1, width - kernel + 1]
  return standard(between, p, { height: rows, width: columns, inputs, kernel: 1, outputs }, pointwise)
}

await experiment(
  import.meta.url,
  {
    title: 'Depthwise separable convolution',
    question: 'What does it save to convolve each channel by itself and mix the channels afterwards?',
    fullMinutes: 0.5,
  },
  async (lab) => {
    manualSeed(1)
    await countOne(lab)
    countAny(lab)
    await whatIsLost(lab)
    await onTheClock(lab)
  },
)

/** Both by formula: positions · k² · C · O, and positions · (k² · C + C · O). */
function byFormula({ height, width, inputs, kernel, outputs }: Size): { standard: number; separable: number } {
  const positions = (height - kernel + 1) * (width - kernel + 1)
  return {
    standard: positions * kernel ** 2 * inputs * outputs,
    separable: positions * (kernel ** 2 * inputs + inputs * outputs),
  }
}

/** As layers: depthwise is `groups` = channels, pointwise is a 1×1 convolution. */
function layers({ inputs, kernel, outputs }: Size, options: nn.ConvModuleOptions = {}) {
  const [depthwise, pointwise] = [
    new nn.Conv2d(inputs, inputs, kernel, { ...options, groups: inputs, bias: false }),
    new nn.Conv2d(inputs, outputs, 1, { bias: false }),
  ]
  return {
    standard: new nn.Conv2d(inputs, outputs, kernel, { ...options, bias: false }),
    separable: new nn.Sequential(depthwise, pointwise),
    depthwise,
    pointwise,
  }
}

/** A picture of 6×6 with three channels, a window of 3×3, five outputs: small enough to count along. */
async function countOne(lab: Lab): Promise<void> {
  const size: Size = { height: 6, width: 6, inputs: 3, kernel: 3, outputs: 5 }
  const net = layers(size)
  using x = randn([1, 3, 6, 6])
  const [whole, parted] = noGrad(() => [net.standard.forward(x), net.separable.forward(x)] as const)
  const [counter, depthwise, pointwise] = [new Counter(), new Counter(), new Counter()]
  const y = standard(await x.data(), await net.standard.weight.data(), size, counter)
  const z = separable(await x.data(), await net.depthwise.weight.data(), await net.pointwise.weight.data(), size, [
    depthwise,
    pointwise,
  ])
  const cheaper = depthwise.multiplications + pointwise.multiplications
  const count = (n: number) => n.toLocaleString('en')
  lab.print('3×6×6 → 5×4×4, window 3×3:')
  lab.table(
    ['convolution', 'multiplications', 'weights'],
    [
      [
        'standard',
        `4·4 positions · 3·3·3 · 5 = ${count(counter.multiplications)}`,
        `5 · 3·3·3 = ${net.standard.weight.size}`,
      ],
      [
        'depthwise',
        `4·4 positions · 3·3 · 3 = ${count(depthwise.multiplications)}`,
        `3 · 3·3 = ${net.depthwise.weight.size}`,
      ],
      [
        'pointwise',
        `4·4 positions · 3 · 5 = ${count(pointwise.multiplications)}`,
        `5 · 3 = ${net.pointwise.weight.size}`,
      ],
    ],
  )
  const formula = byFormula(size)
  lab.check(
    'the standard convolution multiplies 2,160 times',
    counter.multiplications === 2160,
    `counted ${count(counter.multiplications)}`,
  )
  lab.check('the separable one 672 times: 432 + 240', cheaper === 672, `counted ${count(cheaper)}`)
  lab.check('so does the formula say', formula.standard === 2160 && formula.separable === 672)
  const summed = [net.standard, net.separable].map((layer) => nn.summary(layer, x.shape).multiplyAdds)
  lab.check('and nn.summary', summed.join() === '2160,672', summed.map(count).join(' and '))
  lab.close('the counting loops compute what conv2d computes', y, await whole.data(), 1e-5)
  lab.close('and what conv2d with groups and a 1×1 convolution compute', z, await parted.data(), 1e-5)
  lab.figure('2,160 → 672', 'multiplications for 3×6×6, window 3×3, 5 outputs')
  for (const tensor of [whole, parted]) tensor.dispose()
  lab.print()
}

/** The share that is left: (k²·C + C·O) / (k²·C·O) = 1/O + 1/k², whatever the picture and its channels. */
function countAny(lab: Lab): void {
  const random = lab.random(3)
  const draw = (low: number, high: number) => low + Math.floor(random() * (high - low + 1))
  const sizes = Array.from({ length: 40 }, (): Size => {
    const kernel = draw(1, 5)
    return { kernel, height: kernel + draw(0, 6), width: kernel + draw(0, 6), inputs: draw(1, 6), outputs: draw(1, 8) }
  })
  const zeros = new Float32Array(10_000)
  const wrong = sizes.filter((size) => {
    const [counter, cheaper] = [new Counter(), new Counter()]
    standard(zeros, zeros, size, counter)
    separable(zeros, zeros, zeros, size, [cheaper, cheaper])
    const formula = byFormula(size)
    const share = 1 / size.outputs + 1 / size.kernel ** 2
    const isShare = Math.abs(cheaper.multiplications / counter.multiplications - share) < 1e-12
    return formula.standard !== counter.multiplications || formula.separable !== cheaper.multiplications || !isShare
  })
  lab.print('In general the separable convolution multiplies 1/O + 1/k² times as often as the standard one.')
  lab.check(`counted so at ${sizes.length} random sizes`, wrong.length === 0, `${sizes.length - wrong.length} agree`)
  lab.print('With one output, or a window of 1×1, it is the dearer one.')

  const largest = 64
  const curves = [3, 5, 7].map((kernel) => ({
    name: `window ${kernel}×${kernel}`,
    points: Array.from({ length: largest }, (_, i) => [i + 1, 1 / (i + 1) + 1 / kernel ** 2] as const),
  }))
  lab.section(
    'Multiplications, as a share of those of the standard convolution',
    lineChart(curves, { x: 'outputs', y: 'share, %', xDomain: [1, largest], percent: true }),
    'With many outputs only 1/k² is left: a ninth at 3×3, a twenty-fifth at 5×5.',
  )
}

/** The two steps in one are a standard convolution whose windows are all multiples of one window for each channel. */
async function whatIsLost(lab: Lab): Promise<void> {
  const size: Size = { height: 12, width: 10, inputs: 4, kernel: 3, outputs: 6 }
  const { standard, separable, depthwise, pointwise } = layers(size)
  using x = randn([2, 4, 12, 10])
  // [1, C, k, k] · [O, C, 1, 1] = [O, C, k, k]
  const [product, joined, parted] = tidy(() =>
    noGrad(() => {
      const product = depthwise.weight.permute([1, 0, 2, 3]).mul(pointwise.weight)
      return [product, functional.conv2d(x, product), separable.forward(x)] as const
    }),
  )
  lab.close(
    'it is a standard convolution with the weights depthwise · pointwise',
    await joined.data(),
    await parted.data(),
    1e-5,
  )
  const off = await Promise.all([product, standard.weight].map((weight) => furthest(weight)))
  lab.check(
    'its windows for one channel are multiples of one another',
    off[0]! < 1e-5,
    `off by ${off[0]!.toExponential(1)}`,
  )
  lab.check('those of a standard convolution are not', off[1]! > 0.1, `off by ${off[1]!.toFixed(2)}`)
  for (const tensor of [product, joined, parted]) tensor.dispose()
  lab.print()
}

/** How far, at most, a window is from being a multiple of the first output's window for the same channel: 0 … 1. */
async function furthest(weight: Tensor): Promise<number> {
  const [outputs, inputs, kernel] = weight.shape as [number, number, number]
  const [values, area] = [await weight.data(), kernel * kernel]
  const window = (o: number, c: number) =>
    Array.from(values.subarray((o * inputs + c) * area, (o * inputs + c + 1) * area))
  const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 0)
  let largest = 0
  for (let c = 0; c < inputs; c++) {
    const first = window(0, c)
    for (let o = 1; o < outputs; o++) {
      const other = window(o, c)
      const cosine = dot(first, other) / Math.sqrt(dot(first, first) * dot(other, other))
      largest = Math.max(largest, 1 - Math.abs(cosine))
    }
  }
  return largest
}

// ---- time -----------------------------------------------------------------------------------------------------------

/** Time is shown, not checked: it depends on the machine, and a depthwise convolution waits for memory more than it counts. */
async function onTheClock(lab: Lab): Promise<void> {
  const repeats = lab.isShort ? 3 : 15
  const rows: string[][] = []
  for (const [batch, side, inputs, outputs] of lab.isShort ? real.slice(1, 3) : real) {
    const size: Size = { height: side + 2, width: side + 2, inputs, kernel: 3, outputs } // with the border
    const { standard, separable } = layers(size, { padding: 1 })
    using x = randn([batch, inputs, side, side], { requiresGrad: true }) // as within a network
    const counts = [standard, separable].map((layer) => nn.summary(layer, x.shape).multiplyAdds) as [number, number]
    const formula = byFormula(size)
    const isCounted = counts[0] === batch * formula.standard && counts[1] === batch * formula.separable
    lab.check(`[${x.shape.join(', ')}] → ${outputs}: counted as by formula`, isCounted, millions(counts[0]))
    const forward = await medians([standard, separable], (layer) => noGrad(() => layer.forward(x)), repeats)
    const training = await medians([standard, separable], (layer) => backward(layer, x), repeats)
    rows.push([
      `[${x.shape.join(', ')}] → ${outputs}`,
      `${millions(counts[0])} → ${millions(counts[1])}`,
      times(counts),
      `${forward[0]!.toFixed(2)} → ${forward[1]!.toFixed(2)} ms`,
      times(forward),
      `${training[0]!.toFixed(2)} → ${training[1]!.toFixed(2)} ms`,
      times(training),
    ])
  }
  lab.print(`Window 3×3, padding 1, on ${lab.device}; medians of ${repeats} runs, standard → separable:`)
  lab.table(['sizes', 'multiplications', 'fewer', 'forward', 'faster', 'forward and backward', 'faster'], rows)
  lab.print(
    'Mostly less is gained on the clock than on paper: the depthwise part reads and writes as much as ever, but',
  )
  lab.print('multiplies little, so it waits for memory; and what lies between the parts is written and read once more.')
  const [sizes = '', , , , faster = ''] = rows.at(-1) ?? []
  lab.figure(faster, `as fast forward, ${sizes}, on ${lab.device}`)
}

function backward(layer: nn.Module, x: Tensor): Tensor {
  return tidy(() => {
    layer.zeroGrad()
    x.grad = null
    const y = layer.forward(x)
    const loss = y.mean()
    loss.backward()
    return loss
  })
}

/** Milliseconds of a run of each layer; they take turns, so that what slows the machine slows both. */
async function medians(
  all: readonly nn.Module[],
  run: (layer: nn.Module) => Tensor,
  repeats: number,
): Promise<number[]> {
  const measured = all.map((): number[] => [])
  for (let repeat = -1; repeat < repeats; repeat++) {
    for (const [i, layer] of all.entries()) {
      const start = performance.now()
      using y = run(layer)
      using one = tidy(() => y.reshape([-1]).narrow(0, 0, 1)) // waits for the whole, reads one number
      await one.item()
      if (repeat >= 0) measured[i]!.push(performance.now() - start) // the first one prepares
    }
  }
  return measured.map((list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)]!)
}

function times([dear, cheap]: readonly number[]): string {
  return `${(dear! / cheap!).toFixed(1)} ×`
}

function millions(count: number): string {
  return `${(count / 1e6).toFixed(1)} M`
}
