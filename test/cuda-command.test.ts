// `node-cudnn cuda`: what it says of a driver, which CUDA it takes, what it asks before it downloads, and where it puts things.
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { temporaryFolder } from './support/temporary.js'
import { noise, pin, serve, type Wheel, zip } from './support/wheels.js'

interface World {
  root: string
  env: NodeJS.ProcessEnv
  platform: string
  arch: string
  glibc(): string | undefined
  wheels: Record<number, Record<string, Wheel[]>>
  print(line: string): void
  isInteractive: boolean
  ask(question: string): Promise<string>
  run(command: string, ...args: string[]): string | undefined
  read(file: string): string | undefined
  install: object
}
interface Options {
  cuda?: string
  dir?: string
  index?: string
  yes?: boolean
  force?: boolean
}
interface Driver {
  version?: string
  cuda?: string
  libcuda?: string
  gpus: string[]
}

const scripts = fileURLToPath(new URL('../../scripts/', import.meta.url))
const load = async (name: string) => import(path.join(scripts, 'cuda', `${name}.mjs`))
const { showCuda, installCommand, removeCommand, throughProxy, world } = (await load('command')) as {
  showCuda(world: World): void
  installCommand(options: Options, world: World): Promise<void>
  removeCommand(options: Options, world: World): void
  throughProxy(print: (line: string) => void, env: NodeJS.ProcessEnv): Promise<number | undefined>
  world: World
}
const { chooseCuda, lookAtDriver, newestCuda } = (await load('driver')) as {
  chooseCuda(driver: { version?: string }, plugins: { cuda: number }[]): number
  lookAtDriver(world: Pick<World, 'env' | 'run' | 'read'>): Driver
  newestCuda(driver: string): number
}
const { wheels: pinned } = (await load('wheels')) as { wheels: World['wheels'] }

const inFolder = temporaryFolder()
const makeFolder = () => mkdtempSync(inFolder('case-'))

const contents = zip([{ name: 'nvidia/cu13/lib/libcudart.so.13', data: noise(4_000, 'runtime') }])
const wheel = pin('runtime', contents, /^libcudart\.so\.13$/)

/** A world with a cache of its own, whose index has one small wheel, and what was printed. */
async function make(t: ExecutionContext, changes: Partial<World> = {}) {
  const index = await serve([{ wheel, contents }])
  t.teardown(index.close)
  const cache = makeFolder()
  const printed: string[] = []
  const asked: string[] = []
  const w: World = {
    ...world,
    root: makeFolder(),
    env: { XDG_CACHE_HOME: cache, PATH: '' },
    platform: 'linux',
    arch: 'x64',
    glibc: () => '2.36',
    wheels: { 13: { x64: [wheel] } },
    print: (line) => printed.push(line),
    isInteractive: false,
    ask: async (question) => {
      asked.push(question)
      return 'y'
    },
    run: () => undefined,
    read: () => undefined,
    ...changes,
  }
  const install = (options: Options = {}) => installCommand({ cuda: '13', index: index.url, ...options }, w)
  return { index, printed, asked, w, install, folder: path.join(cache, 'node-cudnn', 'cuda-13') }
}

// ---- the driver ---------------------------------------------------------------------------------------------------

const open =
  'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (dvs-builder@U22)  Sun Jul 27 07:33:40 UTC 2025\n'
const closed =
  'NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024\nGCC version: gcc 12.2.0\n'

test('the version of a driver is read from the kernel, where nvidia-smi is not there', (t) => {
  const nothing = { env: { PATH: '' }, run: () => undefined }
  t.is(lookAtDriver({ ...nothing, read: () => open }).version, '580.65.06')
  t.is(lookAtDriver({ ...nothing, read: () => closed }).version, '535.183.01')
  t.is(lookAtDriver({ ...nothing, read: () => undefined }).version, undefined)
})

