// Optimizer updates and gradient clipping against PyTorch: the native ops on every device, and the classes that use them.
import test from 'ava'
import { updates } from './cases/update.js'
import { passes, relativeError, tolerances, worst } from './support/compare.js'
import { testedDevices } from './support/devices.js'
import { golden } from './support/golden.js'
import { baseline, type ComputeType, type Result, settled } from './support/run-case.js'
import { updateByClass, updateNatively } from './support/run-update.js'

const names = testedDevices().map((device) => device.name)

function differences(name: string, result: Result, tolerance: number, check: string): string[] {
  const expected = golden('update', name)
  if (expected.size === 0) return [`${check}: no golden value, run test/golden/make.py`]
  return [...expected].flatMap(([part, wanted]) => {
    const made = result.get(part)
    if (made?.shape.join() !== wanted.shape.join())
      return [`${check} ${part}: is [${made?.shape}], not [${wanted.shape}]`]
    const error = relativeError(made.data, wanted.data)
    if (passes(error, tolerance)) return []
    return [`${check} ${part}: relative error ${error} > ${tolerance}, worst at ${worst(made.data, wanted.data)}`]
  })
}

for (const each of updates) {
  test.serial(each.name, async (t) => {
    const failures: string[] = []
    for (const device of names) {
      const kind = device.split(':')[0] as 'reference' | 'cpu' | 'cuda'
      const allowed: { [type: string]: number } = tolerances.golden[kind]
      for (const dtype of Object.keys(allowed) as ComputeType[]) {
        for (const run of [updateNatively, updateByClass]) {
          const before = await baseline(device)
          const result = await run(each, dtype, device)
          failures.push(...differences(each.name, result, allowed[dtype]!, `${run.name} on ${device} in ${dtype}`))
          const after = await settled(device)
          if (after.live !== before.live || after.tensors !== before.tensors) {
            failures.push(`${run.name} on ${device}: ${after.tensors - before.tensors} tensors leaked`)
          }
        }
      }
    }
    t.deepEqual(failures, [])
  })
}
