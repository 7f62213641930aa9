// Set-up, with a made-up world: which commands it runs, when it runs none, and what it says when it cannot go on.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test, { type ExecutionContext } from 'ava'

interface Want {
  name: string
  apt: string
  required?: boolean
  without?: string
}

interface World {
  root: string
  env: Record<string, string | undefined>
  nodeVersion: string
  isRoot: boolean
  now(): number
  print(text: string): void
  run(command: string, args: string[]): Promise<{ status: number; output: string }>
  exists(file: string): boolean
  missing(): Want[]
  cudaLibraries(options: { install: boolean }): Promise<{ root?: string; missing?: string }>
  isForTests?: boolean
}

// The scripts are plain JavaScript beside the compiled tests' folder, so that they run before anything is compiled.
const script = new URL('../../scripts/setup.mjs', import.meta.url).href
const { setup } = (await import(script)) as { setup(world: World): Promise<boolean> }
const { dropForeignCache, givenDefinitions } = (await import(
  new URL('../../scripts/build-native.mjs', import.meta.url).href
)) as {
  dropForeignCache(root: string, out: string): string[]
  givenDefinitions(env: Record<string, string>): string[]
}
const { keepOptions, keptOptions } = (await import(
  new URL('../../scripts/support/build-options.mjs', import.meta.url).href
)) as {
  keepOptions(root: string, definitions: string[]): void
  keptOptions(root: string): Record<string, string>
}

const { tenths } = (await import(new URL('../../scripts/support/run.mjs', import.meta.url).href)) as {
  tenths(print: (text: string) => void): (output: string) => void
}

const compiler: Want = { name: 'a C++20 compiler', apt: 'g++', required: true }
const cmake: Want = { name: 'CMake', apt: 'cmake', required: true }
const dnnl: Want = { name: 'oneDNN', apt: 'libdnnl-dev', without: 'it is slow' }
const data: Want = { name: 'the data', apt: 'dataset-fashion-mnist', without: 'it is downloaded' }

/** An empty project in a folder with a space in its name, and a world that only notes what it is asked to run. */
function make(
  t: ExecutionContext,
  options: { absent?: Want[]; programs?: string[]; fails?: (line: string) => boolean; output?: string } = {},
) {
  const root = mkdtempSync(path.join(tmpdir(), 'set up '))
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  const write = (file: string, text: string) => {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true })
    writeFileSync(path.join(root, file), text)
  }
  const lock = (version: string) => JSON.stringify({ packages: { '': {}, 'node_modules/a': { version } } })
  write('package-lock.json', lock('1.0.0'))
  write('cpp/a.cpp', '')
  write('lib/a.ts', '')
  for (const program of options.programs ?? []) {
    write(`bin/${program}`, '#!/bin/sh\n')
    chmodSync(path.join(root, 'bin', program), 0o755)
  }

  const state = { absent: options.absent ?? [], ran: [] as string[], printed: '', time: 1e12 }
  const world: World = {
    root,
    env: { PATH: path.join(root, 'bin') },
    nodeVersion: '20.19.0',
    isRoot: true,
    now: () => state.time,
    print: (text) => {
      state.printed += text
    },
    exists: () => false,
    missing: () => state.absent,
    cudaLibraries: async () => ({ missing: 'nobody has them' }),
    run: async (command, args) => {
      const line = [path.basename(command), ...args].join(' ').replace(/^node /, '')
      state.ran.push(line)
      if (options.fails?.(line)) return { status: 1, output: `log of ${line}` }
      if (line.startsWith('npm')) write('node_modules/.package-lock.json', lock('1.0.0'))
      if (line.includes('build-native')) write('build/Release/node_cudnn.node', '')
      if (line.includes('build-cudasim')) write('build/cudasim/cases', '')
      if (line.includes('build-ts')) write('dist/lib/index.js', '')
      const installed = / install --no-install-recommends (.*)/.exec(line)?.[1]?.split(' ') ?? []
      state.absent = state.absent.filter((want) => !installed.includes(want.apt))
      return { status: 0, output: options.output ?? '' }
    },
  }
  const start = async (changes: Partial<World> = {}) => {
    state.ran = []
    state.printed = ''
    return setup({ ...world, ...changes })
  }
  return { root, write, state, world, start }
}