test('nvidia-smi tells the driver, its CUDA and the GPUs', (t) => {
  const folder = makeFolder()
  writeFileSync(path.join(folder, 'nvidia-smi'), '')
  chmodSync(path.join(folder, 'nvidia-smi'), 0o755)
  const run = (command: string, ...args: string[]) => {
    if (command.endsWith('ldconfig')) return '\tlibcuda.so.1 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libcuda.so.1\n'
    if (args.length > 0) return '580.65.06, NVIDIA H100 80GB HBM3, 9.0\n580.65.06, NVIDIA L4, 8.9\n'
    return '| NVIDIA-SMI 580.65.06    Driver Version: 580.65.06    CUDA Version: 13.0     |\n'
  }
  t.deepEqual(lookAtDriver({ env: { PATH: folder }, run, read: () => undefined }), {
    version: '580.65.06',
    cuda: '13.0',
    libcuda: '/usr/lib/x86_64-linux-gnu/libcuda.so.1',
    gpus: ['NVIDIA H100 80GB HBM3, compute capability 9.0', 'NVIDIA L4, compute capability 8.9'],
  })
})

test('which CUDA: the newest that driver and plugin know', (t) => {
  t.deepEqual(['470.1', '525.60.13', '579.9', '580.65.06', '610.1'].map(newestCuda), [0, 12, 12, 13, 13])
  const choose = (version: string | undefined, ...ours: number[]) =>
    chooseCuda(
      { version },
      ours.map((cuda) => ({ cuda })),
    )
  t.is(choose('580.65.06'), 13)
  t.is(choose('550.54'), 12)
  t.is(choose('580.65.06', 12), 12)
  t.is(choose('580.65.06', 12, 13), 13)
  t.is(choose('550.54', 12, 13), 12)
  t.is(choose(undefined, 12), 12)
  t.throws(() => choose('550.54', 13), {
    message: /built for CUDA 13, which needs driver 580 or later; this one is 550\.54/,
  })
  t.throws(() => choose('470.57'), { message: /470\.57 is too old: CUDA 12 needs 525 or later, CUDA 13 needs 580/ })
  t.throws(() => choose(undefined), { message: /no NVIDIA driver is here .* give --cuda 13 .* or --cuda 12/ })
  t.throws(() => choose(undefined, 12, 13), { message: /no NVIDIA driver is here/ })
})

test('cuda says what is here and what is missing', async (t) => {
  const bare = await make(t)
  showCuda(bare.w)
  t.deepEqual(
    bare.printed.map((line) => line.slice(0, 11).trim()),
    ['✘ driver', '✘ libcuda', '✘ plugin', '✘ libraries'],
  )
  t.regex(bare.printed.at(-1)!, /not installed here .* npx node-cudnn cuda install$/)

  const full = await make(t, { read: () => open })
  const release = path.join(full.w.root, 'build/Release')
  mkdirSync(release, { recursive: true })
  writeFileSync(path.join(release, 'node_cudnn_cuda.so'), '')
  writeFileSync(path.join(release, 'node_cudnn_probe'), 'ELF … libcudart.so.13 …')
  await full.install({ cuda: undefined, yes: true })
  full.printed.length = 0
  showCuda(full.w)
  t.regex(full.printed[0]!, /^✔ driver +NVIDIA 580\.65\.06, knows CUDA 13$/)
  t.regex(full.printed[2]!, /^✔ plugin +for CUDA 13: .*node_cudnn_cuda\.so$/)
  t.regex(full.printed[3]!, /^✔ libraries for CUDA 13 in .*cuda-13: nvidia-runtime 1\.2\.3$/)
  writeFileSync(path.join(full.folder, 'libcudart.so.13'), '')
  full.printed.length = 0
  showCuda(full.w)
  t.regex(full.printed[3]!, /^✘ libraries .*libcudart\.so\.13 is damaged; npx node-cudnn cuda install --cuda 13$/)
})

