// The runner of first light, with stages that hang, crash and are cut off; what its parts read; and its report.
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { temporaryFolder } from './support/temporary.js'

interface Outcome {
  code: number | null
  signal: string | null
  timedOut: string | undefined
  stdout: string
  stderr: string
  seconds: number
}
interface Context {
  facts: Record<string, unknown>
  processes: { run(command: string, args: string[], options: { limit: number; quiet?: number }): Promise<Outcome> }
  record(result: unknown): void
  secondsLeft(): number
}
interface Stage {
  name: string
  title: string
  weight: number
  most?: number
  skip?: (facts: Record<string, unknown>) => string | undefined
  run(context: Context): Promise<void>
  show?: (results: never[]) => unknown[]
}
interface Line {
  name: string
  title: string
  status: string
  why?: string
  seconds?: number
  results: unknown[]
}
interface Told {
  started: string
  seconds: number
  budget: number
  state: string
  options: Record<string, unknown>
  facts: Record<string, unknown>
  stages: Line[]
}
interface Conversation {
  ask(line: string, limit: number): Promise<Record<string, unknown>>
  stop(): void
}
interface Runner {
  records: Line[]
  state: string
  run(): Promise<void>
}

const firstLight = new URL('../../first-light/', import.meta.url)
const load = (name: string) => import(new URL(name, firstLight).href)
const { Runner, secondsFor } = (await load('runner.mjs')) as {
  Runner: new (options: {
    stages: Stage[]
    out: string
    budget: number
    write: (report: Told) => Record<string, string>
    print: (line: string) => void
  }) => Runner
  secondsFor(stages: { weight: number; most?: number }[], left: number): number
}
const { Processes, whyFailed } = (await load('processes.mjs')) as {
  Processes: new () => Context['processes'] & { endAll(): void; talk(command: string, args: string[]): Conversation }
  whyFailed(outcome: Outcome): string | undefined
}
const { writeReport } = (await load('report.mjs')) as {
  writeReport(report: Told, stages: Stage[]): Record<string, string>
}
const { raceStage } = (await load('stages/race.mjs')) as { raceStage: Stage }
const { kernelsOf, profile } = (await load('stages/profile.mjs')) as {
  profile: Stage
  kernelsOf(csv: string): { name: string; launches: number; figures: number[] }[]
}
const { findLibraries } = (await load('libraries.mjs')) as {
  findLibraries(options: { folder?: string; torch?: string; env: NodeJS.ProcessEnv }): {
    settings: Record<string, string>
    sentence: string
  }
}

const inFolder = temporaryFolder()
const makeFolder = () => mkdtempSync(inFolder('out-'))
const stage = (name: string, run: Stage['run'], more: Partial<Stage> = {}): Stage => {
  return { name, title: `Stage ${name}`, weight: 1, run, ...more }
}
const node = (script: string): [string, string[]] => [process.execPath, ['-e', script]]

test('a stage gets its share of what is left, and leaves what it does not use', (t) => {
  t.is(secondsFor([{ weight: 1 }, { weight: 3 }], 100), 25)
  t.is(secondsFor([{ weight: 3 }], 90), 90)
  t.is(secondsFor([{ weight: 1, most: 5 }, { weight: 1 }], 100), 5)
  t.is(secondsFor([{ weight: 1 }], -3), 0)
})

/** A child that hears no signal but the last, with a child of its own that does not either; both tell their numbers. */
const stubborn = `
process.on('SIGTERM', () => {})
const child = require('node:child_process').spawn(process.execPath, ['-e', "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"], { stdio: 'ignore' })
console.log(process.pid, child.pid)
setInterval(() => {}, 1000)`

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0)
    // one that has ended and that nobody has asked about is dead, too
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

