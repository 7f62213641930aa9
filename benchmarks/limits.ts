// `npm run bench:limits`: what is not speed on an idle machine. The peak memory of training steps beside PyTorch's, the overhead of a compiled
// function of a hundred tiny ops, and what a busy neighbour on one core costs.
import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { compile, ones, synchronize, type Tensor, tidy } from '../lib/index.js'
import { Contender } from './contender.js'
import { median } from './statistics.js'

const program = new Command('limits')
  .description('Peak memory, overhead, and a busy neighbour.')
  .option('--python <file>', 'a Python that has torch', process.env.PYTHON ?? 'python3')
  .option('--threads <n>', 'threads of every contender', '2')
  .parse()
const options = program.opts<{ python: string; threads: string }>()
const threads = Number(options.threads)
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const peer = here('../../benchmarks/peers/torch_worker.py')

const starts = {
  'node-cudnn': () => new Contender('node-cudnn', process.execPath, [here('worker.js')], threads),
  'torch nchw': () => new Contender('torch nchw', options.python, [peer], threads),
  'torch nhwc': () => new Contender('torch nhwc', options.python, [peer, 'nhwc'], threads),
}

/** How much a fresh process grows in two steps, at its highest. */
async function memory(workload: string): Promise<void> {
  const grown: [string, number][] = []
  for (const [name, start] of Object.entries(starts)) {
    const contender = start()
    const answer = await contender.ask(`prep ${workload}`)
    contender.stop()
    if (answer.grown === undefined) console.log(`${workload}  ${name}: ${answer.error}`)
    else grown.push([name, answer.grown])
  }
  const own = grown.find(([name]) => name === 'node-cudnn')?.[1]
  const least = Math.min(...grown.filter(([name]) => name !== 'node-cudnn').map(([, bytes]) => bytes))
  const parts = grown.map(([name, bytes]) => `${name} ${(bytes / 2 ** 20).toFixed(0)} MiB`)
  const ratio = own !== undefined && Number.isFinite(least) ? `, ${(own / least).toFixed(2)} of PyTorch's` : ''
  console.log(`peak memory, ${workload}: ${parts.join(', ')}${ratio}`)
}

/** Ops of eight numbers that no pass fuses away, since a mean needs them all, in one compiled function. */
async function overhead(): Promise<void> {
  const step = compile((x: Tensor) => {
    let y = x
    for (let i = 0; i < 50; i++) y = y.sub(y.mean())
    return y
  })
  const x = ones([8], { device: 'cpu' })
  const [calls, runs]: [number[], number[]] = [[], []]
  for (let i = 0; i < 3000; i++) {
    const start = performance.now()
    const y = tidy(() => step(x))
    calls.push(performance.now() - start)
    await synchronize('cpu')
    runs.push(performance.now() - start)
    y.dispose()
  }
  const [call, run] = [median(calls.slice(1000)), median(runs.slice(1000))]
  console.log(
    `a compiled function of 100 tiny ops: ${run.toFixed(3)} ms, of which the event loop waits ${call.toFixed(3)} ms`,
  )
}

/** The slowdown of small steps while another process keeps a core busy. */
async function neighbour(workload: string): Promise<void> {
  for (const start of Object.values(starts)) {
    const contender = start()
    await contender.ask(`prep ${workload}`)
    const alone = await contender.ask(`go ${workload} 3`)
    const busy = spawn(process.execPath, ['-e', 'while (true);'])
    await sleep(200)
    const beside = await contender.ask(`go ${workload} 3`)
    busy.kill('SIGKILL')
    contender.stop()
    const ratio = (beside.wall ?? Number.NaN) / (alone.wall ?? Number.NaN)
    console.log(
      `${workload} beside a busy core, ${contender.name}: ${alone.wall?.toFixed(3)} → ${beside.wall?.toFixed(3)} ms, ${ratio.toFixed(2)} times`,
    )
  }
}

for (const workload of ['resnet34:train:16', 'mobilenetv2:train:16']) await memory(workload)
await overhead()
await neighbour('cifar:infer:1')
