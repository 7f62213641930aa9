// Collects the calls of the op cases and of all networks into calls.txt: `node dist/test/plans/collect.js` writes the file anew.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { noGrad, tidy, zeros } from '../../lib/index.js'
import { cases } from '../ops.cases.js'
import { callCase, inputValues, makeInput } from '../support/run-case.js'
import { networks } from './networks.js'
import { record } from './record.js'

export const file = fileURLToPath(new URL('../../../test/plans/calls.txt', import.meta.url))

/** The batch of the recorded run; the file says N. (Batch norm wants two values a channel.) */
const batch = 2

function ofCases(): Set<string> {
  return record(() => {
    for (const each of cases) {
      if (!['conv', 'pool', 'norm'].includes(each.family)) continue
      tidy(() => {
        const values = inputValues(each)
        callCase(
          each,
          each.inputs.map((spec, i) => spec && makeInput(spec, values[i]!, 'float32', 'cpu')),
        )
      })
    }
  })
}

function ofNetworks(): { name: string; lines: Set<string> }[] {
  return networks().map(({ name, input, make }) => {
    const net = make()
    const run = () => tidy(() => noGrad(() => void net.forward(zeros([batch, ...input], { device: 'cpu' }) as never)))
    const lines = record(run, { batch, skipsWork: true })
    net.dispose()
    return { name, lines }
  })
}

/** The text of the file: a call stands below the first network that makes it. */
export function collect(): string {
  const seen = new Set<string>()
  const sections = [...ofNetworks(), { name: 'op cases', lines: ofCases() }].map(({ name, lines }) => {
    const fresh = [...lines].filter((line) => !seen.has(line)).sort()
    for (const line of fresh) seen.add(line)
    return [`# ${name}: ${lines.size} calls, ${fresh.length} of them new`, ...fresh, ''].join('\n')
  })
  return sections.join('\n')
}

export function recordedCalls(): string {
  return readFileSync(file, 'utf8')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(file, collect())
