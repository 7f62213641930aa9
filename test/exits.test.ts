// A process ends with the status that its program chose, whatever its queues are doing, and soon.
import test from 'ava'
import { runFixture } from './support/child.js'

interface Way {
  /** undefined: by this signal. */
  code: number | undefined
  signal?: NodeJS.Signals
  /** Sent once it writes the first line. */
  send?: NodeJS.Signals
  stderr?: RegExp
}

const ways: { [way: string]: Way } = {
  exit: { code: 0 },
  exit3: { code: 3 },
  first: { code: 3 },
  throw: { code: 1, stderr: /meant to happen/ },
  reject: { code: 1, stderr: /meant to happen/ },
  unread: { code: 0 },
  read: { code: 0 },
  'before-exit': { code: 4 },
  'exit-listener': { code: 5 },
  sigint: { code: 130, send: 'SIGINT' },
  sigterm: { code: undefined, signal: 'SIGTERM', send: 'SIGTERM' },
  worker: { code: 3 },
  workers: { code: 7 },
}
/** What runs when the process exits is waited for up to 2 s; the rest is for a busy machine. What was queued would take a minute. */
const most = 12
/** So many of each: where a thread runs into the end of the process is a matter of microseconds. */
const times = (device: string, way: string) =>
  Number(process.env.EXITS ?? (device !== 'cpu' ? 2 : way === 'first' ? 20 : 5))

for (const device of ['cpu', 'reference']) {
  for (const [way, { code, signal = null, send, stderr }] of Object.entries(ways)) {
    test.serial(`${device}: a process with a busy queue ends as it should (${way})`, async (t) => {
      for (let left = times(device, way); left > 0; left -= 5) {
        const runs = Array.from({ length: Math.min(left, 5) }, () =>
          runFixture('exit', [device, way], [], 120, process.env, send),
        )
        for (const outcome of await Promise.all(runs)) {
          t.is(outcome.signal, signal, outcome.stderr)
          if (code !== undefined) t.is(outcome.code, code, outcome.stderr)
          if (stderr) t.regex(outcome.stderr, stderr)
          if (way === 'read') t.is(outcome.stdout.trim(), `read ${4 * 32 * 32 * 32}`)
          const at = /^at (\d+)$/m.exec(outcome.stdout)
          t.is(at !== null, !['read', 'sigterm'].includes(way), outcome.stdout)
          if (at) t.true(outcome.ended! - Number(at[1]) < most * 1000, `took ${outcome.ended! - Number(at[1])} ms`)
        }
      }
    })
  }
}
