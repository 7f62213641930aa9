// The runner of first light, with stages that hang, crash and are cut off, and go on after their end.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import {
  type Context,
  firstLight,
  type Line,
  load,
  node,
  type Outcome,
  type Stage,
  stage,
  type Told,
} from './support/first-light.js'
import { temporaryFolder } from './support/temporary.js'

interface Runner {
  records: Line[]
  state: string
  run(): Promise<void>
}
const { whyFailed } = (await load('processes.mjs')) as { whyFailed(outcome: Outcome): string | undefined }
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

const inFolder = temporaryFolder()
const makeFolder = () => mkdtempSync(inFolder('out-'))

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
