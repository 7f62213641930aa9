// The answers as tables: how many graphs cuDNN takes, what it declines and why, and what the backend does instead.
// `node dist/test/plans/table.js [compiled] [fusions]` asks for everything, or for every n-th of what is compiled, and writes the tables
// into docs/cuda-plans.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { recordedCalls } from './collect.js'
import {
  type Answer,
  architectures,
  batch,
  buildProgram,
  findLibraries,
  makePlans,
  type PlanOptions,
  types,
} from './plans.js'

/** What the backend does for a graph without a plan; every graph is here, or the test fails. */
export const instead: { [graph: string]: string } = {
  conv: 'direct convolution (kernels/conv.cu)',
  'conv+bias': 'the convolution, then bias (kernels/bias.cu)',
  convBackwardData: 'direct convolution (kernels/conv.cu)',
  convBackwardWeight: 'direct convolution (kernels/conv.cu)',
  'conv+bias+relu': 'the ops by themselves',
  'conv+bias+relu6': 'the ops by themselves',
  'conv+bias+silu': 'the ops by themselves',
  'conv+scale+bias+relu': 'the ops by themselves',
  'conv+bias+residual+relu': 'the ops by themselves',
  maxPool: 'own pooling (kernels/pool.cu)',
  maxPoolBackward: 'own pooling, forward as well (kernels/pool.cu)',
  avgPool: 'own pooling (kernels/pool.cu)',
  avgPoolBackward: 'own pooling (kernels/pool.cu)',
  batchNorm: 'own batch norm (kernels/norm.cu)',
  'batchNorm+running': 'own batch norm (kernels/norm.cu)',
  batchNormBackward: 'own batch norm (kernels/norm.cu)',
}

function countBy<T>(items: T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(key(item)) ?? []
    group.push(item)
    groups.set(key(item), group)
  }
  return groups
}

function markdown(rows: (string | number)[][]): string {
  const [head, ...body] = rows.map((row) => `| ${row.join(' | ')} |`)
  return [head, `|${' --- |'.repeat(rows[0]!.length)}`, ...body].join('\n')
}

const graphs = Object.keys(instead)

/** Plans made of graphs asked, by graph and architecture or type. */
function takenBy(
  answers: Answer[],
  columns: readonly (string | number)[],
  column: (a: Answer) => string | number,
): string {
  const rows = graphs.flatMap((graph) => {
    const mine = answers.filter((answer) => answer.graph === graph)
    if (mine.length === 0) return []
    const cells = columns.map((name) => {
      const cell = mine.filter((answer) => column(answer) === name)
      return cell.length > 0 ? `${cell.filter((answer) => !answer.declined).length} of ${cell.length}` : '—'
    })
    return [[`\`${graph}\``, ...cells]]
  })
  return markdown([['graph', ...columns], ...rows])
}

/** Reasons with how often, one example each, and what happens instead. */
export function refusals(answers: Answer[]): string {
  const groups = countBy(
    answers.filter((answer) => answer.declined),
    ({ graph, declined }) => `${graph}\t${declined}`,
  )
  const rows = [...groups.values()].map((group) => {
    const { graph, declined, call, architecture, type } = group[0]!
    return [
      `\`${graph}\``,
      group.length,
      declined.replaceAll('|', '\\|'),
      `\`${call.trim()}\` (sm_${architecture}, ${type})`,
      instead[graph] ?? '**nothing**',
    ]
  })
  return rows.length > 0
    ? markdown([['graph', 'times', "cuDNN's reason", 'for instance', 'instead'], ...rows])
    : 'None.'
}

/** Channels that tensor cores take whole: no groups, multiples of eight. */
export function hasWholeChannels({ graph, call }: Answer): boolean {
  const shapes = [...call.matchAll(/\[([\d, ]+)\]/g)].slice(0, 2).map(([, text]) => text!.split(', ').map(Number))
  const [[, a], [o, c]] = shapes as [number[], number[]]
  const second = graph === 'convBackwardWeight' ? c : graph === 'convBackwardData' ? c : o
  return / groups=1 /.test(`${call} `) && a! % 8 === 0 && second! % 8 === 0
}