test.serial('a hang, a crash and an error each lose one stage', async (t) => {
  const out = makeFolder()
  const states: string[] = []
  let pids: number[] = []
  const stages = [
    stage('good', async ({ record, facts }) => {
      facts.device = 'here'
      record({ n: 1 })
      // what is found is in the file at once
      t.is(readFileSync(path.join(out, '1-good.jsonl'), 'utf8'), '{"n":1}\n')
      record({ n: 2 })
    }),
    stage(
      'hang',
      async ({ processes, record }) => {
        record({ begun: true })
        const [command, args] = node(stubborn)
        const { stdout } = await processes.run(command, args, { limit: 1000 })
        pids = stdout.trim().split(' ').map(Number)
        record({ late: 'this is no longer its turn' })
      },
      { most: 2 },
    ),
    stage('crash', async ({ processes, record }) => {
      const outcome = await processes.run(...node("process.kill(process.pid, 'SIGSEGV')"), { limit: 10 })
      record({ why: whyFailed(outcome) })
    }),
    stage('slow', async ({ processes, record }) => {
      const outcome = await processes.run(...node(stubborn), { limit: 1 })
      pids.push(...outcome.stdout.trim().split(' ').map(Number))
      record({ why: whyFailed(outcome) })
    }),
    stage('error', async () => {
      throw new Error('a mistake of ours')
    }),
    stage('skipped', async () => t.fail('it runs'), { skip: ({ device }) => `the device is ${device}` }),
    stage('last', async ({ record, secondsLeft }) => record({ left: secondsLeft() })),
  ]
  const runner = new Runner({
    stages,
    out,
    budget: 60,
    print: () => {},
    write: (report) => {
      states.push(report.stages.map(({ status }) => status).join())
      return { 'report.json': JSON.stringify(report) }
    },
  })
  await runner.run()

  t.is(runner.state, 'done')
  t.deepEqual(
    runner.records.map(({ name, status }) => [name, status]),
    [
      ['good', 'done'],
      ['hang', 'out of time'],
      ['crash', 'done'],
      ['slow', 'done'],
      ['error', 'failed'],
      ['skipped', 'skipped'],
      ['last', 'done'],
    ],
  )
  const [good, hang, crash, slow, error, skipped, last] = runner.records
  t.deepEqual(good!.results, [{ n: 1 }, { n: 2 }])
  t.deepEqual(hang!.results, [{ begun: true }])
  t.deepEqual(crash!.results, [{ why: 'it ended with SIGSEGV' }])
  t.deepEqual(slow!.results, [{ why: 'it did not end within 1 s' }])
  t.is(error!.why, 'a mistake of ours')
  t.is(skipped!.why, 'the device is here')
  t.true((last!.results[0] as { left: number }).left > 50, 'it has what the others left')

  await sleep(200)
  t.is(pids.length, 4, 'each stubborn child told of two')
  t.deepEqual(pids.filter(isAlive), [])
  // before the first stage, after each, and at the end
  t.is(states.length, stages.length + 2)
  t.is(states[1], 'done,to come,to come,to come,to come,to come,to come')
  const written = JSON.parse(readFileSync(path.join(out, 'report.json'), 'utf8')) as Told
  t.deepEqual(written.stages, JSON.parse(JSON.stringify(runner.records)))
  t.is(readFileSync(path.join(out, '2-hang.jsonl'), 'utf8'), '{"begun":true}\n')
})

