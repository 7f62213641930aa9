// `npm run bench`: time per step of the CIFAR-10 network and LeNet-5, beside PyTorch in the same run where a Python has it,
// and how late a timer gets while training runs.

import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { devices } from '../lib/index.js'
import { Contender } from './contender.js'
import { median } from './statistics.js'
import { timerLateness } from './timer.js'

const defaults = ['cifar', 'lenet'].flatMap((net) => [1, 64, 256].map((batch) => `${net}:train:${batch}`))

const program = new Command('bench')
  .description('Times training steps, alternating with PyTorch where it is found.')
  .argument('[workloads...]', 'net:train|infer:batch', defaults)
  .option('--python <file>', 'a Python that has torch', process.env.PYTHON ?? 'python3')
  .option('--threads <n>', 'threads of every contender', '2')
  .option('--rounds <n>', 'rounds; the figure is the median of the rounds’ medians', '5')
  .option('--seconds <s>', 'length of a slice', '0.3')
  .option('--json <file>', 'writes the figures to a file')
  .parse()

const options = program.opts<{ python: string; threads: string; rounds: string; seconds: string; json?: string }>()
const threads = Number(options.threads)
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const peers = here('../../benchmarks/peers/torch_worker.py')

function torchVersion(): string | undefined {
  const found = spawnSync(options.python, ['-c', 'import torch; print(torch.__version__)'], { encoding: 'utf8' })
  return found.status === 0 ? found.stdout.trim() : undefined
}

const torch = existsSync(peers) ? torchVersion() : undefined
const contenders = [new Contender('node-cudnn', process.execPath, [here('worker.js')], threads)]
if (torch) {
  contenders.push(new Contender('torch nchw', options.python, [peers], threads))
  contenders.push(new Contender('torch nhwc', options.python, [peers, 'nhwc'], threads))
}

console.log(`${cpus()[0]?.model ?? 'unknown processor'} · ${threads} threads · node ${process.versions.node}`)
console.log(
  devices()
    .map((device) => `${device.name}: ${device.description}`)
    .join(' · '),
)
console.log(
  torch
    ? `PyTorch ${torch} (eager)`
    : `skipped: PyTorch, since '${options.python}' has no torch (name one with --python)`,
)
console.log(
  `one thread compares process CPU time, more compare wall time; ${options.rounds} rounds of ${options.seconds} s\n`,
)

interface Row {
  workload: string
  times: Record<string, number>
  /** The best peer's time over ours. */
  ratio: number | null
}

async function race(workload: string): Promise<Row> {
  const running: Contender[] = []
  for (const contender of contenders) {
    const answer = await contender.ask(`prep ${workload}`)
    if (answer.ok) running.push(contender)
    else console.log(`${workload}  ${contender.name}: ${answer.error}`)
  }
  const slices = new Map<string, number[]>(running.map((contender) => [contender.name, []]))
  for (let round = 0; round < Number(options.rounds); round++) {
    for (let i = 0; i < running.length; i++) {
      const contender = running[(i + round) % running.length] as Contender
      const answer = await contender.ask(`go ${workload} ${options.seconds}`)
      const time = threads === 1 ? answer.cpu : answer.wall
      if (time === undefined) console.log(`${workload}  ${contender.name}: ${answer.error}`)
      else slices.get(contender.name)?.push(time)
    }
  }
  const times = Object.fromEntries([...slices].map(([name, values]) => [name, median(values)]))
  const ours = times['node-cudnn']
  const best = Math.min(...Object.entries(times).flatMap(([name, time]) => (name === 'node-cudnn' ? [] : [time])))
  return { workload, times, ratio: ours !== undefined && Number.isFinite(best) ? best / ours : null }
}

const names = contenders.map((contender) => contender.name)
console.log(
  ['workload'.padEnd(18), ...names.map((name) => `${name} ms`.padStart(16)), 'best peer / ours'.padStart(18)].join(''),
)
const rows: Row[] = []
for (const workload of program.processedArgs[0] as string[]) {
  const row = await race(workload)
  rows.push(row)
  const cells = names.map((name) => (row.times[name]?.toFixed(3) ?? '–').padStart(16))
  console.log([workload.padEnd(18), ...cells, (row.ratio?.toFixed(2) ?? '–').padStart(18)].join(''))
}
for (const contender of contenders) contender.stop()

const lateness = await timerLateness()
console.log(
  `\na 10 ms timer while training runs (${lateness.count} times): ` +
    `late by ${lateness.median.toFixed(2)} ms in the median, ${lateness.p95.toFixed(2)} ms at the 95th percentile`,
)
if (options.json) writeFileSync(options.json, JSON.stringify({ threads, torch, rows, lateness }, null, 1))