/** The networks' half-precision convolutions whose engine does without tensor cores although their channels fit. */
export function withoutTensorCores(answers: Answer[]): { asked: Answer[]; without: Answer[] } {
  const isProduct = ({ graph }: Answer) => ['conv', 'convBackwardData', 'convBackwardWeight'].includes(graph)
  const isHalf = ({ type }: Answer) => type === 'float16' || type === 'bfloat16'
  const asked = answers.filter(
    (answer) =>
      isProduct(answer) &&
      isHalf(answer) &&
      !answer.declined &&
      answer.call.startsWith(`[${batch}, `) &&
      hasWholeChannels(answer),
  )
  return { asked, without: asked.filter((answer) => !answer.usesTensorCores) }
}

function costs(answers: Answer[]): string {
  const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
  const rows = graphs.flatMap((graph) => {
    const made = answers.filter((answer) => answer.graph === graph && !answer.declined)
    if (made.length === 0) return []
    const compiled = made.filter((answer) => answer.isCompiled).length
    const largest = Math.max(...made.map((answer) => answer.workspaceBytes))
    return [
      [
        `\`${graph}\``,
        `${compiled} of ${made.length}`,
        median(made.map((answer) => answer.milliseconds)).toFixed(1),
        (largest / 2 ** 20).toFixed(1),
      ],
    ]
  })
  return markdown([['graph', 'compiled at run time', 'processor time, median ms', 'largest workspace, MiB'], ...rows])
}

/** What was asked, in a sentence. */
export function summary(answers: Answer[], { compiled, fusions }: PlanOptions): string {
  const seconds = answers.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1000
  const sample = (n: number) => (n === 1 ? 'all' : n === 0 ? 'none' : `one in ${n}`)
  return (
    `${answers.length} plans asked for sm_${architectures.join(', sm_')} in ${types.join(', ')}: all that need no compiler, ${sample(compiled)} of the ` +
    `batch norms and pools, ${sample(fusions)} of the compiled fusions; ${answers.filter(({ declined }) => declined).length} declined, ` +
    `${seconds.toFixed(0)} s of processor time.`
  )
}

export function tables(answers: Answer[]): string {
  const { asked, without } = withoutTensorCores(answers)
  return [
    '## By architecture',
    takenBy(answers, architectures, (answer) => answer.architecture),
    '## By type',
    takenBy(answers, types, (answer) => answer.type),
    '## Refusals',
    refusals(answers),
    '## Cost of a plan',
    costs(answers),
    '## Tensor cores',
    `Of ${asked.length} float16 and bfloat16 convolutions of the networks without groups whose channels are multiples of 8, ${asked.length - without.length} got an engine on tensor cores. The heuristic chose another for:`,
    markdown([
      ['graph', 'call', 'where'],
      ...[...countBy(without, ({ graph, call }) => `${graph}\t${call}`).values()].map((group) => [
        `\`${group[0]!.graph}\``,
        `\`${group[0]!.call.trim()}\``,
        group.map(({ architecture, type }) => `sm_${architecture} ${type}`).join(', '),
      ]),
    ]),
  ].join('\n\n')
}

const mark = '<!-- below: written by test/plans/table.ts -->'

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { root, missing } = await findLibraries()
  if (!root) throw new Error(missing)
  await buildProgram(root)
  const [compiled = 1, fusions = 1] = process.argv.slice(2).map(Number)
  const answers = await makePlans(recordedCalls(), { compiled, fusions })
  const file = fileURLToPath(new URL('../../../docs/cuda-plans.md', import.meta.url))
  const [head] = readFileSync(file, 'utf8').split(mark)
  writeFileSync(file, `${head}${mark}\n\n${summary(answers, { compiled, fusions })}\n\n${tables(answers)}\n`)
}
