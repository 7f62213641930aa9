// What a training step moves, by op and by kernel, beside the least that its ops must.
import { fileURLToPath } from 'node:url'
import { complaints, readReports, runSimulated, type Traffic } from '../support/simulated.js'

/** A step of the program: what it must at least read and write, and the nodes that it puts into the graph. */
export interface MeasuredStep {
  name: string
  detail: string
  least: number
  nodes: Traffic[]
}

/** All that a run does, most of it as nodes of a graph, and the same nodes step by step. */
export interface Measured {
  run: Traffic[]
  steps: MeasuredStep[]
}

/** Figures of some nodes together. Of calls of libraries nothing is known but how many there are. */
export interface Row {
  name: string
  nodes: number
  /** Bytes of the sectors that are touched, once for reading and once for writing. */
  moved: number
  /** Bytes that are asked for: what a cache may give is among them. */
  requested: number
}

/** The steps of one op that are done by the same kernels. */
export interface OpRow extends Row {
  kernels: Row[]
  steps: number
  /** Every input read once, every output written once. */
  least: number
  isOwn: boolean
}

export interface StepOptions {
  samples: number
  /** Height and width. */
  size: number
  /** Channels of the first convolution. */
  filters: number
  /** What cuDNN has no engine for, so that own kernels do it (CUDASIM_DECLINE). */
  declined: string
}

const program = fileURLToPath(new URL('step.js', import.meta.url))

/** Runs the step in a process of its own, which writes its report into the folder `reports`. */
export async function measure(options: StepOptions, reports: string): Promise<Measured> {
  const { samples, size, filters, declined } = options
  const settings = { CUDASIM_TRAFFIC: '1', ...(declined && { CUDASIM_DECLINE: declined }) }
  const { code, stdout, stderr } = await runSimulated(
    [program, ...[samples, size, filters].map(String)],
    reports,
    settings,
  )
  if (code !== 0) throw new Error(`the training step ended with ${code}: ${stderr}`)
  const wrong = complaints(readReports(reports))
  if (wrong.length > 0) throw new Error(wrong.join('\n'))
  const measured = JSON.parse(stdout) as Measured
  const names = (list: Traffic[]) => list.map(({ what }) => what).join('\n')
  if (names(nodesOf(measured)) !== names(measured.steps.flatMap(({ nodes }) => nodes))) {
    throw new Error('the steps put other nodes into the graph than by themselves')
  }
  return measured
}

export const nodesOf = ({ run }: Measured): Traffic[] => run.filter(({ graph }) => graph > 0)

const isCopy = ({ what }: Traffic): boolean => what.startsWith('cuda')
const isKernel = ({ what }: Traffic): boolean => what.startsWith('kernel ')
export const isLibrary = (node: Traffic): boolean => !isKernel(node) && !isCopy(node)

/** `kernel void cnn::cuda::kernels::unary<float>` → `unary<float>` */
const shortName = (what: string): string => what.replace(/^kernel (void )?/, '').replaceAll('cnn::cuda::kernels::', '')

/** What copies name they move; kernels are counted. */
const moved = (node: Traffic): number =>
  isKernel(node) ? node.sectorBytesRead + node.sectorBytesWritten : isCopy(node) ? node.bytes : 0
const requested = (node: Traffic): number => (isKernel(node) ? node.read + node.written : isCopy(node) ? node.bytes : 0)

function add(row: Row, node: Traffic): void {
  row.nodes++
  row.moved += moved(node)
  row.requested += requested(node)
}

/** The op with its function: `unary relu`. */
const opName = ({ name, detail }: MeasuredStep): string => {
  const [, word] = /, function=(\w+)/.exec(detail) ?? []
  return word ? `${name} ${word}` : name
}

/** A row for each op that is done by the same kernels, the one that must move the most first. */
export function rowsOf({ steps }: Measured): OpRow[] {
  const rows = new Map<string, OpRow>()
  for (const step of steps) {
    const parts = [...new Set(step.nodes.map(({ what }) => shortName(what)))]
    const key = [opName(step), ...parts].join('\n')
    let row = rows.get(key)
    if (!row) {
      const kernels = parts.map((name) => ({ name, nodes: 0, moved: 0, requested: 0 }))
      row = {
        name: opName(step),
        nodes: 0,
        moved: 0,
        requested: 0,
        kernels,
        steps: 0,
        least: 0,
        isOwn: !step.nodes.some(isLibrary),
      }
      rows.set(key, row)
    }
    row.steps++
    row.least += step.least
    for (const node of step.nodes) {
      add(row, node)
      add(row.kernels.find(({ name }) => name === shortName(node.what))!, node)
    }
  }
  return [...rows.values()].sort((a, b) => b.least - a.least)
}

/** The sum of some rows. */
export function total(rows: OpRow[], name: string): OpRow {
  const sum = (of: (row: OpRow) => number) => rows.reduce((all, row) => all + of(row), 0)
  return {
    name,
    kernels: [],
    isOwn: true,
    steps: sum(({ steps }) => steps),
    nodes: sum(({ nodes }) => nodes),
    least: sum(({ least }) => least),
    moved: sum((row) => row.moved),
    requested: sum((row) => row.requested),
  }
}
