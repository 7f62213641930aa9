// compile() in half types: what its passes fold and fuse there, and that the programs are as close to the float64 truth as eager calls are.
import { readFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import {
  autocast,
  compile,
  DTypeError,
  devices,
  functional as F,
  manualSeed,
  nn,
  noGrad,
  randn,
  type Tensor,
  tensor,
  tidy,
} from '../lib/index.js'
import { runFixture } from './support/child.js'
import { relativeError, tolerances } from './support/compare.js'
import { testedDevices } from './support/devices.js'
import { type Measured, measureLoss, measurePrediction, measureTraining } from './support/half-network.js'

const halves = ['bfloat16', 'float16'] as const
const ways = ['autocast', 'converted'] as const
const names = testedDevices().map(({ name }) => name)
const seeds = Array.from({ length: 12 }, (_, i) => i + 1)

/** How much farther from the truth than eager calls a program may be. */
const allowed = 1.5

const count = (text: string, pattern: RegExp) => text.match(new RegExp(pattern, 'g'))?.length ?? 0
const values = (t: Tensor) => Float32Array.from(t.dataSync() as ArrayLike<number>)

/** Compiled over eager, seed by seed, from small to large. */
function ratios(t: ExecutionContext, measured: readonly Measured[]): number[] {
  for (const { eager } of measured) t.true(eager > 0 && eager < 1)
  return measured.map(({ eager, compiled }) => compiled / eager).sort((a, b) => a - b)
}

for (const device of names) {
  const isHost = !device.startsWith('cuda')
  // cuDNN's fusions are mostly compiled at run time, and wait for somebody who asks for speed.
  const fusesConvolutions = isHost || process.env.NODE_CUDNN_BENCHMARK === '1'
  for (const half of halves) {
    for (const way of ways) {
      test.serial(`${device}: batch norm is folded into ${half} convolutions, ${way}`, (t) => {
        const measured = seeds.map((seed) => measurePrediction(device, half, way, seed))
        const all = ratios(t, measured)
        if (isHost) {
          t.true(all.at(-1)! <= allowed, `${all}`)
        } else {
          // The bias is rounded there, perhaps after a rounded convolution: single seeds have bad luck.
          t.true(Math.sqrt(all.reduce((sum, each) => sum + each ** 2, 0) / all.length) <= allowed, `${all}`)
        }
        const { program, recorded } = measured[0]!
        t.is(count(recorded, /batchNorm\(/), 4)
        t.notRegex(program, /batchNorm/)
        if (isHost) {
          // The last has no activation; its bias stays float32 as well.
          t.deepEqual(program.match(/activation=\w+/g), ['relu', 'relu', 'relu6', 'identity'].map((name) => `activation=${name}`)) // biome-ignore format: one idea
          t.is(count(program, /convActivation\([^)]*float32\[\d+\]/), 4)
        }
        // Into the weight that was there before autocast rounded it: only the products are cast.
        if (way === 'autocast') t.is(count(program, /cast\(captured/), 0)
        t.is(count(program, RegExp(`cast\\(%\\d+ float32\\[\\d+, \\d+, \\d, \\d\\], dtype=${half}\\)`)), 4)
      })

      test.serial(`${device}: a training step in ${half} fuses norm, residual and activation, ${way}`, (t) => {
        const measured = seeds.slice(0, 9).map((seed) => measureTraining(device, half, way, seed))
        // An activation that is within a rounding of its kink sends all of a gradient or none of it: the median does not see that.
        const all = ratios(t, measured)
        t.true(all[4]! <= allowed, `${all}`)
        const { program } = measured[0]!
        if (!isHost) return
        t.is(count(program, /batchNormActivation\(/), 3)
        t.is(count(program, /batchNormActivationBackward\(/), 3)
        t.notRegex(program, /unary(Backward)?\([^\n]*function=relu/)
      })
    }

    test.serial(`${device}: the cross-entropy of ${half} logits is one op`, (t) => {
      const measured = seeds.map((seed) => measureLoss(device, half, seed))
      const all = ratios(t, measured)
      t.true(all.at(-1)! <= allowed, `${all}`)
      const { program } = measured[0]!
      t.is(count(program, /crossEntropy\(/), 2)
      t.is(count(program, /crossEntropyBackward\(/), 1)
      t.notRegex(program, /softmax|nllLoss/)
    })

    test.serial(
      `${device}: a target outside the classes of ${half} logits is found in the fused op, too`,
      async (t) => {
        const logits = randn([3, 4], { device }).to(half)
        const loss = compile((target: Tensor) => F.crossEntropy(logits, target))
        const target = (last: number) => tensor(Int32Array.of(0, 1, last), { dtype: 'int32', device })
        await t.throwsAsync(async () => void (await loss(target(4)).data()), { message: /crossEntropy.*4/ })
        t.regex(loss.toString(), /crossEntropy\(/)
        t.true(Number.isFinite(await loss(target(3)).item()))
      },
    )

    test.serial(`${device}: a convolution of ${half} is fused with its activation`, (t) => {
      manualSeed(6)
      const x = randn([1, 16, 6, 6], { device }).to(half)
      const weight = randn([16, 16, 1, 1], { device }).to(half)
      const bias = randn([16], { device }).to(half)
      for (const activation of [F.relu, F.relu6]) {
        const forward = (x: Tensor) => activation(F.conv2d(x, weight, bias))
        const compiled = compile((x: Tensor) => noGrad(() => forward(x)))
        const actual = tidy(() => values(compiled(x)))
        const wanted = tidy(() => values(forward(x)))
        t.true(relativeError(actual, wanted) <= tolerances.half[half])
        if (fusesConvolutions) t.regex(compiled.toString(), /convActivation\(/)
      }
    })

    test.serial(
      `${device}: what was folded in ${half} follows its parameters, and what others read is not folded`,
      (t) => {
        manualSeed(7)
        const net = new nn.Sequential(new nn.Conv2d(3, 16, 3), new nn.BatchNorm2d(16), new nn.ReLU()).to(device).eval()
        const [conv, norm] = [net.at(0) as nn.Conv2d, net.at(1) as nn.BatchNorm2d]
        const x = randn([2, 3, 8, 8], { device })
        const predict = (x: Tensor) => noGrad(() => autocast(half, () => net.forward(x)))
        const compiled = compile(predict)
        for (const change of [
          () => {},
          () => norm.runningVar!.copy_(norm.runningVar!.mul(4)),
          () => norm.bias!.copy_(norm.bias!.add(1)),
          () => conv.weight.copy_(conv.weight.mul(-2)),
        ]) {
          tidy(() => noGrad(change))
          const error = relativeError(tidy(() => values(compiled(x))), tidy(() => values(predict(x)))) // biome-ignore format: one idea
          t.true(error <= tolerances.half[half], `${error}`)
        }
        t.is(compiled.programs().length, 1)
        t.true(compiled.programs()[0]!.constantSteps > 0)

        const both = compile((x: Tensor) =>
          noGrad(() =>
            autocast(half, () => {
              const y = conv.forward(x)
              return [norm.forward(y), y]
            }),
          ),
        )
        tidy(() => both(x))
        t.regex(both.toString(), /batchNorm\(/)
      },
    )
  }
}

test.serial('the channels of a single sample are shared between threads, and with them a float32 bias', (t) => {
  manualSeed(8)
  for (const groups of [1, 256]) {
    const conv = new nn.Conv2d(256, 256, 3, { padding: 1, groups, bias: false })
    const net = new nn.Sequential(conv, new nn.BatchNorm2d(256)).to('cpu').eval()
    noGrad(() => (net.at(1) as nn.BatchNorm2d).bias!.copy_(randn([256], { device: 'cpu' })))
    const x = randn([1, 256, 24, 24], { device: 'cpu' })
    const predict = (x: Tensor) => noGrad(() => autocast('bfloat16', () => net.forward(x)))
    const compiled = compile(predict)
    const error = relativeError(
      tidy(() => values(compiled(x))),
      tidy(() => values(predict(x))),
    )
    t.true(error <= tolerances.half.bfloat16, `${groups} groups: ${error}`)
    t.regex(compiled.toString(), /convActivation\(.*float32\[256\]/)
  }
})

test.serial('beside half tensors a float32 bias is for folded convolutions alone', (t) => {
  for (const half of halves) {
    const [x, weight, bias] = [randn([1, 2, 4, 4]).to(half), randn([3, 2, 3, 3]).to(half), randn([3])]
    for (const call of [() => F.conv2d(x, weight, bias), () => compile((x: Tensor) => F.conv2d(x, weight, bias))(x)]) {
      t.throws(call, { instanceOf: DTypeError, message: /conv2d: bias is float32\[3\]/ })
    }
  }
})

interface Widened {
  ratios: number[]
  arenaBytes: number
  program: string
}

test.serial('a processor that does not multiply bfloat16 folds and fuses it as well', async (t) => {
  const run = async (isa: string): Promise<Widened> => {
    const env = { ...process.env, ONEDNN_MAX_CPU_ISA: isa }
    const { code, stdout, stderr } = await runFixture('half-program', [], [], 240, env)
    t.is(code, 0, stderr)
    return JSON.parse(stdout) as Widened
  }
  const [widened, best] = [await run('AVX2'), await run('ALL')]
  for (const { ratios } of [widened, best]) t.true(Math.max(...ratios) <= allowed, `${ratios}`)
  t.is(widened.program, best.program)
  // Each op in float32 takes room for its tensors in that type: so it shows which of the two it was.
  const hasOneDnn = devices().some(({ name, description }) => name === 'cpu' && description.startsWith('oneDNN'))
  const multiplies = hasOneDnn && /\bavx512_bf16\b/.test(readFileSync('/proc/cpuinfo', 'utf8'))
  if (multiplies) t.true(best.arenaBytes < widened.arenaBytes, `${best.arenaBytes} < ${widened.arenaBytes}`)
  else t.is(best.arenaBytes, widened.arenaBytes)
  t.log(`the cpu backend ${multiplies ? 'multiplies' : 'does not multiply'} bfloat16`)
})
