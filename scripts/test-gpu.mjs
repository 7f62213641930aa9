// `npm run test:gpu`: what this machine's GPU makes of the CUDA backend: the op suites, a training run beside the CPU's, and a short benchmark.
// Writes one JSON file that says what ran on what, to be sent along with a report. --quick does a little of each.
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import readline from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { setup } from './setup.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: 'out/gpu-report.json' },
    device: { type: 'string', default: 'cuda:0' },
    quick: { type: 'boolean', default: false },
    'no-setup': { type: 'boolean', default: false },
  },
})

const suites = options.quick
  ? ['update']
  : [
      'ops',
      'compile-ops',
      'compile-linear',
      'compile-batch',
      'compile-elementwise',
      'compile-half',
      'half',
      'update',
      'training-parity',
      'random',
      'second-order',
      'bad-input',
      'autocast',
      'grad-scaler',
      'event-loop',
      'trainer',
      'trainer-memory',
    ]
const workloads = options.quick
  ? ['lenet:train:1']
  : ['cifar', 'resnet34', 'mobilenetv2'].flatMap((net) => [`${net}:train:16`, `${net}:infer:16`, `${net}:train:64`])
const seconds = options.quick ? 0.1 : 2

function output(command, ...args) {
  const { status, stdout } = spawnSync(command, args, { cwd: root, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}

/** What a module prints as JSON, in a process of its own: a broken driver may end it. */
function ask(script) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: root,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr.trim().split('\n').at(-1))
  return JSON.parse(stdout)
}

/** Passed and failed tests of a suite. Products are not rounded to TF32, since the tolerances are those of float32. */
function runSuite(word) {
  const { stdout } = spawnSync(process.execPath, ['scripts/test.mjs', '--no-setup', `dist/test/${word}.test.js`], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, NODE_CUDNN_ALLOW_TF32: '0' },
    maxBuffer: 1 << 28,
  })
  const [, passed = '0', failed = '1'] = /(\d+) passed, (\d+) failed(?:, \d+ skipped)?\s*$/.exec(stdout) ?? []
  const failures = stdout.split('\n').filter((line) => line.includes('✘'))
  return { suite: word, passed: Number(passed), failed: Number(failed), failures: failures.slice(0, 50) }
}

/** A hundred steps from the same weights on both: the losses, and where they are furthest apart. */
function train() {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['dist/test/fixtures/training-losses.js', options.device, 'cpu'],
    { cwd: root, encoding: 'utf8', env: { ...process.env, NODE_CUDNN_ALLOW_TF32: '0' } },
  )
  if (status !== 0) return { error: stderr.trim().slice(-2000) }
  const losses = JSON.parse(stdout)
  const furthest = Math.max(...losses.cpu.map((loss, i) => Math.abs(loss - losses[options.device][i])))
  return { steps: losses.cpu.length, furthest, losses }
}

/** Milliseconds a step, compiled and op by op; `benchmarks/worker` tells its protocol. */
async function benchmark() {
  const rows = []
  for (const mode of ['compiled', 'eager']) {
    const args = ['dist/benchmarks/worker.js', options.device, ...(mode === 'eager' ? ['--eager'] : [])]
    const worker = spawn(process.execPath, args, { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] })
    const lines = readline.createInterface({ input: worker.stdout })[Symbol.asyncIterator]()
    const tell = async (line) => {
      worker.stdin.write(`${line}\n`)
      const { value, done } = await lines.next()
      return done ? { error: 'the worker ended' } : JSON.parse(value)
    }
    for (const workload of workloads) {
      const prepared = await tell(`prep ${workload}`)
      const figures = prepared.ok ? await tell(`go ${workload} ${seconds}`) : prepared
      rows.push({ workload, mode, ...figures })
    }
    worker.stdin.end()
  }
  return rows
}

async function main() {
  if (!options['no-setup']) await setup()
  const library = "import { cudaOptions, devices, whyNoCuda } from './dist/lib/index.js'"
  const { found, why } = ask(`${library}; console.log(JSON.stringify({ found: devices(), why: whyNoCuda() ?? '' }))`)
  const device = found.find(({ name }) => name === options.device)
  if (!device) {
    console.error(
      `there is no ${options.device}: ${why || 'the devices are'} ${found.map(({ name }) => name).join(', ')}`,
    )
    return 1
  }
  console.log(`${device.name}: ${device.description}`)

  const suiteResults = suites.map((word) => {
    const result = runSuite(word)
    console.log(`${word}: ${result.passed} passed, ${result.failed} failed`)
    for (const line of result.failures) console.log(line)
    return result
  })
  const training = train()
  console.log(
    training.error ??
      `training: ${training.steps} steps, the losses are at most ${training.furthest} from those of the cpu`,
  )
  const benchmarks = await benchmark()
  for (const { workload, mode, wall, error } of benchmarks) {
    console.log(`${workload} ${mode}: ${error ?? `${wall.toFixed(3)} ms a step`}`)
  }

  const file = path.resolve(root, options.out)
  const report = {
    format: 'node-cudnn gpu report 1',
    date: new Date().toISOString(),
    commit: output('git', 'rev-parse', 'HEAD'),
    changed: (output('git', 'status', '--porcelain') ?? '').split('\n').filter(Boolean),
    system: {
      os: `${os.type()} ${os.release()}`,
      processor: os.cpus()[0]?.model,
      threads: os.availableParallelism(),
      node: process.version,
    },
    driver: output('nvidia-smi', '--query-gpu=name,driver_version,compute_cap', '--format=csv,noheader'),
    device,
    suites: suiteResults,
    training,
    benchmarks,
  }
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(report, undefined, 1)}\n`)
  console.log(`\nthe report is ${file}; please attach it to what you tell us`)
  const isGood = suiteResults.every(({ failed }) => failed === 0) && training.furthest <= 1e-3
  return isGood && benchmarks.every(({ error }) => !error) ? 0 : 1
}

process.exitCode = await main()
