// `node dist/test/traffic/table.js [--samples 1] [--size 224] [--filters 64] [--decline norm]`: the nodes of the CUDA graph of a training step of
// ResNet-34 on the simulated device, and the bytes that the own kernels move, beside the least.
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Command } from 'commander'
import { whyNoPlugin } from '../support/simulated.js'
import {
  isLibrary,
  type Measured,
  measure,
  nodesOf,
  type OpRow,
  type Row,
  rowsOf,
  type StepOptions,
  total,
} from './rows.js'

const grouped = (value: number): string => String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ' ')
const ratio = (part: number, whole: number): string => (part / whole).toFixed(3)

function markdown(rows: (string | number)[][]): string {
  const [head, ...body] = rows.map((row) => `| ${row.join(' | ')} |`)
  return [head, `|${' --- |'.repeat(rows[0]!.length)}`, ...body].join('\n')
}

function lines(row: OpRow): string[][] {
  const figures = ({ moved, requested }: Row) => [grouped(moved), grouped(requested)]
  const [only, ...more] = row.kernels
  const name = only && more.length === 0 ? `\`${only.name}\`` : ''
  const last = [ratio(row.moved, row.least), ratio(row.requested, row.least)]
  const parts = more.length > 0 ? row.kernels : []
  return [
    [row.name, name, String(row.nodes), grouped(row.least), ...figures(row), ...last],
    ...parts.map((part) => ['', `\`${part.name}\``, String(part.nodes), '', ...figures(part), '', '']),
  ]
}

/** A sentence on the nodes, and the tables. */
export function report(measured: Measured): string {
  const rows = rowsOf(measured)
  const [own, library] = [rows.filter(({ isOwn }) => isOwn), rows.filter(({ isOwn }) => !isOwn)]
  const nodes = nodesOf(measured)
  const count = (word: string) => nodes.filter(({ what }) => what.startsWith(word)).length
  const launches = new Set(nodes.map(({ graph }) => graph)).size
  const outside = measured.run.filter(({ graph }) => graph === 0).map(({ bytes }) => grouped(bytes))
  return [
    `${launches} graph launch of ${nodes.length} nodes: ${count('cudnn')} calls of cuDNN, ${count('cublas')} of cuBLASLt, ${count('kernel')} own ` +
      `kernels, ${count('cuda')} copies. The least is ${measured.steps.length}, one an op. (A call of a library is one node here; the real ones may put ` +
      `several.) Outside the graph are ${outside.length} copies, bytes read and written: ${outside.join(', ')} (the batch, the loss, and the device's faults, ` +
      'which are read when the host waits).',
    markdown([
      [
        'op',
        'own kernel or copy',
        'launches',
        'least bytes',
        'moved',
        'requested',
        'moved / least',
        'requested / least',
      ],
      ...own.flatMap(lines),
      ...lines(total(own, '**all**')),
    ]),
    markdown([
      ['op of a library', 'calls', 'least bytes'],
      ...library.map(({ name, nodes, least }) => [name, nodes, grouped(least)]),
      ['**all**', nodes.filter(isLibrary).length, grouped(total(library, '').least)],
    ]),
    `All ops of the step must move ${grouped(total(rows, '').least)} bytes.`,
  ].join('\n\n')
}

const program = new Command('table')
  .description('The nodes and the traffic of a training step of ResNet-34 on the simulated CUDA device.')
  .option('--samples <n>', 'in the batch', '1')
  .option('--size <n>', 'height and width', '224')
  .option('--filters <n>', 'channels of the first convolution', '64')
  .option('--decline <kinds>', 'what cuDNN has no engine for, so that own kernels do it: norm, conv, …', '')
  .parse()
const { samples, size, filters, decline } = program.opts<{ [name: string]: string }>()
const missing = whyNoPlugin()
if (missing) throw new Error(missing)
const folder = mkdtempSync(path.join(os.tmpdir(), 'node-cudnn-traffic-'))
try {
  const options: StepOptions = {
    samples: Number(samples),
    size: Number(size),
    filters: Number(filters),
    declined: decline!,
  }
  console.log(report(await measure(options, folder)))
} finally {
  rmSync(folder, { recursive: true })
}