const NPM = 'npm ci --include=dev --no-audit --no-fund'
const NATIVE = 'scripts/build-native.mjs --automatic CPU_LEVELS=own'
const NATIVE_FOR_TESTS = 'scripts/build-native.mjs --automatic CPU_LEVELS=all'
const TS = 'scripts/build-ts.mjs'

test('the first start does every step, the second none', async (t) => {
  const { start, state } = make(t)
  t.true(await start())
  t.deepEqual(state.ran, [NPM, NATIVE, TS])
  t.false(await start())
  t.deepEqual(state.ran, [])
  t.is(state.printed, '')
})

test('a changed file repeats only its step', async (t) => {
  const { start, state, write, root } = make(t)
  await start()
  write('cpp/a.cpp', '// changed')
  await start()
  t.deepEqual(state.ran, [NATIVE])
  write('lib/b.ts', '')
  await start()
  t.deepEqual(state.ran, [TS])
  rmSync(path.join(root, 'build'), { recursive: true })
  await start()
  t.deepEqual(state.ran, [NATIVE])
})

test('the simulated device is built for tests only, and where there is a plugin to run on it', async (t) => {
  const { start, state, write } = make(t)
  await start({ isForTests: true })
  t.deepEqual(state.ran, [NPM, NATIVE_FOR_TESTS, TS])
  write('build/Release/node_cudnn_cuda.so', '')
  await start()
  t.deepEqual(state.ran, [])
  await start({ isForTests: true })
  t.deepEqual(state.ran, ['scripts/build-cudasim.mjs'])
  await start({ isForTests: true })
  t.deepEqual(state.ran, [])
})

test('tests want every level of the cpu device, and what has them all is built no more', async (t) => {
  const { start, state } = make(t)
  await start()
  await start({ isForTests: true })
  t.deepEqual(state.ran, [NATIVE_FOR_TESTS])
  await start()
  t.deepEqual(state.ran, [])
  await start({ isForTests: true })
  t.deepEqual(state.ran, [])
})

test("cuDNN's wheels are fetched for tests only, and where there is nvcc", async (t) => {
  const asked: boolean[] = []
  const cudaLibraries = async ({ install }: { install: boolean }) => {
    asked.push(install)
    return install ? { root: '/wheels' } : { missing: 'not fetched' }
  }
  const { start, state, world } = make(t, { programs: ['nvcc'] })
  await start({ cudaLibraries })
  t.false(state.printed.includes('CUDA'))
  await start({ cudaLibraries, isForTests: true })
  t.deepEqual(asked, [false, true])
  await start({ isForTests: true })
  t.true(state.printed.includes('the CUDA plugin is neither built nor tested: nobody has them'))
  await start({ cudaLibraries, isForTests: true, env: { ...world.env, WITH_CUDA: 'OFF' } })
  t.is(asked.length, 2)
})

const SMI = 'nvidia-smi --query-gpu=compute_cap --format=csv,noheader'
const KNOWN = 'nvcc --list-gpu-arch'
const known = 'compute_75\ncompute_80\ncompute_89\ncompute_90\n'

/** A world with nvcc and this machine's answers: what nvidia-smi prints, and the files that say that there is a GPU. */
function makeWithGpus(t: ExecutionContext, smi: string, files: string[] = []) {
  const made = make(t, { programs: smi ? ['nvcc', 'nvidia-smi'] : ['nvcc'] })
  const gpus = { smi }
  const exists = (file: string) => files.includes(file)
  const run: World['run'] = async (command, args) => {
    const line = [path.basename(command), ...args].join(' ')
    if (line === SMI) return { status: 0, output: gpus.smi }
    if (line === KNOWN) return { status: 0, output: known }
    const result = await made.world.run(command, args)
    const native = /CUDA_ARCHITECTURES=(\S+)/.exec(line)?.[1]
    if (native) made.write('build/CMakeCache.txt', `CUDA_ARCHITECTURES:STRING=${native}\n`)
    return result
  }
  const start = (changes: Partial<World> = {}) => made.start({ exists, run, ...changes })
  return { ...made, gpus, start, built: () => made.state.ran.filter((line) => line.includes('build-native')) }
}

