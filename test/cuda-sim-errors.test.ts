// What goes wrong on machines with GPUs, on the simulated device: GPUs for which there is no code, errors that end the use of a device, convolutions that
// cuDNN finds too large, a loader that searches elsewhere, processes that end at any time.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import type { DeviceInfo } from '../lib/index.js'
import { complaints, readReports, runSimulated, simulatedEnvironment, whyNoPlugin } from './support/simulated.js'
import { temporaryFolder } from './support/temporary.js'

const inFolder = temporaryFolder()
const makeFolder = () => mkdtempSync(inFolder('reports-'))
const root = fileURLToPath(new URL('../../', import.meta.url))
const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}.js`, import.meta.url))

/** What a fixture prints; the simulator must have seen no rule broken. */
async function result<T>(
  t: ExecutionContext,
  args: string[],
  settings: NodeJS.ProcessEnv = {},
  { code = 0, mayLeave = false } = {},
): Promise<T> {
  const folder = makeFolder()
  const outcome = await runSimulated(args, folder, settings)
  t.is(outcome.signal, null, outcome.stderr)
  t.is(outcome.code, code, outcome.stdout + outcome.stderr)
  const all = complaints(readReports(folder))
  t.deepEqual(mayLeave ? all.filter((each) => !each.startsWith('left behind')) : all, [])
  return JSON.parse(outcome.stdout) as T
}

interface Status {
  why?: string
  devices: DeviceInfo[]
  opening: string
  openingCuda: string
}
const names = ({ devices }: Status) => devices.map(({ name }) => name)

/** The architecture that the plugin has PTX for, as the build recorded it; undefined: none. */
function ptx(): number | undefined {
  const cache = path.join(root, 'build/CMakeCache.txt')
  const built = existsSync(cache) ? /^CUDA_BUILT_FOR:INTERNAL=(.*)$/m.exec(readFileSync(cache, 'utf8'))?.[1] : undefined
  const entry = built?.split(';').find((each) => /^\d+(-virtual)?$/.test(each))
  return entry === undefined ? undefined : Number.parseInt(entry, 10)
}

const missing = whyNoPlugin()
if (missing) {
  console.log(`skipped: what goes wrong on the simulated CUDA device, since ${missing}`)
  test.skip('what goes wrong on the simulated CUDA device', (t) => t.fail(missing))
} else {
  const noCode =
    /simulated GPU has compute capability 7\.0, and the CUDA plugin has no code for it: it was built for \d+\.\d(, \d+\.\d)* \(no kernel image/

  test.serial('a GPU for which the plugin has no code is not used, and that is said', async (t) => {
    const found = await result<Status>(t, [fixture('cuda-status')], { CUDASIM_CAPABILITY: '7.0' })
    t.deepEqual(names(found), ['cpu', 'reference'])
    t.regex(found.why!, noCode)
    t.regex(found.opening, /^DeviceError: device 'cuda:0' can't be used: simulated GPU has/)
    t.is(found.openingCuda, found.opening)
    const { stdout } = await runSimulated(['scripts/doctor.mjs'], makeFolder(), { CUDASIM_CAPABILITY: '7.0' })
    t.regex(stdout, /- device +no cuda device: cuda:0: simulated GPU has compute capability 7\.0/)
  })

  test.serial('the other GPUs of a machine are used', async (t) => {
    const settings = { CUDASIM_DEVICES: '3', CUDASIM_CAPABILITY: '7.0,9.0,7.0' }
    const found = await result<Status>(t, [fixture('cuda-status')], settings, { mayLeave: true })
    t.deepEqual(names(found), ['cuda:1', 'cpu', 'reference'])
    t.is(found.why, undefined)
    t.regex(found.devices[0]!.cuda!.warning!, /not used: cuda:0: simulated GPU has .*; cuda:2: simulated GPU has/)
    t.regex(found.opening, /^DeviceError: device 'cuda:0' can't be used: simulated GPU has/)
    t.is(found.openingCuda, '')
    const { stdout } = await runSimulated(['scripts/doctor.mjs'], makeFolder(), settings)
    t.regex(stdout, /✔ device +cuda:1: /)
    t.regex(stdout, /not used: cuda:0/)
    t.notRegex(stdout, /cuda:0 does not compute/)
  })

  const architecture = ptx()
  if (architecture !== undefined) {
    test.serial('a GPU of a generation that the plugin does not know runs its PTX', async (t) => {
      for (const capability of ['11.0', '13.0']) {
        const found = await result<Status>(
          t,
          [fixture('cuda-status')],
          { CUDASIM_CAPABILITY: capability },
          { mayLeave: true },
        )
        t.is(found.devices[0]!.name, 'cuda:0')
        t.is(found.opening, '')
      }
    })
  }

  for (const library of ['own', 'cudnn', 'blas']) {
    test.serial(
      `an error that ends the use of a device is said by it and by every later call: ${library}`,
      async (t) => {
        const { before, said } = await result<{ before: string; said: string[] }>(
          t,
          [fixture('simulated-lost'), library],
          {},
          { code: 3 },
        )
        t.is(before, '')
        for (const each of said.slice(0, 3)) {
          t.regex(each, /^BackendError: .*illegal memory access.*this process can't use the device any more/)
        }
      },
    )
  }

  test.serial('a compiled function whose first run did not take place is not recorded before it has run', async (t) => {
    t.deepEqual(await result(t, [fixture('simulated-first-runs'), 'skipped']), [])
  })

  test.serial('a compiled function whose recording failed is right when it runs again', async (t) => {
    t.deepEqual(await result(t, [fixture('simulated-first-runs'), 'failed']), [])
  })

  test.serial('what cuDNN finds too large it computes a part of the batch at a time', async (t) => {
    const { distances, ran } = await result<{ distances: number[]; ran: string[] }>(t, [fixture('simulated-large')], {
      CUDASIM_MOST_ELEMENTS: '100000',
      CUDASIM_TRAFFIC: '1',
    })
    t.true(
      distances.every((distance) => distance < 1e-5),
      `${distances}`,
    )
    // 7 samples: four parts of two and one, of the convolution and of both gradients
    t.deepEqual(new Set(ran), new Set(['cudnnBackendExecute']))
    t.is(ran.length, 12)
  })

  const smoke = path.join(root, 'first-light/smoke/batch-norm.mjs')
  test.serial("the check of cuDNN's running variance tells the two conventions apart", async (t) => {
    const settings = { NODE_CUDNN_DIST: path.join(root, 'dist') }
    const good = await result<{ ok: boolean; convention: string }>(t, [smoke], settings)
    t.true(good.ok)
    t.regex(good.convention, /^unbiased/)
    const bad = await result<{ ok: boolean; convention: string; error: string }>(
      t,
      [smoke],
      { ...settings, CUDASIM_RUNNING_VARIANCE: 'biased' },
      { code: 1 },
    )
    t.false(bad.ok)
    t.is(bad.convention, 'biased')
    t.regex(bad.error, /lacks the factor/)
  })

  test.serial('the probe and the plugin search where the process did when it started', (t) => {
    const run = (env: NodeJS.ProcessEnv, ...args: string[]) => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [fixture('library-path'), ...args], {
        env,
        encoding: 'utf8',
      })
      t.is(status, 0, stderr)
      return JSON.parse(stdout) as { why?: string; sum?: number }
    }
    const simulated = simulatedEnvironment(makeFolder())
    const { LD_LIBRARY_PATH, ...without } = simulated
    t.deepEqual(run(simulated), { sum: 3 }) // removed later
    const never = run(without)
    const late = run(without, LD_LIBRARY_PATH!)
    t.truthy(never.why)
    t.true(late.why!.startsWith(never.why!), late.why)
  })

  const ways: Record<string, number> = {
    exit: 0,
    exit3: 3,
    throw: 1,
    unread: 0,
    'exit-listener': 5,
    worker: 3,
    workers: 7,
  }
  for (const [way, code] of Object.entries(ways)) {
    test.serial(`a process with a busy device ends as it should: ${way}`, async (t) => {
      const folder = makeFolder()
      const outcome = await runSimulated([fixture('exit'), 'cuda:0', way], folder, {}, 120)
      t.is(outcome.signal, null, outcome.stderr)
      t.is(outcome.code, code, outcome.stderr)
      t.deepEqual(
        readReports(folder).flatMap(({ violations }) => violations),
        [],
      )
    })
  }
}
