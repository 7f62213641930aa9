// The suites on the GPU against the golden values and `reference`, several files at once. A file that hangs is ended and loses what it had to come.
import { appendFileSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { figure, table, text } from '../blocks.mjs'
import { whyFailed } from '../processes.mjs'
import { few, suites as files, trainingProgram } from '../suites.mjs'
import { needsDevice, runProgram } from './ask.mjs'

const LIMIT = 900
/** Seconds without a line of ava's after which a file counts as hung; the slowest test took 36 on two busy cores. */
const QUIET = 150
/** How far the losses of a hundred steps may be from those of `reference`. */
const FURTHEST = 1e-3

/** [{ name, file, match }] in the order in which they are begun. */
async function parts(context) {
  const isSmall = context.facts.size === 'small'
  let counts = {}
  const why = await runProgram(context, 'families.mjs', [], 60, (found) => {
    counts = found
  })
  if (why) throw new Error(`the cases of the op suite can't be read: ${why}`)
  const families = Object.keys(counts).filter((family) => !isSmall || few.families.includes(family))
  // the families with most cases first, so that none is begun when all others have ended
  families.sort((a, b) => counts[b] - counts[a])
  const others = (isSmall ? few.suites : files).filter((name) => name !== 'ops')
  return [
    ...families.map((family) => ({ name: `ops: ${family}`, file: 'ops', match: `${family}: *` })),
    ...others.map((name) => ({ name, file: name })),
  ]
}

/** Ava's lines, counted as they come. */
function counter(log) {
  const found = { passed: 0, failed: 0, skipped: 0, failures: [], details: '' }
  let isInDetails = false
  return {
    found,
    line(line) {
      appendFileSync(log, `${line}\n`)
      if (line.startsWith('  ✔ ')) found.passed++
      if (line.startsWith('  - [skip] ')) found.skipped++
      if (line.startsWith('  ✘ ')) {
        found.failed++
        if (found.failures.length < 50) found.failures.push(line.slice(4).trim())
      }
      if (/^\s*─+$/.test(line)) isInDetails = true
      else if (isInDetails && found.failed > 0 && found.details.length < 3000) found.details += `${line}\n`
    },
  }
}

async function runSuite(context, { name, file, match }) {
  const { root, env, out, record, processes, jobs, secondsLeft } = context
  const log = path.join(out, 'suites', `${name.replace(/\W+/g, '-')}.log`)
  const { found, line } = counter(log)
  const ava = path.join(root, 'node_modules/ava/entrypoints/cli.mjs')
  const args = [ava, `dist/test/${file}.test.js`, ...(match ? ['--match', match] : [])]
  const outcome = await processes.run(process.execPath, args, {
    cwd: root,
    limit: Math.min(LIMIT, Math.max(1, secondsLeft() - 1)),
    quiet: QUIET,
    onLine: line,
    env: {
      ...env,
      FORCE_COLOR: '0',
      NODE_CUDNN_CHOICES: '',
      NODE_CUDNN_ALLOW_TF32: '0', // the tolerances are those of float32
      NODE_CUDNN_TEST_DEVICES: `${context.device},reference`,
      OMP_NUM_THREADS: String(Math.max(1, Math.floor(context.threads / jobs))),
    },
  })
  appendFileSync(log, outcome.stderr)
  // failed tests are counted; what is told besides is an end before the end
  const why = outcome.timedOut || (outcome.code !== 0 && found.failed === 0) ? whyFailed(outcome) : undefined
  record({ name, ...found, seconds: outcome.seconds, why })
}

async function train(context) {
  const { root, env, processes, record, device, secondsLeft } = context
  const program = path.join(root, `dist/test/fixtures/${trainingProgram}.js`)
  const outcome = await processes.run(process.execPath, [program, device, 'reference'], {
    cwd: root,
    env: { ...env, NODE_CUDNN_ALLOW_TF32: '0' },
    limit: Math.min(LIMIT, Math.max(1, secondsLeft() - 1)),
  })
  const why = whyFailed(outcome)
  if (why) return record({ name: 'training', why, passed: 0, failed: 1, skipped: 0, failures: [] })
  const losses = JSON.parse(outcome.stdout)
  const distances = losses.reference.map((loss, i) => Math.abs(loss - losses[device][i]))
  const furthest = distances.some(Number.isNaN) ? Number.NaN : Math.max(...distances)
  const isGood = furthest <= FURTHEST
  record({
    name: 'training',
    passed: isGood ? 1 : 0,
    failed: isGood ? 0 : 1,
    skipped: 0,
    failures: [],
    seconds: outcome.seconds,
    training: { steps: distances.length, furthest, first: losses[device][0], last: losses[device].at(-1) },
  })
}

const total = (results, key) => results.reduce((sum, each) => sum + each[key], 0)

export const suites = {
  name: 'suites',
  title: 'The suites, against golden values and the reference device',
  weight: 8,
  skip: needsDevice,
  async run(context) {
    const { out, jobs, record, facts, secondsLeft } = context
    mkdirSync(path.join(out, 'suites'), { recursive: true })
    const waiting = (await parts(context)).map((part) => [part.name, () => runSuite(context, part)])
    if (facts.size === 'full') waiting.splice(Math.min(jobs, waiting.length), 0, ['training', () => train(context)])
    const work = async () => {
      while (waiting.length > 0) {
        const [name, run] = waiting.shift()
        if (secondsLeft() > 3) await run()
        else record({ name, passed: 0, failed: 0, skipped: 0, failures: [], why: 'not begun: no time was left' })
      }
    }
    await Promise.all(Array.from({ length: jobs }, work))
  },
  sum: (results) =>
    `${total(results, 'passed')} tests passed, ${total(results, 'failed')} failed, ${total(results, 'skipped')} were skipped; ${results.filter(({ why }) => why).length} of ${results.length} files did not end by themselves`,
  isGood: (results) => results.every(({ failed, why }) => failed === 0 && !why),
  show(results) {
    const blocks = [
      table(
        ['suite', 'passed', 'failed', 'skipped', 'seconds', ''],
        results.map(({ name, passed, failed, skipped, seconds, why, training }) => [
          name,
          passed,
          failed,
          skipped,
          seconds?.toFixed(0) ?? '–',
          why ??
            (training
              ? `${training.steps} steps, loss ${figure(training.first)} to ${figure(training.last)}, at most ${figure(training.furthest)} from reference`
              : ''),
        ]),
      ),
    ]
    for (const { name, failures, details } of results.filter(({ failures }) => failures.length > 0)) {
      blocks.push(text(`${name}: ${failures.join(' · ')}`))
      if (details) blocks.push(text(details.trim(), true))
    }
    return blocks
  },
}
