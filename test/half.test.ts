// Half types on every device: each case of the op suite in bfloat16 and float16, outputs and gradients, against the float32 results that
// `reference` has for the same rounded inputs; on poisoned memory, without a leaked byte.
import test from 'ava'
import { functional as F, manualSeed, randn, type Tensor } from '../lib/index.js'
import { cases } from './ops.cases.js'
import { passes, relativeError, tolerances, worst } from './support/compare.js'
import { testedDevices } from './support/devices.js'
import { baseline, evaluate, poison, settled } from './support/run-case.js'

/**
 * Below 2^-14 float16 has steps of 2^-24 however small the number: values that differ by no more than half of one are the same there.
 * bfloat16 has no such steps within the range of these cases.
 */
function ignoringSubnormals(made: ArrayLike<number>, wanted: ArrayLike<number>): ArrayLike<number> {
  return Array.from(made, (value, i) => (Math.abs(value - wanted[i]!) <= 2 ** -25 ? wanted[i]! : value))
}

for (const half of ['bfloat16', 'float16'] as const) {
  for (const each of cases) {
    test.serial(`${half}: ${each.family}: ${each.name}`, async (t) => {
      const failures: string[] = []
      const expected = await evaluate(each, 'float32', 'reference', { rounded: half })
      for (const { name: device } of testedDevices()) {
        const before = await baseline(device)
        poison(expected, device)
        const result = await evaluate(each, half, device)
        const after = await settled(device)
        if (after.live !== before.live || after.tensors !== before.tensors) {
          failures.push(`memory(${device}): ${after.live - before.live} bytes leaked`)
        }
        for (const [part, wanted] of expected) {
          const made = result.get(part)!
          const isFloat = wanted.dtype === 'float32'
          const dtype = isFloat ? half : wanted.dtype
          if (`${made.dtype}[${made.shape}]` !== `${dtype}[${wanted.shape}]`) {
            failures.push(`${device} ${part}: is ${made.dtype}[${made.shape}], expected ${dtype}[${wanted.shape}]`)
            continue
          }
          const values = half === 'float16' && isFloat ? ignoringSubnormals(made.data, wanted.data) : made.data
          const error = relativeError(values, wanted.data)
          const allowed = isFloat ? tolerances.half[half] : 0
          if (!passes(error, allowed)) {
            failures.push(
              `${device} ${part}: relative error ${error} > ${allowed}, worst at ${worst(made.data, wanted.data)}`,
            )
          }
        }
      }
      t.deepEqual(failures, [])
    })
  }
}

/** Norms of a half x with float32 parameters and running statistics, as networks under autocast have them. */
const norms: { [name: string]: (x: Tensor, weight: Tensor, bias: Tensor, running: Tensor[]) => Tensor } = {
  'batchNorm, training': (x, weight, bias, [mean, variance]) =>
    F.batchNorm(x, mean!, variance!, { weight, bias, training: true }),
  'batchNorm, evaluation': (x, weight, bias, [mean, variance]) => F.batchNorm(x, mean!, variance!, { weight, bias }),
  groupNorm: (x, weight, bias) => F.groupNorm(x, 2, { weight, bias }),
  layerNorm: (x, weight, bias) => F.layerNorm(x.transpose(1, 3), 4, { weight, bias }),
}

for (const half of ['bfloat16', 'float16'] as const) {
  for (const { name: device } of testedDevices()) {
    for (const [name, norm] of Object.entries(norms)) {
      test.serial(`${device}: ${name} of ${half} with float32 parameters`, async (t) => {
        const run = async (dtype: 'float32' | typeof half, on: typeof device) => {
          manualSeed(1)
          const options = { device: on }
          const x = randn([3, 4, 5, 6], options).to(half).to(dtype).detach().requiresGrad_()
          const [weight, bias] = [randn([4], options).requiresGrad_(), randn([4], options).requiresGrad_()]
          const running = [randn([4], options), randn([4], options).square()]
          const y = norm(x, weight, bias, running)
          const dy = randn(y.shape, options).to(half).to(dtype)
          y.backward({ gradient: dy })
          const parts = { y, dx: x.grad!, dw: weight.grad!, db: bias.grad!, mean: running[0]!, variance: running[1]! }
          const read = async ([part, each]: [string, Tensor]) =>
            [part, { dtype: each.dtype, data: await each.data() }] as const
          return new Map(await Promise.all(Object.entries(parts).map(read)))
        }
        const wanted = await run('float32', 'reference')
        for (const [part, { dtype, data }] of await run(half, device)) {
          t.is(dtype, part === 'y' || part === 'dx' ? half : 'float32', part)
          // What stays float32 is rounded nowhere: its sums see the rounded x alone, as those of the other run.
          const allowed = dtype === half ? tolerances.half[half] : tolerances.devices.cpu
          const error = relativeError(data, wanted.get(part)!.data)
          t.true(passes(error, allowed), `${part}: relative error ${error} > ${allowed}`)
        }
      })
    }
  }
}