test.serial('a spent budget leaves out what is to come', async (t) => {
  const run = async ({ processes }: Context) => void (await processes.run(...node(stubborn), { limit: 1000 }))
  const started = Date.now()
  const runner = new Runner({
    stages: ['a', 'b', 'c'].map((name) => stage(name, run)),
    out: makeFolder(),
    budget: 4,
    write: () => ({}),
    print: () => {},
  })
  await runner.run()
  t.true(Date.now() - started < 8000)
  t.true(runner.records.every(({ status, why }) => ['out of time', 'skipped'].includes(status) && why))
  t.is(runner.records[0]!.status, 'out of time')
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test.serial(`${signal} still writes the report`, async (t) => {
    const out = makeFolder()
    const script = inFolder(`${signal}.mjs`)
    writeFileSync(
      script,
      `import { Runner } from ${JSON.stringify(new URL('runner.mjs', firstLight).href)}
const stage = (name, run) => ({ name, title: name, weight: 1, run })
const runner = new Runner({
  stages: [stage('first', async ({ record, processes }) => {
    record({ found: 1 })
    const child = processes.run(process.execPath, ['-e', ${JSON.stringify(stubborn)}], { limit: 100, onLine: (line) => { record(line); console.log('ready') } })
    await child
  }), stage('second', async () => {})],
  out: ${JSON.stringify(out)}, budget: 100, write: (report) => ({ 'report.json': JSON.stringify(report) }),
})
process.on(${JSON.stringify(signal)}, () => runner.interrupt('${signal} came'))
await runner.run()
process.exit(runner.state === 'interrupted' ? 130 : 0)
`,
    )
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
    child.stdout.on('data', (chunk) => {
      if (String(chunk).includes('ready')) child.kill(signal)
    })
    const code = await new Promise((resolve) => child.on('close', resolve))
    t.is(code, 130)
    const report = JSON.parse(readFileSync(path.join(out, 'report.json'), 'utf8')) as Told
    t.is(report.state, 'interrupted')
    t.deepEqual(
      report.stages.map(({ status, why }) => [status, why]),
      [
        ['interrupted', `${signal} came`],
        ['not reached', `${signal} came`],
      ],
    )
    t.deepEqual(report.stages[0]!.results[0], { found: 1 })
    await sleep(200)
    t.deepEqual(String(report.stages[0]!.results[1]).split(' ').map(Number).filter(isAlive), [])
  })
}

const told = (facts: Record<string, unknown>): Told => ({
  started: '2026-01-02T03:04:05.000Z',
  seconds: 12.3,
  budget: 60,
  state: 'done',
  options: { device: 'cuda:0', jobs: 2 },
  facts,
  stages: [
    { name: 'a', title: 'First', status: 'done', seconds: 1, results: [{ n: 1 }] },
    { name: 'b', title: 'Second', status: 'skipped', why: 'it <can> not', results: [] },
  ],
})
const shown = [
  stage('a', async () => {}, {
    show: () => [
      { kind: 'table', head: ['x|y', 'z'], rows: [['1 < 2', 3]] },
      { kind: 'listing', content: 'a\nb' },
    ],
  }),
  stage('b', async () => {}),
]

test('the first line of a report says on what it ran', (t) => {
  const device = (product: string) => ({ name: 'cuda:0', description: `cuDNN 9 on ${product}`, cuda: { product } })
  const lines = (facts: Record<string, unknown>) => {
    const files = writeReport(told(facts), shown)
    const json = JSON.parse(files['report.json']!)
    const [markdown] = files['report.md']!.split('\n')
    t.is(markdown, `**${json.headline}**`)
    t.regex(files['report.html']!, new RegExp(`<body><p class="device[a-z ]*">${json.headline}</p>`))
    return [json.headline, json.simulated]
  }
  t.deepEqual(lines({ device: device('simulated GPU'), isSimulated: true }), [
    'SIMULATED device, no GPU: cuDNN 9 on simulated GPU. No time below is that of a GPU.',
    true,
  ])
  t.deepEqual(lines({ device: device('NVIDIA H100'), isSimulated: false }), [
    'NVIDIA H100: cuDNN 9 on NVIDIA H100',
    false,
  ])
  t.deepEqual(lines({ whyNoDevice: 'the NVIDIA driver is not installed' }), [
    'No GPU was used: the NVIDIA driver is not installed',
    false,
  ])
})

test('what was measured on a simulated device says so where it stands', (t) => {
  const facts = { device: { name: 'cuda:0', description: 'simulated GPU' }, isSimulated: true }
  const measuring = shown.map((each) => ({ ...each, measures: true }))
  t.regex(writeReport(told(facts), measuring)['report.md']!, /## 1\. First\n\nSIMULATED: these times/)
  t.notRegex(writeReport(told({ ...facts, isSimulated: false }), measuring)['report.md']!, /SIMULATED/)
})

test('a report has the tables, and a sentence for what did not run', (t) => {
  const { 'report.md': markdown, 'report.html': html } = writeReport(told({}), shown)
  t.regex(markdown!, /\| x\\\|y \| z \|\n\| --- \| --- \|\n\| 1 < 2 \| 3 \|/)
  t.regex(markdown!, /## 2\. Second\n\nThis stage did not run: it <can> not\./)
  t.true(html!.includes('<td>1 &lt; 2</td>'))
  t.true(html!.includes('did not run: it &lt;can&gt; not.'))
  t.notRegex(html!, /src=|href=/)
})

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

test('libraries are found in the folder of cuda install, in pip packages, or in any other', (t) => {
  const put = (...names: string[]) => {
    const file = inFolder(...names)
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, '')
    return path.dirname(file)
  }
  const env = { HOME: inFolder('nobody') }
  put('installed', 'cuda-13', 'installed.json')
  const installed = { NODE_CUDNN_CUDA_DIR: inFolder('installed') }
  t.deepEqual(findLibraries({ folder: inFolder('installed'), env }).settings, installed)
  t.deepEqual(findLibraries({ folder: inFolder('installed', 'cuda-13'), env }).settings, installed)

  const cudnn = put('site-packages', 'nvidia', 'cudnn', 'lib', 'libcudnn.so.9')
  const cu13 = put('site-packages', 'nvidia', 'cu13', 'lib', 'libcublasLt.so.13')
  const { settings } = findLibraries({ folder: inFolder('site-packages'), env: { ...env, LD_LIBRARY_PATH: '/mine' } })
  t.deepEqual(settings.LD_LIBRARY_PATH!.split(':').sort(), [cudnn, cu13, '/mine'].sort())
  t.is(settings.NODE_CUDNN_CUDA_DIR, '')

  const plain = put('plain', 'libcudart.so.13')
  t.is(findLibraries({ folder: plain, env }).settings.LD_LIBRARY_PATH, plain)
  t.deepEqual(findLibraries({ env }).settings, {})
  const empty = makeFolder()
  t.throws(() => findLibraries({ folder: empty, env }), { message: /there is no libcudart, libcudnn or libcublasLt/ })
})

test('wrong options are named, with those that there are', async (t) => {
  const main = fileURLToPath(new URL('main.mjs', firstLight))
  for (const [args, said] of [
    [['--budget', 'soon'], /--budget is 'soon', expected a number above 0/],
    [['--size', 'huge'], /--size is 'huge', expected full or small/],
    [['--only', 'lunch'], /there is no stage 'lunch'/],
    [['--nonsense'], /nonsense/],
  ] as const) {
    const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    let stderr = ''
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    t.is(await new Promise((resolve) => child.on('close', resolve)), 2)
    t.regex(stderr, said)
    t.regex(stderr, /--cuda-libraries DIR/)
  }
})

test('the suites run on the devices that are named, and on none that is not there', (t) => {
  const module = new URL('./support/devices.js', import.meta.url).href
  const script = `import { testedDevices } from '${module}'; console.log(testedDevices().map(({ name }) => name).join())`
  const ask = (devices: string) =>
    spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      env: { ...process.env, NODE_CUDNN_TEST_DEVICES: devices },
    })
  t.is(ask('reference').stdout, 'reference\n')
  t.is(ask('reference,cpu').stdout, 'cpu,reference\n')
  t.regex(ask('cuda:77,reference').stderr, /NODE_CUDNN_TEST_DEVICES names cuda:77, but there are .*reference/)
})

test('the shell script is one that any sh can read', (t) => {
  const script = fileURLToPath(new URL('first-light.sh', firstLight))
  t.true(existsSync(script))
  const child = spawn('sh', ['-n', script])
  return new Promise<void>((resolve) => {
    child.on('close', (code) => {
      t.is(code, 0)
      resolve()
    })
  })
})

test('a stage that goes on after its end starts nothing any more, and garbage is no result', async (t) => {
  const { Processes, resultOf } = (await import(new URL('../../first-light/processes.mjs', import.meta.url).href)) as {
    Processes: new () => {
      run(command: string, args: string[], options: { limit: number }): Promise<Outcome>
      endAll(): void
    }
    resultOf(line: string): unknown
  }
  const processes = new Processes()
  const first = processes.run('sleep', ['60'], { limit: 60 })
  processes.endAll()
  t.is((await first).signal, 'SIGKILL')
  await t.throwsAsync(processes.run('sleep', ['60'], { limit: 60 }), { message: 'the stage is over' })
  t.deepEqual(resultOf('{"seconds": 1}'), { seconds: 1 })
  for (const line of ['{"seconds": ', '{garbage', 'Loading 1 of 2', '']) t.is(resultOf(line), undefined)
})
