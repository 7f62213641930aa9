// Collects JavaScript's garbage, and with it the tensors that nobody disposed of.
import { setImmediate, setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** More than once, and with turns of the event loop: it is told of a tensor that is gone later, and what that held goes with the next collection. */
export async function collectGarbage(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    collect()
    await setTimeout(1)
    await setImmediate()
  }
}