test('the plugin is built for the GPUs that are here, whatever says so', async (t) => {
  for (const [smi, files, architectures] of [
    ['9.0\n', [], '90'],
    ['8.9\n9.0\n8.9\n', ['/proc/driver/nvidia/version'], '89;90'],
    ['12.1\n', [], 'default'], // nvcc does not know it
    ['[N/A]\n', ['/dev/nvhost-gpu'], 'default'],
    ['', ['/proc/driver/nvidia/version'], 'default'],
    ['', ['/dev/dxg', '/usr/lib/wsl/lib/libcuda.so.1'], 'default'],
  ] as const) {
    const { start, built } = makeWithGpus(t, smi, [...files])
    await start()
    t.deepEqual(built(), [`${NATIVE} CUDA_ARCHITECTURES=${architectures}`], smi + files)
    await start()
    t.deepEqual(built(), [], smi + files)
  }
})

test('under WSL2 nvidia-smi may be in its own folder alone, and WSL2 without an NVIDIA GPU has none', async (t) => {
  const wsl = makeWithGpus(t, '', ['/dev/dxg', '/usr/lib/wsl/lib/nvidia-smi'])
  wsl.gpus.smi = '8.9\n'
  await wsl.start()
  t.deepEqual(wsl.built(), [`${NATIVE} CUDA_ARCHITECTURES=89`])

  const other = makeWithGpus(t, '', ['/dev/dxg'])
  await other.start()
  t.deepEqual(other.built(), [NATIVE])
})

test('without a GPU the wheels of the tests are built for one architecture, and a GPU that comes changes that', async (t) => {
  const cudaLibraries = async () => ({ root: '/wheels' })
  const { start, built, gpus, write, root } = makeWithGpus(t, '')
  await start({ cudaLibraries, isForTests: true })
  t.deepEqual(built(), [`${NATIVE_FOR_TESTS} CUDA_ARCHITECTURES=90`])
  write('bin/nvidia-smi', '#!/bin/sh\n')
  chmodSync(path.join(root, 'bin/nvidia-smi'), 0o755)
  gpus.smi = '8.0\n'
  await start({ cudaLibraries, isForTests: true })
  t.deepEqual(built(), [`${NATIVE_FOR_TESTS} CUDA_ARCHITECTURES=80`])
})

test('what the build was told by hand stays', async (t) => {
  const { start, built, write, root, world } = makeWithGpus(t, '9.0\n')
  write('build/CMakeCache.txt', `CUDA_ARCHITECTURES:STRING=80;90\nCUDNN_ROOT:PATH=${root}\n`)
  let env: Record<string, string | undefined> = {}
  const run: World['run'] = async (command, args) => world.run(command, args)
  await start({
    run: (...[command, args, options]: [string, string[], { env?: typeof env }?]) => {
      if (args.includes('scripts/build-native.mjs')) env = options?.env ?? {}
      return run(command, args)
    },
  })
  t.deepEqual(built(), [NATIVE])
  t.is(env.CUDNN_ROOT, root)

  await start({ env: { ...world.env, CUDA_ARCHITECTURES: '89' } })
  t.deepEqual(built(), [NATIVE])
  t.true(givenDefinitions({ CUDA_ARCHITECTURES: '89' }).includes('CUDA_ARCHITECTURES=89'))

  write('build/CMakeCache.txt', 'WITH_CUDA:STRING=OFF\n')
  write('cpp/a.cpp', '// changed')
  await start()
  t.deepEqual(built(), [NATIVE])
})

test('a build folder that is made anew is told again what it was told', (t) => {
  const { root, write } = make(t)
  const out = path.join(root, 'build')
  const options = `WITH_CUDA:STRING=ON\nCUDNN_ROOT:PATH=${root}\nCUDA_ARCHITECTURES:STRING=89;90\n`
  write('build/CMakeCache.txt', `CMAKE_HOME_DIRECTORY:INTERNAL=${root}\n${options}`)
  t.deepEqual(dropForeignCache(root, out), [])
  t.true(existsSync(out))
  write('build/CMakeCache.txt', `CMAKE_HOME_DIRECTORY:INTERNAL=/elsewhere\nONEDNN_ROOT:PATH=/gone\n${options}`)
  t.deepEqual(dropForeignCache(root, out), ['WITH_CUDA=ON', `CUDNN_ROOT=${root}`, 'CUDA_ARCHITECTURES=89;90'])
  t.false(existsSync(out))
})

