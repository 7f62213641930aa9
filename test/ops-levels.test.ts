// The op suite on the levels of instructions below the best that this machine has, each in a process of its own. ops.test.ts runs it on the best.
import test from 'ava'
import { native } from '../lib/native.js'
import { cases } from './ops.cases.js'
import { runFixture } from './support/child.js'

const lower = native.cpuLevels().slice(1)
if (lower.length === 0)
  console.log('skipped: the op suite on lower levels, since this build or this processor has one level')

for (const level of lower) {
  test.serial(`the op suite passes on level ${level}`, async (t) => {
    t.timeout(600_000)
    const { code, stdout, stderr } = await runFixture('op-suite', ['cpu'], [], 600, {
      ...process.env,
      NODE_CUDNN_CPU_LEVEL: level,
    })
    t.is(code, 0, stderr)
    const result = JSON.parse(stdout) as { description: string; cases: number; failures: string[] }
    t.true(result.description.includes(`level ${level},`), result.description)
    t.is(result.cases, cases.length)
    t.deepEqual(result.failures, [])
  })
}
if (lower.length === 0) test('there is one level', (t) => t.is(native.cpuLevels().length, 1))
