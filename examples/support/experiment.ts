// experiment: the frame of every numbered script: options, clock, exit status, and a record of what was found.
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { type DeviceName, defaultDevice, setDefaultDevice } from '../../lib/index.js'
import { writeFileAtomically } from '../../lib/io/atomic-file.js'
import { type Item, Lab } from './lab.js'

export type { Lab, Numbers } from './lab.js'

export interface ExperimentOptions {
  readonly title: string
  /** What it finds out, in one sentence. */
  readonly question: string
  /** How long the full form takes on two cores; said at the start. */
  readonly fullMinutes?: number
  /** Further options as commander writes them: [['--picture <file>', 'a photograph of your own']]. */
  readonly options?: readonly (readonly [flags: string, description: string])[]
}

/** What is written to `<out>/<name>.json`. */
export interface ExperimentRecord {
  readonly name: string
  readonly title: string
  readonly question: string
  readonly isShort: boolean
  readonly device: string
  /** When it ended, ISO 8601. */
  readonly date: string
  readonly seconds: number
  readonly figures: readonly (readonly [value: string, what: string])[]
  readonly items: readonly Item[]
  /** What it threw. */
  readonly error?: string
}

/**
 * Runs an experiment: reads the command line, runs `body`, writes what was found, and lets the process fail if a check did.
 * @example await experiment(import.meta.url, { title: 'Pooling', question: 'What does it do?' }, async (lab) => { … })
 */
export async function experiment(
  url: string,
  { title, question, fullMinutes, options = [] }: ExperimentOptions,
  body: (lab: Lab) => Promise<void> | void,
): Promise<void> {
  const name = path.basename(fileURLToPath(url)).replace(/\.[jt]s$/, '')
  const command = new Command()
    .name(name)
    .description(question)
    .option('--short', 'seconds instead of minutes, without data of your own', false)
    .option('--data <folder>', 'holds cifar-10-batches-bin/ and cats-vs-dogs/; default: fetched into the cache')
    .option('-d, --device <name>', "'auto', 'cpu', 'cuda:0', …", 'auto')
    .option('-o, --out <folder>', 'where the record goes', 'out/experiments')
  for (const [flags, description] of options) command.option(flags, description)
  const given = command.parse().opts<{ short: boolean; data?: string; device: DeviceName; out: string }>()
  setDefaultDevice(given.device)
  const device = defaultDevice()
  const lab = new Lab({ isShort: given.short, device, dataFolder: given.data, options: { ...given } })

  console.log(`${title}. ${question}\n`)
  if (!lab.isShort && fullMinutes) console.log(`This takes about ${fullMinutes} minutes on two cores.\n`)
  const start = performance.now()
  let error: string | undefined
  try {
    await body(lab)
    if (lab.checks.length === 0) throw new Error('nothing was checked')
  } catch (thrown) {
    error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
    console.error(error)
  }
  const seconds = (performance.now() - start) / 1000

  const record: ExperimentRecord = {
    name,
    title,
    question,
    isShort: lab.isShort,
    device,
    date: new Date().toISOString(),
    seconds,
    figures: lab.figures,
    items: lab.items,
    ...(error === undefined ? {} : { error }),
  }
  await mkdir(given.out, { recursive: true })
  await writeFileAtomically(path.join(given.out, `${name}.json`), [Buffer.from(JSON.stringify(record))])
  const failed = lab.checks.filter(({ isTrue }) => !isTrue).length
  const passed = lab.checks.length - failed
  const counts = failed > 0 ? `${passed} checks passed, ${failed} failed` : `${passed} checks passed`
  console.log(`\n${name}: ${counts} in ${seconds.toFixed(1)} s${error === undefined ? '' : ', then it threw'}`)
  if (failed > 0 || error !== undefined) process.exitCode = 1
}