// ---- where there can be none --------------------------------------------------------------------------------------

test('systems without cuda devices get one sentence', async (t) => {
  const cases: [Partial<World>, RegExp][] = [
    [{ platform: 'darwin' }, /^cuda devices need Linux, and this is macOS; the cpu device works without them$/],
    [{ platform: 'win32' }, /^cuda devices need Linux, and this is Windows;/],
    [{ glibc: () => undefined }, /need glibc/],
  ]
  for (const [changes, message] of cases) {
    const { w, install, index } = await make(t, changes)
    t.throws(() => showCuda(w), { message })
    await t.throwsAsync(install({ yes: true }), { message })
    t.is(index.requests.length, 0)
  }
  const { install } = await make(t, { arch: 'ppc64' })
  await t.throwsAsync(install({ yes: true }), { message: 'NVIDIA has no libraries of CUDA 13 for linux-ppc64' })
  await t.throwsAsync((await make(t)).install({ cuda: '11', yes: true }), {
    message: '--cuda is 11, expected 12 or 13',
  })
})

// ---- installing ---------------------------------------------------------------------------------------------------

test('licences and sizes are named before anything is downloaded, and somebody has to accept', async (t) => {
  const script = await make(t)
  await t.throwsAsync(script.install(), { message: /^to accept NVIDIA's licences .* add --yes$/ })
  const text = script.printed.join('\n')
  t.true(text.includes('licence of runtime: https://example.org/runtime'))
  t.regex(text, /runtime 1\.2\.3 +5 kB/)
  t.true(text.includes(`From ${script.index.url} into ${script.folder}`))
  t.is(script.index.requests.length, 0)

  const refuses = await make(t, { isInteractive: true, ask: async () => '' })
  await t.throwsAsync(refuses.install(), { message: 'nothing was downloaded' })
  t.is(refuses.index.requests.length, 0)

  const accepts = await make(t, { isInteractive: true })
  await accepts.install()
  t.is(accepts.asked.length, 1)
  t.true(existsSync(path.join(accepts.folder, 'libcudart.so.13')))
  t.is(accepts.printed.at(-1), `Installed: runtime 1.2.3 in ${accepts.folder}`)
  await accepts.install()
  t.is(accepts.asked.length, 1)
  t.is(accepts.printed.at(-1), `All is there: runtime 1.2.3 in ${accepts.folder}`)
})

test('another folder is linked from the cache, so that it is found without a variable', async (t) => {
  const { install, folder, w, printed } = await make(t)
  const dir = makeFolder()
  await install({ dir, yes: true })
  t.deepEqual(readdirSync(dir), ['cuda-13'])
  t.true(lstatSync(folder).isSymbolicLink())
  t.true(existsSync(path.join(folder, 'libcudart.so.13')))
  // the cache's own is not replaced
  const second = makeFolder()
  await install({ yes: true, force: true })
  t.false(lstatSync(folder).isSymbolicLink())
  await install({ dir: second, yes: true })
  t.is(
    printed.at(-1),
    `They are not in the place where node-cudnn looks; set NODE_CUDNN_CUDA_DIR=${second} for programs that use them`,
  )
  w.env = { ...w.env, NODE_CUDNN_CUDA_DIR: second }
  await install({ yes: true })
  t.is(printed.at(-1), `All is there: runtime 1.2.3 in ${path.join(second, 'cuda-13')}`)
})

test('remove takes away what was installed, link and all, and nothing else', async (t) => {
  const { install, folder, w, printed } = await make(t)
  removeCommand({}, w)
  t.regex(printed.at(-1)!, /^nothing is installed in /)
  const dir = makeFolder()
  await install({ dir, yes: true })
  removeCommand({}, w)
  t.deepEqual(
    [readdirSync(dir), existsSync(folder), lstatSync(folder, { throwIfNoEntry: false })],
    [[], false, undefined],
  )
  mkdirSync(folder, { recursive: true })
  writeFileSync(path.join(folder, 'mine'), '')
  t.throws(() => removeCommand({}, w), { message: /was not made by node-cudnn cuda install; it is left as it is$/ })
  t.true(existsSync(path.join(folder, 'mine')))
})

test('a proxy that this Node cannot use is told', async (t) => {
  const said: string[] = []
  t.is(await throughProxy((line) => said.push(line), {}), undefined)
  t.is(
    await throughProxy((line) => said.push(line), { HTTPS_PROXY: 'http://proxy', NODE_USE_ENV_PROXY: '1' }),
    undefined,
  )
  t.deepEqual(said, [])
  if (process.allowedNodeEnvironmentFlags.has('--use-env-proxy')) return
  t.is(await throughProxy((line) => said.push(line), { HTTPS_PROXY: 'http://proxy' }), undefined)
  t.regex(said[0]!, /^HTTPS_PROXY is set, but Node v20\S* fetches without proxies; Node 24 uses them$/)
})

// ---- the table and the program ------------------------------------------------------------------------------------

test('every pinned wheel is one of NVIDIA for its CUDA and processor', (t) => {
  for (const cuda of [12, 13]) {
    for (const [arch, tag] of Object.entries({ x64: 'x86_64', arm64: 'aarch64' })) {
      const list = pinned[cuda]![arch]!
      t.deepEqual(
        list.map(({ title }) => title),
        ['cuDNN', 'cuBLAS', 'NVRTC', 'CUDA runtime'],
      )
      for (const each of list) {
        t.regex(each.sha256, /^[0-9a-f]{64}$/)
        t.true(Number.isInteger(each.size) && each.size > 900_000)
        t.regex(each.file, new RegExp(`^nvidia_[a-z0-9_]+-[0-9.]+-py3-none-manylinux\\S*_${tag}\\.whl$`))
        t.true(each.file.startsWith(`${each.package.replaceAll('-', '_')}-${each.version}-`))
        t.true(each.title === 'cuDNN' ? each.version.startsWith('9.') : each.version.startsWith(`${cuda}.`))
      }
    }
  }
  const hashes = Object.values(pinned).flatMap((byArch) =>
    Object.values(byArch)
      .flat()
      .map(({ sha256 }) => sha256),
  )
  t.is(new Set(hashes).size, 16)
})

const cli = path.join(scripts, 'cli.mjs')

test('the program tells its commands, and fails with a sentence', (t) => {
  const help = (...args: string[]) => execFileSync(process.execPath, [cli, ...args, '--help'], { encoding: 'utf8' })
  for (const word of ['build', 'doctor', 'cuda']) t.true(help().includes(`\n  ${word} `))
  for (const word of ['install', 'remove']) t.true(help('cuda').includes(`\n  ${word} `))
  for (const word of ['--cuda', '--dir', '--index', '--yes', '--force']) t.true(help('cuda', 'install').includes(word))
  const { version } = JSON.parse(readFileSync(path.join(scripts, '../package.json'), 'utf8'))
  t.is(execFileSync(process.execPath, [cli, '--version'], { encoding: 'utf8' }).trim(), version)

  const env = { ...process.env, XDG_CACHE_HOME: makeFolder() }
  const failed = spawnSync(process.execPath, [cli, 'cuda', 'install', '--cuda', '13', '--index', 'nowhere'], {
    encoding: 'utf8',
    env,
  })
  t.is(failed.status, 1)
  t.is(failed.stderr, "node-cudnn: --index is 'nowhere', expected an address such as https://pypi.org/simple\n")
  const { status, stderr } = spawnSync(process.execPath, [cli, 'cuda', 'install', '--cuda', '11'], {
    encoding: 'utf8',
    env,
  })
  t.is(status, 1)
  t.regex(stderr, /argument '11' is invalid\. Allowed choices are 12, 13\./)
})
