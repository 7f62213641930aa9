// Every numbered experiment runs in its short form, as users start it; a failing check makes one fail.
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import type { ExperimentRecord } from '../examples/support/experiment.js'
import { temporaryFolder } from './support/temporary.js'

const inFolder = temporaryFolder()
const examples = fileURLToPath(new URL('../examples/', import.meta.url))
const failing = fileURLToPath(new URL('./support/failing-experiment.js', import.meta.url))

interface Outcome {
  code: number
  output: string
}

function run(file: string, ...flags: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [file, ...flags], { timeout: 300_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
      resolve({ code, output: stdout + stderr })
    })
  })
}

const scripts = readdirSync(examples)
  .filter((file) => /^\d\d-.*\.js$/.test(file) && !file.startsWith('00'))
  .sort()

test.serial('the experiments are numbered from 1 without a gap', (t) => {
  t.deepEqual(
    scripts.map((file) => Number.parseInt(file, 10)),
    scripts.map((_, i) => i + 1),
  )
})

const folder = inFolder('experiments')
for (const script of scripts) {
  test.serial(`${script.replace(/\.js$/, '')} holds in its short form`, async (t) => {
    const { code, output } = await run(path.join(examples, script), '--short', '--out', folder)
    t.is(code, 0, output)
    const record = JSON.parse(
      await readFile(path.join(folder, script.replace(/js$/, 'json')), 'utf8'),
    ) as ExperimentRecord
    t.true(record.isShort)
    const checks = record.items.filter((item) => item.kind === 'check')
    t.true(checks.length > 0 && checks.every(({ isTrue }) => isTrue))
  })
}

test.serial('a false claim and an exception make an experiment fail', async (t) => {
  const out = inFolder('failing')
  const untrue = await run(failing, '--short', '--out', out)
  t.is(untrue.code, 1)
  t.regex(untrue.output, /✗ one is two/)
  t.regex(untrue.output, /✗ NaN is nothing/)
  t.regex(untrue.output, /1 checks passed, 2 failed/)
  const thrown = await run(failing, '--throw', 'yes', '--out', out)
  t.is(thrown.code, 1)
  t.regex(thrown.output, /meant to be thrown/)
})

test.serial('experiments.js runs those that are asked for and writes one page', async (t) => {
  const [first] = scripts
  if (first === undefined) return t.fail('there is no experiment')
  const out = inFolder('page')
  const { code, output } = await run(path.join(examples, 'experiments.js'), '--short', '--only', '1', '--out', out)
  t.is(code, 0, output)
  const page = await readFile(path.join(out, 'index.html'), 'utf8')
  t.true(page.includes(`id="${first.replace(/\.js$/, '')}"`))
  t.is((await run(path.join(examples, 'experiments.js'), '--only', '98', '--out', out)).code, 1)
})
