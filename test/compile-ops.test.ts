// Compiled equals eager on every case of the op suite: outputs, gradients, overwritten inputs, in both of two runs of one program.
import test from 'ava'
import { cases } from './ops.cases.js'
import { passes, relativeError } from './support/compare.js'
import { testedDevices } from './support/devices.js'
import { compileCase, evaluate, poison } from './support/run-case.js'

const tolerance = 1e-5

for (const { name: device } of testedDevices()) {
  for (const each of cases) {
    test.serial(`${device}: ${each.family}: ${each.name}`, async (t) => {
      const eager = await evaluate(each, 'float32', device)
      const run = compileCase(each, 'float32', device)
      for (const number of [1, 2]) {
        poison(eager, device)
        const compiled = await run()
        t.deepEqual([...compiled.keys()], [...eager.keys()])
        for (const [part, wanted] of eager) {
          const made = compiled.get(part)!
          t.is(`${made.dtype}[${made.shape}]`, `${wanted.dtype}[${wanted.shape}]`)
          const error = relativeError(made.data, wanted.data)
          t.true(passes(error, tolerance), `run ${number}, ${part}: relative error ${error}`)
        }
      }
    })
  }
}
