// What a process says of cuda devices that it does not have: in a made-up environment, one sentence names what is missing.
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { cudaOptions, type DeviceInfo, devices, isCudaAvailable, setCudaOptions, whyNoCuda } from '../lib/index.js'
import { runFixture } from './support/child.js'
import { temporaryFolder } from './support/temporary.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const inFolder = temporaryFolder()
const makeFolder = () => mkdtempSync(inFolder('case-'))
const probe = path.join(root, 'build/Release/node_cudnn_probe')

interface Status {
  why?: string
  devices: DeviceInfo[]
  opening: string
  openingCuda: string
  openingBeyond: string
  options: object | string
}

async function status(t: ExecutionContext, env: NodeJS.ProcessEnv): Promise<Status> {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('NODE_CUDNN_')))
  const { NODE_CUDNN_ADDON } = process.env
  const outcome = await runFixture('cuda-status', [], [], 240, {
    ...clean,
    ...(NODE_CUDNN_ADDON && { NODE_CUDNN_ADDON }),
    ...env,
  })
  t.is(outcome.code, 0, outcome.stderr)
  return JSON.parse(outcome.stdout)
}

/** A folder with a plugin that is none and a probe that is a shell script. */
function fakePlugin(script: string): string {
  const folder = makeFolder()
  writeFileSync(path.join(folder, 'node_cudnn_cuda.so'), 'not a library')
  writeFileSync(path.join(folder, 'node_cudnn_probe'), `#!/bin/sh\n${script}\n`)
  chmodSync(path.join(folder, 'node_cudnn_probe'), 0o755)
  return path.join(folder, 'node_cudnn_cuda.so')
}

const h100 = 'device\\tcuda:0\\tcuDNN 9.24.0\\tNVIDIA H100\\t9.0\\t85899345920\\t132\\t\\t'

const sentences: { name: string; script: string; env?: NodeJS.ProcessEnv; why: RegExp }[] = [
  { name: 'the probe tells what is missing', script: "printf 'missing\\tno driver\\n'", why: /^no driver$/ },
  { name: 'the driver ends the probe', script: 'kill -KILL $$', why: /ended with signal 9 \(Killed\)/ },
  { name: 'the probe fails', script: 'exit 3', why: /ended with status 3/ },
  { name: 'the probe says nothing', script: 'exit 0', why: /gave no answer/ },
  { name: 'the probe prints what nobody understands', script: 'echo hello; seq 100000', why: /gave no answer/ },
  {
    name: 'the driver hangs',
    script: 'exec sleep 30',
    env: { NODE_CUDNN_PROBE_SECONDS: '1' },
    why: /did not answer within 1 s/,
  },
  {
    name: 'the environment forbids GPUs',
    script: `printf '${h100}\\n'`,
    env: { NODE_CUDNN_CPU_ONLY: '1' },
    why: /^NODE_CUDNN_CPU_ONLY is 1$/,
  },
]

for (const { name, script, env, why } of sentences) {
  test(`no cuda device: ${name}`, async (t) => {
    const found = await status(t, { NODE_CUDNN_PLUGIN: fakePlugin(script), ...env })
    t.regex(found.why!, why)
    t.deepEqual(
      found.devices.map((device) => device.name),
      ['cpu', 'reference'],
    )
    t.is(found.opening, `DeviceError: device 'cuda:0' can't be used: ${found.why}`)
    t.is(found.openingCuda, found.opening)
  })
}

test('no cuda device: the plugin is not built', async (t) => {
  const folder = makeFolder()
  const found = await status(t, { NODE_CUDNN_PLUGIN: path.join(folder, 'node_cudnn_cuda.so') })
  t.regex(found.why!, /the CUDA plugin is not built \(.*node_cudnn_cuda\.so does not exist\)/)
})