test('options that a person gave once hold when build/ is deleted, and set-up says so', async (t) => {
  const { start, built, state, root, world } = makeWithGpus(t, '9.0\n')
  keepOptions(root, ['WERROR=ON', 'CPU_LEVELS=v3', 'CUDA_ARCHITECTURES=80;90', `CUDNN_ROOT=${root}`])
  await start({ isForTests: true })
  t.deepEqual(built(), ['scripts/build-native.mjs --automatic CPU_LEVELS=v3'])
  t.true(
    state.printed.includes(`setup: CUDNN_ROOT=${root} CUDA_ARCHITECTURES=80;90 CPU_LEVELS=v3, as told before`),
    state.printed,
  )
  t.deepEqual(keptOptions(root), { CUDNN_ROOT: root, CUDA_ARCHITECTURES: '80;90', CPU_LEVELS: 'v3' })
  await start({ isForTests: true })
  t.deepEqual(built(), [])
  rmSync(path.join(root, 'build'), { recursive: true })
  await start({ isForTests: true })
  t.deepEqual(built(), ['scripts/build-native.mjs --automatic CPU_LEVELS=v3'])

  // What the environment says now goes before, and is kept in its turn.
  await start({ env: { ...world.env, WITH_CUDA: 'OFF' } })
  t.deepEqual(keptOptions(root), {
    WITH_CUDA: 'OFF',
    CUDNN_ROOT: root,
    CUDA_ARCHITECTURES: '80;90',
    CPU_LEVELS: 'v3',
  })
})

test('a kept path that is gone is left out', (t) => {
  const { root } = make(t)
  keepOptions(root, ['CUDNN_ROOT=/gone', 'WITH_CUDA=ON', 'ONEDNN_ROOT=relative'])
  t.deepEqual(keptOptions(root), { ONEDNN_ROOT: 'relative', WITH_CUDA: 'ON' })
})

test('packages that npm itself installed are not installed again', async (t) => {
  const { start, state, write } = make(t)
  write('node_modules/.package-lock.json', JSON.stringify({ packages: { 'node_modules/a': { version: '1.0.0' } } }))
  await start()
  t.deepEqual(state.ran, [NATIVE, TS])
})

test('a changed lock file updates the packages, and in CI installs them afresh', async (t) => {
  for (const CI of [undefined, 'true']) {
    const { start, state, write, world } = make(t)
    write('node_modules/.package-lock.json', JSON.stringify({ packages: { 'node_modules/a': { version: '0.9.0' } } }))
    await start({ env: { ...world.env, CI } })
    t.true(state.ran[0]?.startsWith(CI ? 'npm ci' : 'npm install'))
  }
})

test('root installs through apt-get only what is missing, and the lists are updated once', async (t) => {
  const { start, state } = make(t, { absent: [compiler, dnnl], programs: ['apt-get'] })
  await start()
  const apt = state.ran.filter((line) => line.includes('apt-get'))
  t.is(apt.length, 2)
  t.true(apt[0]?.endsWith(' update'))
  t.true(apt[1]?.endsWith(' install --no-install-recommends g++ libdnnl-dev'))
})

test('one package that apt-get does not know does not keep the others away', async (t) => {
  const unknown = (line: string) => / install .*dataset-fashion-mnist/.test(line)
  const { start, state } = make(t, { absent: [compiler, data], programs: ['apt-get'], fails: unknown })
  await start()
  t.deepEqual(state.absent, [data])
  t.true(state.printed.includes('the data is missing, so it is downloaded; get it with: sudo apt-get install dataset'))
  t.deepEqual(state.ran.slice(-3), [NPM, NATIVE, TS])
})

test('sudo is used where it asks for no password', async (t) => {
  const { start, state } = make(t, { absent: [compiler], programs: ['apt-get', 'sudo'] })
  await start({ isRoot: false })
  t.is(state.ran[0], 'sudo -n true')
  t.true(state.ran[1]?.startsWith('sudo -n env DEBIAN_FRONTEND=noninteractive apt-get -y'))
})

test('where it may not install, one sentence says what is missing and how to get it', async (t) => {
  const absent = [compiler, cmake, dnnl]
  const message = 'setup: a C++20 compiler and CMake are missing; get them with: sudo apt-get install g++ cmake'
  const asks = make(t, { absent, programs: ['apt-get', 'sudo'], fails: (line) => line === 'sudo -n true' })
  await t.throwsAsync(asks.start({ isRoot: false }), { message })
  t.deepEqual(asks.state.ran, ['sudo -n true'])

  const noSudo = make(t, { absent, programs: ['apt-get'] })
  await t.throwsAsync(noSudo.start({ isRoot: false }), { message })

  const declined = make(t, { absent, programs: ['apt-get'] })
  await t.throwsAsync(declined.start({ env: { ...declined.world.env, NODE_CUDNN_NO_APT: '1' } }), { message })
  t.deepEqual(declined.state.ran, [])

  const other = make(t, { absent: [cmake] })
  await t.throwsAsync(other.start(), {
    message: "setup: CMake is missing; install it with this system's package manager",
  })
})

