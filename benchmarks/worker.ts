// One contender of a race, as a process. It reads lines and answers each with one line of JSON:
//   prep NET:train|infer:BATCH   builds the network and runs it twice   → {"ok": 1, "grown": bytes at the peak} or {"error": "…"}
//   go NET:train|infer:BATCH T   steps for T seconds                    → {"wall": median ms, "cpu": median process-CPU ms, "steps": n}
// Functions are compiled; with --eager they run op by op.
// Training is SGD without momentum on cross-entropy with one fixed random batch; inference runs without gradients.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import {
  compile,
  functional,
  manualSeed,
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

type Step = () => Promise<void>

const isEager = process.argv.includes('--eager')
const device = process.argv.slice(2).find((argument) => !argument.startsWith('--'))
if (device) setDefaultDevice(device as 'cpu')

let dispose: (() => void) | undefined

async function prepare(name: string): Promise<Step> {
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
    lossOf(model.forward(x), target).backward()
    optimizer.step()
    optimizer.zeroGrad()
  }
  const infer = (x: Tensor): Tensor => noGrad(() => model.forward(x))
  const compiled = isEager
    ? { train, infer }
    : { train: compile(train, { winograd: true }), infer: compile(infer, { winograd: true }) }
  const run = kind === 'train' ? () => compiled.train(x, target) : () => void compiled.infer(x)
  const step = async (): Promise<void> => {
    tidy(run)
    await synchronize()
  }
  await step()
  await step()
  return step
}

async function measure(step: Step, seconds: number): Promise<{ wall: number; cpu: number; steps: number }> {
  const wall: number[] = []
  const cpu: number[] = []
  const end = performance.now() + seconds * 1000
  do {
    const before = process.cpuUsage()
    const start = performance.now()
    await step()
    wall.push(performance.now() - start)
    const used = process.cpuUsage(before)
    cpu.push((used.user + used.system) / 1000)
  } while (performance.now() < end)
  return { wall: median(wall), cpu: median(cpu), steps: wall.length }
}

/** A figure of /proc/self/status in bytes: `VmRSS`, what is resident now, or `VmHWM`, the most so far. */
function resident(name: string): number {
  const [, kibibytes = 'NaN'] =
    new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return Number(kibibytes) * 1024
}

let step: Step | undefined
for await (const line of createInterface({ input: process.stdin })) {
  const [verb, workload = '', seconds = '1'] = line.trim().split(/\s+/)
  try {
    if (verb === 'prep') {
      const before = resident('VmRSS')
      step = await prepare(workload)
      console.log(JSON.stringify({ ok: 1, grown: resident('VmHWM') - before }))
    } else if (verb === 'go' && step) {
      console.log(JSON.stringify(await measure(step, Number(seconds))))
    } else {
      console.log(JSON.stringify({ error: `expected 'prep WORKLOAD' and then 'go WORKLOAD SECONDS', got '${line}'` }))
    }
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }))
  }
}
