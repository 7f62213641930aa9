// The op suite: every case against PyTorch's golden values, every device against `reference`, gradients against finite
// differences in float64, on poisoned memory, without a leaked byte. One test a case; a failure lists what differs.
import test from 'ava'
import type { DeviceName } from '../../types/dtype.js'
import type { Case } from '../cases/case.js'
import { passes, tolerances } from './compare.js'
import { againstGolden, againstResult } from './compare-case.js'
import { testedDevices } from './devices.js'
import { type ComputeType, differenceErrors, evaluate, poison, settled } from './run-case.js'

const names = testedDevices().map((device) => device.name)
const others = names.filter((name) => name !== 'reference')
for (const wanted of ['cpu', 'cuda']) {
  if (!names.some((name) => name.startsWith(wanted))) {
    console.log(`skipped: the op suite on ${wanted}, which is not among the devices here (${names.join(', ')})`)
  }
}

type Kind = 'reference' | 'cpu' | 'cuda'
const kindOf = (device: DeviceName): Kind => device.split(':')[0] as Kind

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
