// Nsight Compute's figures of the own kernels, and compute-sanitizer on the same small training steps, where they are installed and may be used.
import { accessSync, constants, existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { figure, table, text } from '../blocks.mjs'
import { whyFailed } from '../processes.mjs'
import { needsDevice, programFile } from './ask.mjs'

const LAUNCHES = 400
const metrics = {
  'gpu__time_duration.sum': 'microseconds',
  'gpu__compute_memory_throughput.avg.pct_of_peak_sustained_elapsed': 'memory %',
  'sm__throughput.avg.pct_of_peak_sustained_elapsed': 'compute %',
  'dram__bytes.sum': 'MB of memory',
}

/** A tool of the toolkit: on the path, or where CUDA's installers put it. */
export function findTool(name, env) {
  const nsight = ['/opt/nvidia/nsight-compute', '/usr/local/cuda']
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => [folder, ...readdirSync(folder).map((each) => path.join(folder, each))])
  const folders = [...(env.PATH ?? '').split(':'), '/usr/local/cuda/bin', ...nsight]
  return folders
    .map((folder) => path.join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

/** Fields of a line of CSV in which every field stands between quotation marks. */
const fields = (line) => [...line.matchAll(/"((?:[^"]|"")*)"/g)].map(([, field]) => field.replaceAll('""', '"'))

/** ncu's raw page: a head, a line of units, and a line for each launch. The kernels with their launches and medians, the slowest first. */
export function kernelsOf(csv) {
  const [head, units, ...rows] = csv
    .split('\n')
    .filter((line) => line.startsWith('"'))
    .map(fields)
  if (!head) return []
  const column = (name) => head.indexOf(name)
  const scale = { ns: 1e-3, us: 1, ms: 1e3, byte: 1e-6, Kbyte: 1e-3, Mbyte: 1, Gbyte: 1e3, '%': 1 }
  const kernels = new Map()
  for (const row of rows) {
    const name = row[column('Kernel Name')]
      ?.replace(/^void |\(anonymous namespace\)::|<unnamed>::/g, '')
      .replace(/[(<].*/, '')
    if (!name) continue
    const launches = kernels.get(name) ?? []
    kernels.set(name, [
      ...launches,
      Object.keys(metrics).map((metric) => {
        const i = column(metric)
        return Number(row[i]?.replaceAll(',', '')) * (scale[units[i]] ?? 1)
      }),
    ])
  }
  const middle = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]
  return [...kernels]
    .map(([name, launches]) => ({
      name,
      launches: launches.length,
      figures: Object.keys(metrics).map((_, i) => middle(launches.map((launch) => launch[i]))),
    }))
    .sort((a, b) => b.figures[0] * b.launches - a.figures[0] * a.launches)
}

async function profileKernels({ device, env, processes, record, secondsLeft }) {
  const ncu = findTool('ncu', env)
  if (!ncu) return record({ tool: 'ncu', why: 'it is not installed' })
  const args = [
    '--csv',
    '--page',
    'raw',
    '--metrics',
    Object.keys(metrics).join(','),
    '--kernel-name-base',
    'demangled',
  ]
  args.push(
    '--kernel-name',
    'regex:cnn::',
    '--launch-count',
    String(LAUNCHES),
    '--target-processes',
    'application-only',
  )
  const step = [process.execPath, programFile('small-step.mjs'), device, '64', '112']
  const outcome = await processes.run(ncu, [...args, ...step], { env, limit: Math.max(1, secondsLeft() * 0.5) })
  const kernels = kernelsOf(outcome.stdout)
  const words = `${outcome.stdout}\n${outcome.stderr}`.split('\n').find((line) => line.startsWith('==ERROR=='))
  const why = words ?? whyFailed(outcome)
  record({ tool: 'ncu', kernels, why: kernels.length === 0 ? (why ?? 'it saw no kernel of cnn::') : why })
}

async function sanitize({ device, env, processes, record, secondsLeft }) {
  const tool = findTool('compute-sanitizer', env)
  if (!tool) return record({ tool: 'compute-sanitizer', why: 'it is not installed' })
  for (const kind of ['memcheck', 'racecheck']) {
    const args = ['--tool', kind, '--error-exitcode', '9', '--print-limit', '20', process.execPath]
    const outcome = await processes.run(tool, [...args, programFile('small-step.mjs'), device, '2', '16'], {
      env,
      limit: Math.max(1, secondsLeft() * 0.5),
    })
    const lines = `${outcome.stdout}\n${outcome.stderr}`.split('\n').filter((line) => line.startsWith('========='))
    const found = outcome.code === 9
    const why = found ? undefined : whyFailed(outcome)
    record({ tool: `compute-sanitizer, ${kind}`, why, found, lines: lines.slice(found || why ? -60 : -1) })
  }
}

export const profile = {
  name: 'profile',
  title: 'Profile of own kernels, and compute-sanitizer',
  weight: 3,
  most: 600,
  skip: (facts) => needsDevice(facts) ?? (facts.isSimulated ? 'a simulated device has no profiler' : undefined),
  async run(context) {
    await profileKernels(context)
    await sanitize(context)
  },
  show(results) {
    const blocks = []
    for (const { tool, why, kernels, found, lines } of results) {
      if (why) blocks.push(text(`${tool}: ${why}.`))
      if (kernels?.length > 0) {
        const rows = kernels.map((each) => [each.name, each.launches, ...each.figures.map(figure)])
        blocks.push(table(['kernel', 'launches', ...Object.values(metrics)], rows))
        blocks.push(text('Medians over the launches of a small training step, of 64 pictures of 112×112.'))
      }
      if (lines) {
        if (!why) blocks.push(text(`${tool}: ${found ? 'it found errors' : 'it found no error'}.`))
        blocks.push(text(lines.join('\n'), true))
      }
    }
    return blocks
  },
}
