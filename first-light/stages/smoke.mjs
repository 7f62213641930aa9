// The first ops, one process each and 20 seconds at most: what crashes or hangs here shows which part of the backend does.
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { table } from '../blocks.mjs'
import { resultOf, whyFailed } from '../processes.mjs'
import { needsDevice } from './ask.mjs'

const folder = fileURLToPath(new URL('../smoke/', import.meta.url))
const LIMIT = 20

/** In this order; what is in the folder and not in this list comes after. */
const order = [
  'add',
  'conv-3x3',
  'conv-depthwise',
  'conv-strided-backward',
  'batch-norm',
  'capture',
  'upload',
  'out-of-memory',
  'workers',
]

export function smokePrograms() {
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.mjs'))
    .map((name) => name.slice(0, -4))
  return [...order.filter((name) => names.includes(name)), ...names.filter((name) => !order.includes(name)).sort()]
}

export const smoke = {
  name: 'smoke',
  title: 'Smoke: one process each',
  weight: 3,
  most: 240,
  skip: needsDevice,
  async run({ root, device, env, facts, processes, record, secondsLeft }) {
    const settings = { ...env, NODE_CUDNN_DIST: path.join(root, 'dist'), NODE_CUDNN_DEVICE: device }
    // the simulator's memory is this machine's
    if (facts.isSimulated) settings.CUDASIM_MEMORY = String(512 << 20)
    for (const name of smokePrograms()) {
      if (secondsLeft() < 2) {
        record({ name, passed: false, why: 'no time was left' })
        continue
      }
      const outcome = await processes.run(process.execPath, [path.join(folder, `${name}.mjs`)], {
        env: settings,
        limit: Math.min(LIMIT, secondsLeft()),
      })
      const line = outcome.stdout.split('\n').find((each) => each.startsWith('{'))
      const why = whyFailed(outcome)
      record({ name, passed: !why, seconds: outcome.seconds, said: line && resultOf(line), why })
    }
  },
  sum: (results) => `${results.filter(({ passed }) => passed).length} of ${results.length} programs passed`,
  isGood: (results) => results.every(({ passed }) => passed),
  show: (results) => [
    table(
      ['', 'program', 'seconds', 'it says'],
      results.map(({ name, passed, seconds, said, why }) => [
        passed ? '✔' : '✘',
        name,
        seconds?.toFixed(1) ?? '–',
        [why, said && JSON.stringify(said)].filter(Boolean).join(' '),
      ]),
    ),
  ],
}
