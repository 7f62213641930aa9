// Runs the numbered experiments, each in a process of its own, and writes one page of what they found.
//
//   npm run experiments                                # all, in full: about half an hour on two cores
//   npm run experiments -- --short                     # all, in a minute or two, with no pictures but Fashion-MNIST's
//   npm run experiments -- --only 3,7 --data <folder>
import { spawn } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import { readRecords, writeExperimentsPage } from './support/experiments-page.js'

interface Options {
  short: boolean
  data?: string
  device: string
  out: string
  only?: number[]
  verbose: boolean
}

const options = new Command()
  .name('experiments')
  .description('Runs the numbered experiments one after another and writes one page of what they found.')
  .option('--short', 'seconds an experiment, without pictures of your own', false)
  .option('--data <folder>', 'holds cifar-10-batches-bin/ and cats-vs-dogs/; default: fetched into the cache')
  .option('-d, --device <name>', "'auto', 'cpu', 'cuda:0', …", 'auto')
  .option('-o, --out <folder>', 'where records and page go', 'out/experiments')
  .option('--only <numbers>', 'such as 3,7', numbers)
  .option('-v, --verbose', 'show what they print', false)
  .parse()
  .opts<Options>()

const here = path.dirname(fileURLToPath(import.meta.url))
const scripts = (await readdir(here))
  .filter((file) => /^\d\d-.*\.js$/.test(file) && !file.startsWith('00'))
  .filter((file) => options.only === undefined || options.only.includes(Number.parseInt(file, 10)))
  .sort()
if (scripts.length === 0) {
  console.error(`there is no experiment ${options.only?.join(' or ')}`)
  process.exitCode = 1
}

let failures = 0
for (const script of scripts) {
  const name = script.replace(/\.js$/, '')
  const { code, output } = await run(script)
  if (code !== 0) failures++
  if (code !== 0 && !options.verbose) console.log(output)
  if (!options.verbose) console.log(`${code === 0 ? '✓' : '✗'} ${output.trimEnd().split('\n').at(-1) || name}`)
}
if (scripts.length > 0) {
  const page = path.join(options.out, 'index.html')
  await writeExperimentsPage(page, await readRecords(options.out))
  console.log(`\n${scripts.length - failures} of ${scripts.length} experiments hold; the page is ${page}`)
}
if (failures > 0) process.exitCode = 1

function run(script: string): Promise<{ code: number | null; output: string }> {
  const { short, data, device, out, verbose } = options
  const flags = ['--device', device, '--out', out, ...(short ? ['--short'] : []), ...(data ? ['--data', data] : [])]
  const child = spawn(process.execPath, [path.join(here, script), ...flags], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      if (verbose) process.stdout.write(text)
    })
  }
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output })))
}

function numbers(text: string): number[] {
  const list = text.split(',').map(Number)
  if (!list.every((number) => Number.isInteger(number) && number > 0)) {
    throw new InvalidArgumentError('expected numbers with commas between them')
  }
  return list
}
