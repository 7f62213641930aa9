// First light: what one GPU makes of the package, in one run, as one report. Runs in a kit (scripts/gpu-kit.mjs) and in a checkout that is built.
import { existsSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { findLibraries } from './libraries.mjs'
import { headline, writeReport } from './report.mjs'
import { Runner } from './runner.mjs'
import { stages as allStages } from './stages/index.mjs'

const usage = `first-light.sh [options]
  --out DIR               where results and the report go; default: first-light-report here
  --budget SECONDS        how long all may take; default 1800
  --jobs N                suites at once; default: half of the processor's threads, at most 8
  --torch PYTHON          a Python that has torch for the same GPU, to race with
  --cuda-libraries DIR    the folder of \`node-cudnn cuda install\`, pip's packages (site-packages), or any with libcudnn and libcublasLt;
                          default: what is installed, then the nvidia packages of --torch, then the system's
  --device NAME           default cuda:0
  --size full|small       how much each stage does; default: small on a simulated device, else full
  --only NAMES            some stages, with commas between: ${allStages.map(({ name }) => name).join(', ')}`

class UsageError extends Error {}

function positive(name, value) {
  const number = Number(value)
  if (!(number > 0)) throw new UsageError(`--${name} is '${value}', expected a number above 0`)
  return number
}

function readOptions(args) {
  const string = { type: 'string' }
  const flags = ['out', 'budget', 'jobs', 'torch', 'cuda-libraries', 'device', 'size', 'only']
  const options = Object.fromEntries(flags.map((name) => [name, string]))
  let values
  try {
    values = parseArgs({ args, options: { ...options, help: { type: 'boolean' } } }).values
  } catch (error) {
    throw new UsageError(error.message)
  }
  if (values.size && !['full', 'small'].includes(values.size)) {
    throw new UsageError(`--size is '${values.size}', expected full or small`)
  }
  const only = values.only?.split(',')
  const unknown = only?.find((name) => !allStages.some((stage) => stage.name === name))
  if (unknown) throw new UsageError(`--only: there is no stage '${unknown}'`)
  return { ...values, only }
}

/** Python's own name need not be a path. */
const command = (name) => (name?.includes('/') ? path.resolve(name) : name)

async function main(args) {
  const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
  const given = readOptions(args)
  if (given.help) {
    console.log(usage)
    return 0
  }
  const threads = os.availableParallelism()
  const torch = command(given.torch)
  const { settings, sentence } = findLibraries({ folder: given['cuda-libraries'], torch })
  const kit = path.join(root, 'kit.json')
  const options = {
    kit: existsSync(kit) ? JSON.parse(readFileSync(kit, 'utf8')) : undefined,
    device: given.device ?? 'cuda:0',
    size: given.size,
    jobs: Math.ceil(positive('jobs', given.jobs ?? Math.min(8, Math.max(1, Math.floor(threads / 2))))),
    torch,
    libraries: sentence,
    threads,
  }
  // the machine's stage tells the others on what they run
  const stages = allStages.filter(({ name }) => !given.only || name === 'machine' || given.only.includes(name))
  const out = path.resolve(given.out ?? 'first-light-report')
  const hidden = { root, env: { ...process.env, ...settings }, torchEnv: process.env }
  const runner = new Runner({
    stages,
    out,
    budget: positive('budget', given.budget ?? 1800),
    options,
    hidden,
    write: (report) => writeReport(report, stages),
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => runner.interrupt(`${signal} came`))
  }
  await runner.run()
  console.log(
    `\n${headline(runner)}\nthe report: ${path.join(out, 'report.html')}, report.md and report.json; send the whole folder`,
  )
  if (runner.state === 'interrupted') return 130
  const isGood = runner.records.every(({ status, results }, i) => {
    return !['failed', 'out of time'].includes(status) && (stages[i].isGood?.(results) ?? true)
  })
  return runner.facts.device && isGood ? 0 : 1
}

/** `main` for a command line: its status, and sentences instead of errors. */
export async function start(args) {
  try {
    process.exitCode = await main(args)
  } catch (error) {
    console.error(error instanceof UsageError ? `${error.message}\n\n${usage}` : `first-light: ${error.message}`)
    process.exitCode = 2
  }
  process.exit()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await start(process.argv.slice(2))