test('without oneDNN it goes on, says so once, and asks again another day', async (t) => {
  const { start, state } = make(t, { absent: [dnnl] })
  await start()
  t.true(state.printed.includes('oneDNN is missing, so it is slow'))
  t.deepEqual(state.ran, [NPM, NATIVE, TS])
  t.false(await start())
  t.is(state.printed, '')
  state.time += 25 * 60 * 60 * 1000
  await start()
  t.true(state.printed.includes('oneDNN is missing'))
})

test('oneDNN that was installed since builds the addon again', async (t) => {
  const { start, state } = make(t, { absent: [dnnl] })
  await start()
  state.absent = []
  await start()
  t.deepEqual(state.ran, [NATIVE])
})

/** A prefix that holds nothing but a header of this version of oneDNN. */
function prefix(write: (file: string, text: string) => void, root: string, version: string) {
  const [major, minor, patch] = version.split('.')
  write('prefix/include/oneapi/dnnl/dnnl.hpp', '')
  write(
    'prefix/include/oneapi/dnnl/dnnl_version.h',
    `#define DNNL_VERSION_MAJOR ${major}\n#define DNNL_VERSION_MINOR ${minor}\n#define DNNL_VERSION_PATCH ${patch}\n`,
  )
  return path.join(root, 'prefix')
}

test('another version of oneDNN builds the addon again', async (t) => {
  const { start, state, write, root, world } = make(t)
  const env = { ...world.env, ONEDNN_ROOT: prefix(write, root, '2.6.3') }
  await start({ env })
  await start({ env })
  t.deepEqual(state.ran, [])
  prefix(write, root, '3.7.2')
  await start({ env })
  t.deepEqual(state.ran, [NATIVE])
})

test('oneDNN that is there and does not serve is named in the sentence that CMake has for it', async (t) => {
  const sentence = 'oneDNN: not used, since its version is 2.5.0; it is slow'
  const { start, state, write, root, world } = make(t, { output: `-- Found Threads\n-- ${sentence}\n-- Done\n` })
  await start({ env: { ...world.env, ONEDNN_ROOT: prefix(write, root, '2.5.0') } })
  t.true(state.printed.includes(`setup: ${sentence}\n`))
})

test('warnings are errors only where that is asked for, which builds the addon again', async (t) => {
  const { start, state, world } = make(t)
  await start()
  await start({ env: { ...world.env, WERROR: 'ON' } })
  t.deepEqual(state.ran, [NATIVE])
  t.deepEqual(givenDefinitions({}), ['WERROR=OFF'])
  t.deepEqual(givenDefinitions({ WERROR: 'ON', ONEDNN_ROOT: '/opt/onednn' }), ['WERROR=ON', 'ONEDNN_ROOT=/opt/onednn'])
})

test('a failed step shows its log, stops, and is done again at the next start', async (t) => {
  let broken = true
  const { start, state, root } = make(t, { fails: (line) => broken && line === NATIVE })
  const error = await t.throwsAsync(start())
  t.true(error?.message.startsWith(`log of ${NATIVE}`))
  t.deepEqual(state.ran, [NPM, NATIVE])
  t.false(existsSync(path.join(root, 'dist')))
  broken = false
  await start()
  t.deepEqual(state.ran, [NATIVE, TS])
})

test('a Node that is too old is named', async (t) => {
  const { start } = make(t)
  const message = 'setup: this is Node 20.18.3, but Node 20.19 or later is needed'
  await t.throwsAsync(start({ nodeVersion: '20.18.3' }), { message })
})

test('a long build says each tenth of the way, of make and of ninja', (t) => {
  const say = (lines: readonly string[]) => {
    let said = ''
    const told = tenths((text) => {
      said += text
    })
    for (const line of lines) told(line)
    return said
  }
  t.is(
    say(['-- Configuring done\n', '[  5%] Building\n[ 11%] Building\n', '[ 19%] B\n[ 40%] B\n[100%] Linked\n']),
    '10 % 40 % ',
  )
  t.is(say(['[1/130] Building a\n', '[13/130] Building b\n', '[14/130] [90%] c\n', '[130/130] Linking\n']), '10 % ')
})
