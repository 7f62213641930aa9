// The stages of first light: processes that hang and end, the race, the profile.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test from 'ava'
import { type Context, type Conversation, load, node, type Outcome, type Stage } from './support/first-light.js'
import { temporaryFolder } from './support/temporary.js'

const { Processes, whyFailed } = (await load('processes.mjs')) as {
  Processes: new () => Context['processes'] & { endAll(): void; talk(command: string, args: string[]): Conversation }
  whyFailed(outcome: Outcome): string | undefined
}
const { raceStage } = (await load('stages/race.mjs')) as { raceStage: Stage }
const { kernelsOf, profile } = (await load('stages/profile.mjs')) as {
  profile: Stage
  kernelsOf(csv: string): { name: string; launches: number; figures: number[] }[]
}

const inFolder = temporaryFolder()

test("ncu's raw page becomes a line a kernel", (t) => {
  const names = ['gpu__time_duration.sum', 'gpu__compute_memory_throughput.avg.pct_of_peak_sustained_elapsed']
  const rest = ['sm__throughput.avg.pct_of_peak_sustained_elapsed', 'dram__bytes.sum']
  const quoted = (...fields: string[]) => fields.map((field) => `"${field}"`).join(',')
  const csv = [
    '==PROF== Connected to process 1',
    quoted('ID', 'Kernel Name', ...names, ...rest),
    quoted('', '', 'us', '%', '%', 'Mbyte'),
    quoted('0', 'void cnn::cuda::<unnamed>::add<float>(int, int)', '1,000.5', '50', '10', '2'),
    quoted('1', 'cnn::cuda::(anonymous namespace)::sum(float const*)', '3', '80', '20', '1'),
    quoted('2', 'cnn::cuda::sum(float const*)', '5', '90', '20', '1'),
  ].join('\n')
  t.deepEqual(kernelsOf(csv), [
    { name: 'cnn::cuda::add', launches: 1, figures: [1000.5, 50, 10, 2] },
    { name: 'cnn::cuda::sum', launches: 2, figures: [5, 90, 20, 1] },
  ])
  t.deepEqual(kernelsOf('==ERROR== ERR_NVGPUCTRPERM'), [])
})

/** Runs a stage by itself; what it records. */
async function runStage(
  stage: Stage,
  settings: Record<string, unknown>,
  seconds = 30,
): Promise<Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = []
  const processes = new Processes()
  const end = Date.now() + seconds * 1000
  const context = {
    device: 'cuda:0',
    processes,
    record: (result: Record<string, unknown>) => void found.push(result),
    secondsLeft: () => (end - Date.now()) / 1000,
    ...settings,
  }
  await stage.run(context as unknown as Context)
  processes.endAll()
  return found
}
function program(file: string, text: string): string {
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, text)
  chmodSync(file, 0o755)
  return file
}

test.serial('a process that prints nothing more is ended before its limit', async (t) => {
  const processes = new Processes()
  const talks = 'let n = 0; setInterval(() => { if (n++ < 8) console.log(n) }, 100)'
  const outcome = await processes.run(...node(talks), { limit: 60, quiet: 1 })
  t.regex(outcome.stdout, /8\n$/)
  t.true(outcome.seconds < 30)
  t.regex(whyFailed(outcome)!, /^it printed nothing for 1 s, and did not end within \d+ s$/)
})

test.serial('a process that does not answer is given up, and one that ends says why', async (t) => {
  const processes = new Processes()
  const silent = processes.talk(...node('setInterval(() => {}, 1000)'))
  t.deepEqual(await silent.ask('prep', 0.3), { error: 'no answer within 0 s' })
  t.deepEqual(await silent.ask('go', 10), { error: 'no answer within 0 s' })
  const failing = processes.talk(...node("console.error('no driver'); process.exit(3)"))
  t.deepEqual(await failing.ask('prep', 10), { error: 'the process ended with 3: no driver' })
  const talking = processes.talk(
    ...node("process.stdin.on('data', (line) => console.log('words\\n' + JSON.stringify({ line: String(line) })))"),
  )
  t.deepEqual(await talking.ask('prep', 10), { line: 'prep\n' })
  talking.stop()
})

test.serial('a race halves the batch that the memory does not hold, and goes on without who fails', async (t) => {
  const root = inFolder('race')
  const answers = (of: string) => `
let batch = 0
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const [verb, workload] = line.split(' ')
  batch = Number(workload.split(':')[2])
  ${of}
})`
  const ours =
    "console.log(JSON.stringify(verb === 'go' ? { wall: 10 } : batch > 64 ? { error: 'OutOfMemoryError: out of memory on cuda:0' } : { ok: 1 }))"
  mkdirSync(path.join(root, 'dist/benchmarks'), { recursive: true })
  writeFileSync(path.join(root, 'dist/benchmarks/worker.js'), answers(ours))
  const script = inFolder('race', 'torch.cjs')
  writeFileSync(
    script,
    `if (process.argv.includes('compile')) { console.error('no triton'); process.exit(1) }\n${answers("console.log(JSON.stringify(verb === 'go' ? { wall: 20, peak: 5 } : { ok: 1, version: '2' }))")}`,
  )
  const torch = program(inFolder('race', 'python'), `#!/bin/sh\nexec ${process.execPath} ${script} "$@"\n`)
  const found = await runStage(raceStage, {
    root,
    torch,
    env: process.env,
    torchEnv: process.env,
    facts: { size: 'full' },
  })
  const races = found.filter(({ title }) => title) as {
    batch: number
    wantedBatch: number
    times: Record<string, { wall?: number; error?: string }>
  }[]
  t.deepEqual(
    races.map(({ batch, wantedBatch }) => [batch, wantedBatch]),
    [
      [64, 256],
      [64, 256],
      [64, 256],
      [64, 128],
      [64, 256],
    ],
  )
  for (const { times } of races) {
    t.is(times['node-cudnn']!.wall, 10)
    t.is(times['torch, channels-last']!.wall, 20)
    t.is(times['torch.compile']!.error, 'the process ended with 1: no triton')
  }
})

test.serial('the profile is of the tools that are there, and says what they say', async (t) => {
  const tools = inFolder('tools')
  const settings = { env: { PATH: `${tools}:/usr/bin:/bin` }, facts: {} }
  program(path.join(tools, 'ncu'), '#!/bin/sh\necho "==ERROR== ERR_NVGPUCTRPERM: no permission"; exit 1\n')
  program(
    path.join(tools, 'compute-sanitizer'),
    '#!/bin/sh\necho "========= COMPUTE-SANITIZER"\n[ "$2" = memcheck ] || exit 0\necho "========= Invalid write"; exit 9\n',
  )
  const [ncu, memcheck, racecheck] = await runStage(profile, settings)
  t.is(ncu!.why, '==ERROR== ERR_NVGPUCTRPERM: no permission')
  t.true(memcheck!.found)
  t.deepEqual(memcheck!.lines, ['========= COMPUTE-SANITIZER', '========= Invalid write'])
  t.false(racecheck!.found)
  t.is(racecheck!.why, undefined)
})
