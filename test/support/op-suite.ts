// The op suite: every case against PyTorch's golden values, every device against `reference`, gradients against finite
// differences in float64, on poisoned memory, without a leaked byte. One test a case; a failure lists what differs.
import test from 'ava'
import { devices } from '../../lib/index.js'
import type { DeviceName } from '../../types/dtype.js'
import type { Case } from '../cases/case.js'
import { passes, relativeError, tolerances, worst } from './compare.js'
import { golden, sampled } from './golden.js'
import { type ComputeType, differenceErrors, evaluate, poison, type Result, settled } from './run-case.js'

const names = devices().map((device) => device.name)
const others = names.filter((name) => name !== 'reference')
for (const wanted of ['cpu', 'cuda']) {
  if (!names.some((name) => name.startsWith(wanted))) {
    console.log(`skipped: the op suite on ${wanted}, since this machine has no such device (${names.join(', ')})`)
  }
}

type Kind = 'reference' | 'cpu' | 'cuda'
const kindOf = (device: DeviceName): Kind => device.split(':')[0] as Kind

/** Golden values are float32: what a float64 run returns has another name for the same type. */
const plainType = (dtype: string) => (dtype === 'float64' ? 'float32' : dtype)

/** What differs from PyTorch, one line each. */
function againstGolden(each: Case, result: Result, tolerance: number, check: string): string[] {
  const expected = golden(each.family, each.name)
  if (expected.size === 0) return [`${check}: no golden value, run test/golden/make.py`]
  const parts = (keys: Iterable<string>) => [...keys].sort().join(' ')
  if (parts(result.keys()) !== parts(expected.keys())) {
    return [`${check}: made ${parts(result.keys())}, expected ${parts(expected.keys())}`]
  }
  return [...expected].flatMap(([part, wanted]) => {
    const { dtype, shape, data } = result.get(part)!
    const made = `${plainType(dtype)}[${shape.join(', ')}]`
    const right = `${wanted.dtype}[${wanted.shape.join(', ')}]`
    if (made !== right) return [`${check} ${part}: is ${made}, expected ${right}`]
    const kept = sampled(data)
    const error = relativeError(kept, wanted.data)
    const allowed = wanted.dtype === 'float32' ? tolerance : 0
    if (passes(error, allowed)) return []
    return [`${check} ${part}: relative error ${error} > ${allowed}, worst at ${worst(kept, wanted.data)}`]
  })
}

/** What differs between two runs, one line each. */
function againstResult(result: Result, expected: Result, tolerance: number, check: string): string[] {
  return [...expected].flatMap(([part, wanted]) => {
    const made = result.get(part)
    if (made?.dtype !== wanted.dtype || made.shape.join() !== wanted.shape.join()) {
      return [`${check} ${part}: ${made?.dtype}[${made?.shape}] and ${wanted.dtype}[${wanted.shape}]`]
    }
    const error = relativeError(made.data, wanted.data)
    const allowed = wanted.dtype.startsWith('float') ? tolerance : 0
    if (passes(error, allowed)) return []
    return [`${check} ${part}: relative error ${error} > ${allowed}, worst at ${worst(made.data, wanted.data)}`]
  })
}

/** The second of two runs, on memory full of NaN; and what it leaked, if anything. */
async function runPoisoned(each: Case, dtype: ComputeType, device: DeviceName) {
  const before = await settled(device)
  const clean = await evaluate(each, dtype, device)
  poison(clean, device)
  const result = await evaluate(each, dtype, device)
  const after = await settled(device)
  const leaks: string[] = []
  if (after.live !== before.live || after.tensors !== before.tensors) {
    leaks.push(
      `memory(${device}): ${after.live - before.live} bytes in ${after.tensors - before.tensors} tensors leaked`,
    )
  }
  return { clean, result, leaks }
}

/** A test for each case. */
export function testOps(cases: readonly Case[]): void {
  for (const each of cases) {
    test.serial(`${each.family}: ${each.name}`, async (t) => {
      const { golden: goldenTolerance, devices: deviceTolerance } = tolerances
      const single = await runPoisoned(each, 'float32', 'reference')
      const double = await runPoisoned(each, 'float64', 'reference')
      const failures = [
        ...againstGolden(each, single.result, goldenTolerance.reference.float32, 'reference float32'),
        ...againstGolden(each, double.result, goldenTolerance.reference.float64, 'reference float64'),
        ...againstResult(single.result, single.clean, 0, 'reference on poisoned memory'),
        ...single.leaks,
        ...double.leaks,
      ]
      for (const device of others) {
        const kind = kindOf(device) as 'cpu' | 'cuda'
        const { clean, result, leaks } = await runPoisoned(each, 'float32', device)
        failures.push(
          ...againstGolden(each, result, goldenTolerance[kind].float32, device),
          ...againstResult(result, single.result, deviceTolerance[kind], `${device} against reference`),
          ...againstResult(result, clean, deviceTolerance[kind], `${device} on poisoned memory`),
          ...leaks,
        )
      }
      if (each.differences) {
        for (const [part, error] of differenceErrors(each, double.result)) {
          if (!passes(error, tolerances.differences)) {
            failures.push(`finite differences ${part}: relative error ${error} > ${tolerances.differences}`)
          }
        }
      }
      t.deepEqual(failures, [])
    })
  }
}
