// One contender of a race, as a process. It reads lines and answers each with one line of JSON:
//   prep NET:train|infer:BATCH   builds the network and runs it twice   → {"ok": 1, "grown": bytes at the peak} or {"error": "…"}
//   go NET:train|infer:BATCH T   steps for T seconds                    → {"wall": median ms, "cpu": median process-CPU ms, "steps": n}
//   go NET:train|infer:BATCH T N   the same, waiting for the device after every N steps, as training loops do; times are those of one step
// Functions are compiled; with --eager they run op by op, with --autocast forward passes and losses compute in bfloat16.
// Training is SGD without momentum on cross-entropy with one fixed random batch; inference runs without gradients.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import {
  autocast,
  compile,
  functional,
  manualSeed,
  memory,
  noGrad,
  optim,
  randint,
  randn,
  setDefaultDevice,
  synchronize,
  type Tensor,
  tidy,
} from '../lib/index.js'
import { workloads } from './nets.js'
import { median } from './statistics.js'

/** Takes a number of steps, then waits for the device. */
type Steps = (count: number) => Promise<void>

const isEager = process.argv.includes('--eager')
const isHalf = process.argv.includes('--autocast')
const cast = <T>(fn: () => T): T => (isHalf ? autocast('bfloat16', fn) : fn())
const device = process.argv.slice(2).find((argument) => !argument.startsWith('--'))
if (device) setDefaultDevice(device as 'cpu')

let dispose: (() => void) | undefined

async function prepare(name: string): Promise<Steps> {
  const [net, kind, batch] = name.split(':')
  const workload = workloads[net ?? '']
  if (!workload || (kind !== 'train' && kind !== 'infer')) throw new Error(`unknown workload ${name}`)
  dispose?.()
  manualSeed(0)
  const model = workload.make()
  const x = randn([Number(batch), ...workload.shape])
  const { classes } = workload
  const target = randint(0, classes ?? 1, [Number(batch)])
  const lossOf = (output: Tensor, target: Tensor) => (classes ? functional.crossEntropy(output, target) : output.mean())
  const owned: Tensor[] = [...model.parameters(), x, target]
  dispose = () => {
    for (const each of owned) each.dispose()
  }
  const optimizer = new optim.SGD(model.parameters(), { lr: 1e-4 })
  model.train(kind === 'train')

  const train = (x: Tensor, target: Tensor): void => {
    cast(() => lossOf(model.forward(x), target)).backward()
    optimizer.step()
    optimizer.zeroGrad()
  }
  const infer = (x: Tensor): Tensor => noGrad(() => cast(() => model.forward(x)))
  const compiled = isEager
    ? { train, infer }
    : { train: compile(train, { precision: 'fast' }), infer: compile(infer, { precision: 'fast' }) }
  const run = kind === 'train' ? () => compiled.train(x, target) : () => void compiled.infer(x)
  const take = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) tidy(run)
    await synchronize()
  }
  await take(1)
  await take(1)
  return take
}

async function measure(take: Steps, seconds: number, count: number) {
  const wall: number[] = []
  const cpu: number[] = []
  const end = performance.now() + seconds * 1000
  do {
    const before = process.cpuUsage()
    const start = performance.now()
    await take(count)
    wall.push((performance.now() - start) / count)
    const used = process.cpuUsage(before)
    cpu.push((used.user + used.system) / 1000 / count)
  } while (performance.now() < end)
  return { wall: median(wall), cpu: median(cpu), steps: wall.length * count, peak: memory().peak }
}

/** A figure of /proc/self/status in bytes: `VmRSS`, what is resident now, or `VmHWM`, the most so far. */
function resident(name: string): number {
  const [, kibibytes = 'NaN'] =
    new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return Number(kibibytes) * 1024
}

let steps: Steps | undefined
for await (const line of createInterface({ input: process.stdin })) {
  const [verb, workload = '', seconds = '1', count = '1'] = line.trim().split(/\s+/)
  try {
    if (verb === 'prep') {
      const before = resident('VmRSS')
      steps = undefined
      steps = await prepare(workload)
      console.log(JSON.stringify({ ok: 1, grown: resident('VmHWM') - before }))
    } else if (verb === 'go' && steps) {
      console.log(JSON.stringify(await measure(steps, Number(seconds), Number(count))))
    } else {
      console.log(
        JSON.stringify({ error: `expected 'prep WORKLOAD' and then 'go WORKLOAD SECONDS [STEPS]', got '${line}'` }),
      )
    }
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }))
  }
}
