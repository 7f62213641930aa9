// The memory limit holds for what is made on the way to a result, too: what can't be is refused before anything of its size is made.
import { existsSync } from 'node:fs'
import test from 'ava'
import { runFixture } from './support/child.js'

interface Report {
  outcomes: { [what: string]: { error: string; message: string; ms: number } }
  /** By how much the most that the process has had in memory has grown. */
  bytes: number
}

/** Sizes beyond counting, and planes whose positions are no int32. */
const shapes = /^(elements that|none of|eye beyond|interpolate beyond|adaptiveMaxPool|maxUnpool)/

for (const device of ['cpu', 'reference']) {
  const run = async (mode: string): Promise<Report> => {
    const { code, stdout, stderr } = await runFixture('limits', [device, mode])
    if (code !== 0) throw new Error(stderr)
    return JSON.parse(stdout) as Report
  }
  const runs = existsSync('/proc/self/status') ? test.serial : test.serial.skip

  runs(`${device}: what exceeds a limit of 64 MB is refused at once, and nothing large is made before`, async (t) => {
    const { outcomes, bytes } = await run('refused')
    for (const [what, { error, message, ms }] of Object.entries(outcomes)) {
      if (shapes.test(what)) t.regex(error, /^(ShapeError|ValueError|OutOfMemoryError)$/, `${what}: ${message}`)
      else t.is(error, 'OutOfMemoryError', `${what}: ${message}`)
      t.true(ms < 5000, `${what} took ${ms} ms`)
    }
    t.true(bytes < 120e6, `${Math.round(bytes / 1e6)} MB`)
  })

  runs(`${device}: long, narrow results take no tables of their length`, async (t) => {
    const { outcomes, bytes } = await run('made')
    for (const [what, { error, message }] of Object.entries(outcomes)) t.is(error, 'undefined', `${what}: ${message}`)
    // A result and what it is made of take 67 MB, a plane of sums 67 MB; the allocator may keep one of each.
    t.true(bytes < 320e6, `${Math.round(bytes / 1e6)} MB`)
  })
}
