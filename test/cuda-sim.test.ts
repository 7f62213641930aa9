// The plugin that users get, on the simulated CUDA device: the suites that run on every device, a hundred training steps against the CPU,
// several devices, memory that runs out, and failures at every call. The simulator must find no rule broken and nothing left behind.
import { spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import {
  captureProgram,
  complaints,
  pluginFile,
  readReports,
  runSimulated,
  simulatedEnvironment,
  whyNoPlugin,
} from './support/simulated.js'
import { temporaryFolder } from './support/temporary.js'

const inFolder = temporaryFolder()
const makeFolder = () => mkdtempSync(inFolder('reports-'))
const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}.js`, import.meta.url))
const ava = fileURLToPath(new URL('../../node_modules/ava/entrypoints/cli.mjs', import.meta.url))

/** What a fixture prints, once its process has ended well and the simulator has nothing to say. */
async function result<T>(
  t: ExecutionContext,
  name: string,
  args: string[],
  settings: Record<string, string> = {},
): Promise<T> {
  const folder = makeFolder()
  const { code, signal, stdout, stderr } = await runSimulated([fixture(name), ...args], folder, settings)
  t.is(signal, null, stderr)
  t.is(code, 0, stderr)
  const reports = readReports(folder)
  t.true(reports.length > 0, 'the process wrote a report')
  t.deepEqual(complaints(reports), [])
  return JSON.parse(stdout) as T
}

/** One of the suites, in a process tree of its own, on the simulated device. */
async function runSuite(t: ExecutionContext, word: string, settings: Record<string, string> = {}): Promise<void> {
  t.timeout(1_800_000)
  const folder = makeFolder()
  const args = [ava, `dist/test/${word}.test.js`]
  const { code, stdout, stderr } = await runSimulated(args, folder, { FORCE_COLOR: '0', ...settings }, 1700)
  const failed = stdout.split('\n').filter((line) => line.includes('✘'))
  t.deepEqual(failed, [], stdout.slice(-8000))
  t.is(code, 0, stdout.slice(-8000) + stderr.slice(-2000))
  t.notRegex(stdout, /skipped: the op suite on cuda/)
  const reports = readReports(folder)
  t.true(
    reports.some(({ calls }) => calls.launch > 0),
    'something ran on the device',
  )
  t.deepEqual(complaints(reports), [])
}

const missing = whyNoPlugin()
if (missing) {
  console.log(`skipped: the plugin on the simulated CUDA device, since ${missing}`)
  test.skip('the plugin on the simulated CUDA device', (t) => t.fail(missing))
} else {
  for (const word of [
    'ops',
    'compile-ops',
    'compile-linear',
    'compile-batch',
    'compile-elementwise',
    'compile-half',
    'extremes',
    'update',
    'training-parity',
    'random',
    'second-order',
    'bad-input',
    'half',
    'autocast',
    'grad-scaler',
    'trainer',
    'trainer-memory',
  ]) {
    test.serial(`the suite '${word}'`, (t) => runSuite(t, word))
  }
  // what depends on the order of blocks and threads, and the kernels that stand in for cuDNN
  test.serial("the suite 'ops', blocks and threads the other way round", (t) =>
    runSuite(t, 'ops', { CUDASIM_REVERSE: '1' }),
  )
  test.serial("the suite 'ops' where cuDNN has no engine for anything", (t) =>
    runSuite(t, 'ops', { CUDASIM_DECLINE: 'conv,norm,resample,reduction,pointwise' }),
  )
  test.serial("the suite 'ops' where cuDNN fuses nothing and every engine must give the same bits", (t) =>
    runSuite(t, 'ops', { CUDASIM_DECLINE: 'fusion', NODE_CUDNN_DETERMINISTIC: '1', NODE_CUDNN_ALLOW_TF32: '0' }),
  )

  test.serial("the suite 'ops' where cuDNN's candidates are timed", (t) =>
    runSuite(t, 'ops', { NODE_CUDNN_BENCHMARK: '1' }),
  )

  test.serial("the suite 'compile-half' where cuDNN's fusions are compiled and timed", (t) =>
    runSuite(t, 'compile-half', { NODE_CUDNN_BENCHMARK: '1' }),
  )

  test.serial("a hundred steps of the demo's network give the losses of the CPU", async (t) => {
    const losses = await result<Record<string, number[]>>(t, 'training-losses', ['cuda:0', 'cpu'])
    const differences = losses['cuda:0']!.map((loss, i) => Math.abs(loss - losses.cpu![i]!))
    t.is(differences.length, 100)
    t.true(losses.cpu![99]! < losses.cpu![0]! / 2, `it learns: ${losses.cpu}`)
    t.true(
      differences.every((difference) => difference <= 1e-4),
      `the largest difference is ${Math.max(...differences)}`,
    )
  })

  test.serial('recorded kernels replay on other data', async (t) => {
    const folder = makeFolder()
    const { status, signal, stdout, stderr } = spawnSync(captureProgram, [pluginFile], {
      env: simulatedEnvironment(folder),
      encoding: 'utf8',
      timeout: 120_000,
    })
    t.is(signal, null, stderr)
    t.is(status, 0, stdout + stderr)
    t.deepEqual(complaints(readReports(folder)), [])
  })

  test.serial('a compiled training step is one graph launch, and its losses are those of eager steps', async (t) => {
    t.timeout(1_200_000)
    interface Run {
      eager: number[]
      compiled: number[]
      eagerCalls: Record<string, number>
      calls: Record<string, number>
      steps: number
    }
    const { resnet, dropout } = await result<{ resnet: Run; dropout: Run }>(t, 'simulated-replay', [])
    t.deepEqual(resnet.compiled, resnet.eager)
    // A new learning rate is recorded anew; dropout's counter and Adam's step count run outside the recording.
    t.deepEqual(dropout.compiled, dropout.eager)

    const { calls, eagerCalls, steps } = resnet
    t.is(calls.cudaGraphLaunch, 1)
    t.is(calls.cudaStreamSynchronize, 1, "the test's own")
    for (const name of Object.keys(calls)) t.notRegex(name, /Malloc|Free|Event|Capture|Instantiate/)
    // The batch goes in and the loss comes out; one more copy reads the device's faults while the test waits.
    const copies = (calls.cudaMemcpyAsync ?? 0) + (calls.cudaLaunchKernel ?? 0)
    t.true(copies <= 4, JSON.stringify(calls))
    t.log(
      `ResNet-34: ${steps} kernels and library calls in one graph; op by op the host makes ${JSON.stringify(eagerCalls)}`,
    )
  })

  test.serial('several devices, moves between them, and memory that runs out', async (t) => {
    t.deepEqual(
      await result(t, 'simulated-devices', [], { CUDASIM_DEVICES: '3', CUDASIM_MEMORY: String(256 << 20) }),
      [],
    )
  })

  for (const kind of ['allocate', 'launch', 'call', 'execute'] as const) {
    test.serial(`every failure is a typed error and leaves nothing behind: ${kind}`, async (t) => {
      t.timeout(1_200_000)
      const { calls, outcomes, wrong } = await result<{
        calls: number
        outcomes: Record<string, number>
        wrong: string[]
      }>(t, 'simulated-faults', [kind])
      t.log(`${calls} calls: ${JSON.stringify(outcomes)}`)
      t.deepEqual(wrong, [])
      t.true(calls > 0)
    })
  }

  test.serial('a failure while the device is opened is a typed error and leaves nothing behind', async (t) => {
    t.timeout(600_000)
    for (let n = 1; ; n++) {
      const folder = makeFolder()
      const { code, stdout, stderr } = await runSimulated([fixture('simulated-opening')], folder, {
        CUDASIM_FAIL: `call:${n}`,
      })
      t.is(code, 0, `call ${n}: ${stderr}`)
      t.regex(stdout, /^(3|DeviceError|BackendError|OutOfMemoryError)\n$/, `call ${n}`)
      t.deepEqual(complaints(readReports(folder)), [], `call ${n}`)
      // The probe, a process of its own, may be the one that fails: then nothing else starts.
      const reports = readReports(folder)
      if (reports.length > 0 && reports.every(({ calls }) => calls.call < n)) {
        t.is(stdout, '3\n')
        t.log(`${n - 1} calls`)
        break
      }
    }
  })
}
