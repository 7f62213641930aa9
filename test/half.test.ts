// Half types on every device: each case of the op suite in bfloat16 and float16, outputs and gradients, against the float32 results that
// `reference` has for the same rounded inputs; on poisoned memory, without a leaked byte.
import test from 'ava'
import { devices } from '../lib/index.js'
import { cases } from './ops.cases.js'
import { passes, relativeError, tolerances, worst } from './support/compare.js'
import { evaluate, poison, settled } from './support/run-case.js'

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
      for (const { name: device } of devices()) {
        const before = await settled(device)
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