test('what the probe finds is listed first, and a plugin that cannot be opened is a DeviceError', async (t) => {
  const found = await status(t, {
    NODE_CUDNN_PLUGIN: fakePlugin(`printf '${h100}\\n'`),
    NODE_CUDNN_ALLOW_TF32: '0',
    NODE_CUDNN_DETERMINISTIC: '1',
    NODE_CUDNN_BENCHMARK: '1',
    NODE_CUDNN_WORKSPACE_LIMIT: '1048576',
  })
  t.is(found.why, undefined)
  t.deepEqual(
    found.devices.map((device) => device.name),
    ['cuda:0', 'cpu', 'reference'],
  )
  const options = { allowTf32: false, deterministic: true, benchmark: true, workspaceLimit: 1048576 }
  t.deepEqual(found.devices[0]!.cuda, {
    product: 'NVIDIA H100',
    computeCapability: '9.0',
    memory: 85899345920,
    multiprocessors: 132,
    options,
  })
  t.deepEqual(found.options, options)
  t.regex(found.opening, /^DeviceError: the CUDA plugin can't be opened: .*(invalid ELF header|file too short)/)
  t.is(
    found.openingBeyond,
    "DeviceError: device 'cuda:7' does not exist here, expected one of: auto, cuda:0, cpu, reference",
  )
})

test('a GPU that the probe finds useless is passed by', async (t) => {
  const old = 'device\\tcuda:0\\tcuDNN 9.24.0\\tNVIDIA V100\\t7.0\\t16945512448\\t80\\t\\tno code for it'
  const alone = await status(t, { NODE_CUDNN_PLUGIN: fakePlugin(`printf '${old}\\n'`) })
  t.is(alone.why, 'cuda:0: no code for it')
  t.is(alone.opening, "DeviceError: device 'cuda:0' can't be used: no code for it")
  const both = await status(t, {
    NODE_CUDNN_PLUGIN: fakePlugin(`printf '${old}\\n'; printf '${h100.replace('cuda:0', 'cuda:1')}\\n'`),
  })
  t.is(both.why, undefined)
  t.deepEqual(
    both.devices.map((device) => device.name),
    ['cuda:1', 'cpu', 'reference'],
  )
  t.is(both.devices[0]!.cuda!.warning, 'not used: cuda:0: no code for it')
  t.is(both.opening, alone.opening)
  t.regex(both.openingCuda, /^DeviceError: the CUDA plugin can't be opened/)
})

test('a switch in the environment that is none is a ValueError', async (t) => {
  const found = await status(t, { NODE_CUDNN_CPU_ONLY: '1', NODE_CUDNN_ALLOW_TF32: 'yes' })
  t.is(found.options, "ValueError: NODE_CUDNN_ALLOW_TF32 is 'yes', expected 0 or 1")
})

test.serial('options of cuda devices are kept, one by one, and checked', (t) => {
  const before = cudaOptions()
  t.teardown(() => setCudaOptions(before))
  setCudaOptions({ deterministic: true })
  t.deepEqual(cudaOptions(), { ...before, deterministic: true })
  setCudaOptions({ workspaceLimit: 0 })
  t.deepEqual(cudaOptions(), { ...before, deterministic: true, workspaceLimit: 0 })
  t.throws(() => setCudaOptions({ workspaceLimit: -1 }), {
    message: /workspaceLimit is -1, expected a whole number of at least 0/,
  })
  t.throws(() => setCudaOptions({ workspaceLimit: 0.5 }), { message: /workspaceLimit is 0.5, expected a whole number/ })
  t.throws(() => setCudaOptions({ allowTf32: 1 as unknown as boolean }), {
    message: /allowTf32 is 1, expected true or false/,
  })
  t.throws(() => setCudaOptions({ tf32: true } as object), { name: 'ValueError', message: /'tf32' is no option/ })
})

test('this process says either what it has or what it lacks', (t) => {
  const found = devices().filter((device) => device.name.startsWith('cuda'))
  t.is(isCudaAvailable(), found.length > 0)
  t.is(whyNoCuda() === undefined, isCudaAvailable())
})

// ---- the real probe, with a runtime of our own --------------------------------------------------------------------

interface ProbeCase {
  name: string
  env: Record<string, string>
  says: RegExp
}
const tooOld = 35 // cudaErrorInsufficientDriver
const noDevice = 100 // cudaErrorNoDevice
const probeCases: ProbeCase[] = [
  { name: 'no driver', env: { FAKE_STATUS: `${tooOld}` }, says: /the NVIDIA driver is not installed \(libcuda\.so\.1/ },
  {
    name: 'an old driver',
    env: { FAKE_STATUS: `${tooOld}`, FAKE_DRIVER: '11080' },
    says: /the NVIDIA driver is too old: it knows CUDA 11\.8, this build needs CUDA 1[23]\.\d/,
  },
  { name: 'no device', env: { FAKE_STATUS: `${noDevice}` }, says: /the NVIDIA driver sees no device$/ },
  {
    name: 'a hidden device',
    env: { FAKE_STATUS: `${noDevice}`, CUDA_VISIBLE_DEVICES: '' },
    says: /sees no device \(CUDA_VISIBLE_DEVICES is ''\)/,
  },
  { name: 'a failing driver', env: { FAKE_STATUS: '999' }, says: /the NVIDIA driver fails: unknown error/ },
  { name: 'no cuDNN', env: { FAKE_DEVICES: '1' }, says: /libcudnn\.so\.9 \(cuDNN\) was not found/ },
]

/** What the probe prints for a plugin that needs cuDNN, where cuDNN has gone since. */
function runProbe(env: Record<string, string>, lacking: string): string {
  const folder = makeFolder()
  const needed = /libcudart\.so\.\d+/.exec(readFileSync(probe, 'latin1'))![0]
  const cc = (...args: string[]) => execFileSync('cc', ['-shared', '-fPIC', ...args], { cwd: folder, stdio: 'pipe' })
  writeFileSync(path.join(folder, 'empty.c'), '')
  cc('empty.c', `-Wl,-soname,${lacking}`, '-o', lacking)
  cc('empty.c', '-Wl,--no-as-needed', `./${lacking}`, '-o', 'plugin.so')
  rmSync(path.join(folder, lacking))
  cc(path.join(root, 'test/support/fake-cudart.c'), '-o', needed)
  return execFileSync(probe, [path.join(folder, 'plugin.so'), 'any'], {
    env: { LD_LIBRARY_PATH: folder, ...env },
    encoding: 'utf8',
  })
}

if (existsSync(probe)) {
  for (const { name, env, says } of probeCases) {
    test(`the probe names ${name}`, (t) => {
      const [word, sentence] = runProbe(env, 'libcudnn.so.9').trimEnd().split('\t')
      t.is(word, 'missing')
      t.regex(sentence!, says)
    })
  }
  test('what a library answers when a device is opened crosses from the plugin to an error of its class', async (t) => {
    const fake = fakePlugin(`printf '${h100}\\n'`)
    rmSync(fake)
    symlinkSync(path.join(root, 'build/Release/node_cudnn_cuda.so'), fake)
    const found = await status(t, { NODE_CUDNN_PLUGIN: fake, CUDA_VISIBLE_DEVICES: '' })
    t.regex(found.opening, /^BackendError: cudaSetDevice\(ordinal\) failed: .* \(cudaError\w+\)$/)
  })
  test('the probe names cuBLASLt', (t) => {
    t.regex(runProbe({ FAKE_DEVICES: '1' }, 'libcublasLt.so.13'), /libcublasLt\.so\.13 \(cuBLASLt\) was not found/)
  })
} else {
  console.log('skipped: what the probe says with another CUDA runtime, since no CUDA plugin was built')
}
