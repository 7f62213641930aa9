// Does all set-up by itself: system packages, npm packages, the native addon, the TypeScript. What is current is not
// touched, so that `npm run demo` and `npm test` can call it at every start.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { cached, compilerVariables, givenDefinitions } from './build-native.mjs'
import { cudaLibraries } from './cuda-libraries.mjs'
import { asDefinitions, keepOptions, keptOptions, sayKept } from './support/build-options.mjs'
import { fingerprint } from './support/fingerprint.mjs'
import { findGpus, knownToNvcc } from './support/gpu.mjs'
import { run, tenths } from './support/run.mjs'
import { findCudnn, findNvcc, findOneDnn, howToGet, list, missing, oneDnnVersion, which } from './support/system.mjs'

const MINIMUM_NODE = [20, 19]
const DAY = 24 * 60 * 60 * 1000

class SetupError extends Error {}

/** Everything that set-up asks of the world, so that a test can put another world in its place. */
export const world = {
  root: path.dirname(path.dirname(fileURLToPath(import.meta.url))),
  env: process.env,
  nodeVersion: process.versions.node,
  isRoot: process.getuid?.() === 0,
  now: () => Date.now(),
  print: (text) => process.stdout.write(text),
  run,
  exists: existsSync,
  missing,
  cudaLibraries,
  isForTests: false,
}

/** One line on the screen for a step; its whole log if it fails. */
async function step(w, title, command, args, options = {}) {
  const start = w.now()
  w.print(`setup: ${title} … `)
  const { status, output } = await w.run(command, args, { cwd: w.root, env: w.env, ...options })
  w.print(`${status === 0 ? 'done' : 'failed'} (${((w.now() - start) / 1000).toFixed(1)} s)\n`)
  return { ok: status === 0, output }
}

async function mustStep(w, ...rest) {
  const { ok, output } = await step(w, ...rest)
  if (!ok) throw new SetupError(`${output.trimEnd()}\n\nsetup: ${rest[0]} failed; its log is above`)
  return output
}

function checkNode(w) {
  const [major, minor] = w.nodeVersion.split('.').map(Number)
  if (major < MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor < MINIMUM_NODE[1])) {
    throw new SetupError(`setup: this is Node ${w.nodeVersion}, but Node ${MINIMUM_NODE.join('.')} or later is needed`)
  }
}

/** What comes before apt-get so that it may install: nothing for root, sudo where it asks for no password. */
async function aptPrefix(w) {
  if (w.env.NODE_CUDNN_NO_APT || !which('apt-get', w.env)) return undefined
  if (w.isRoot) return []
  const sudo = which('sudo', w.env)
  if (!sudo) return undefined
  const { status } = await w.run(sudo, ['-n', 'true'], {})
  return status === 0 ? [sudo, '-n'] : undefined
}

async function installPackages(w, prefix, packages) {
  const apt = async (title, args) => {
    const noninteractive = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-y', '-o', 'DPkg::Lock::Timeout=120']
    const [command, ...rest] = [...prefix, ...noninteractive, ...args]
    const done = await step(w, title, command, rest)
    const why = done.output.trimEnd().split('\n').at(-1)
    if (!done.ok && why) w.print(`setup:   ${why}\n`)
    return done
  }
  const install = (names) =>
    apt(`installing ${list(names)} with apt-get`, ['install', '--no-install-recommends', ...names])
  // A failed update (one broken source among many) need not stop the installation.
  await apt('updating the package lists', ['update'])
  const all = await install(packages)
  if (all.ok || packages.length === 1) return all.output
  // One unknown name makes apt-get refuse them all.
  const logs = []
  for (const name of packages) {
    const one = await install([name])
    if (!one.ok) logs.push(one.output)
  }
  return logs.join('\n')
}

/** Installs what the system lacks, where it may; returns what was declined, to be asked for again on another day. */
async function systemPackages(w, declined) {
  let absent = w.missing(w.env)
  const recently = declined && w.now() - declined.at < DAY ? declined.packages : []
  const ask = absent.filter((want) => want.required || !recently.includes(want.apt))
  if (ask.length === 0) return absent.length > 0 ? declined : undefined

  const prefix = await aptPrefix(w)
  const log = prefix
    ? await installPackages(
        w,
        prefix,
        ask.map((want) => want.apt),
      )
    : ''
  absent = w.missing(w.env)

  const required = absent.filter((want) => want.required)
  if (required.length > 0) {
    const sentence = `setup: ${list(required.map((want) => want.name))} ${required.length > 1 ? 'are' : 'is'} missing; ${howToGet(required, w.env)}`
    throw new SetupError(log ? `${log.trimEnd()}\n\n${sentence}` : sentence)
  }
  for (const want of absent) w.print(`setup: ${want.name} is missing, so ${want.without}; ${howToGet([want], w.env)}\n`)
  return absent.length > 0 ? { at: w.now(), packages: absent.map((want) => want.apt) } : undefined
}

/** What the build in build/ was told, by whomever; where build/ is gone, what a person told it. */
const toldBuild = (w, name) => cached(path.join(w.root, 'build'), name) ?? keptOptions(w.root)[name]

const isWithoutCuda = (w) => (w.env.WITH_CUDA ?? toldBuild(w, 'WITH_CUDA')) === 'OFF' || !findNvcc(w.env)

/**
 * Where cuDNN is, if not where systems put it: where the build was told, else in the wheels of the tests, for a machine that has nvcc and no cuDNN. Tests
 * fetch them: the plugin is then compiled, linked and run on the simulated device.
 */
async function cudnnRoot(w) {
  if (w.env.CUDNN_ROOT) return { root: w.env.CUDNN_ROOT }
  if (isWithoutCuda(w)) return {}
  const told = toldBuild(w, 'CUDNN_ROOT')
  if (!told && findCudnn(w.env)) return {}
  if (told && existsSync(told)) {
    const wheels = await w.cudaLibraries({ install: false, env: w.env })
    return { root: told, isForTests: told === wheels.root }
  }
  const { root, missing } = await w.cudaLibraries({ install: w.isForTests === true, env: w.env, print: w.print })
  if (!root && w.isForTests) w.print(`setup: the CUDA plugin is neither built nor tested: ${missing}\n`)
  return { root, isForTests: root !== undefined }
}

/**
 * For which GPUs the plugin is built, unless somebody else said that: those that are here, or all where nvcc does not know them or nobody tells which
 * they are. `before` is this function's last answer.
 */
async function cudaArchitectures(w, cudnn, before) {
  const told = toldBuild(w, 'CUDA_ARCHITECTURES')
  const isTold = w.env.CUDA_ARCHITECTURES || keptOptions(w.root).CUDA_ARCHITECTURES || (told && told !== before)
  if (isWithoutCuda(w) || isTold) return undefined
  const { isHere, architectures } = await findGpus(w)
  if (isHere) {
    const known = await knownToNvcc(findNvcc(w.env), architectures, w)
    return architectures.length === 0 || known.length < architectures.length ? 'default' : known.join(';')
  }
  // Without a GPU the plugin is for tests alone, and one architecture is enough.
  return cudnn.isForTests ? '90' : undefined
}

/** True if node_modules holds what the lock file says, whoever installed it. */
function modulesMatchLock(root) {
  const read = (file) => JSON.parse(readFileSync(path.join(root, file), 'utf8')).packages
  try {
    const installed = read('node_modules/.package-lock.json')
    return Object.entries(read('package-lock.json')).every(
      ([name, { version, optional }]) =>
        !name || installed[name]?.version === version || (optional && !installed[name]),
    )
  } catch {
    return false
  }
}

function npm(w) {
  return w.env.npm_execpath?.endsWith('.js') ? [process.execPath, w.env.npm_execpath] : ['npm']
}

/** Resolves to true if anything had to be done. Throws a SetupError whose message is all that the user should see. */
export async function setup(w = world) {
  checkNode(w)
  const stampFile = path.join(w.root, '.setup.json')
  let stamp = {}
  try {
    stamp = JSON.parse(readFileSync(stampFile, 'utf8'))
  } catch {
    // the first start
  }
  const before = JSON.stringify(stamp)
  const save = (changes) => {
    Object.assign(stamp, changes)
    writeFileSync(stampFile, `${JSON.stringify(stamp)}\n`)
  }
  const has = (file) => existsSync(path.join(w.root, file))

  const declined = await systemPackages(w, stamp.declined)
  if (declined !== stamp.declined) save({ declined })

  const modules = fingerprint(w.root, ['package.json', 'package-lock.json', 'node_modules/.package-lock.json'])
  if (stamp.modules !== modules) {
    if (!modulesMatchLock(w.root)) {
      const [command, ...args] = [...npm(w), has('node_modules') && !w.env.CI ? 'install' : 'ci']
      await mustStep(w, 'installing the npm packages', command, [...args, '--include=dev', '--no-audit', '--no-fund'])
    }
    save({ modules: fingerprint(w.root, ['package.json', 'package-lock.json', 'node_modules/.package-lock.json']) })
  }

  keepOptions(w.root, givenDefinitions(w.env))
  const told = keptOptions(w.root)
  const cudnn = await cudnnRoot(w)
  const env = cudnn.root ? { ...w.env, CUDNN_ROOT: cudnn.root } : w.env
  const architectures = await cudaArchitectures(w, cudnn, stamp.architectures)
  const options = architectures ? [`CUDA_ARCHITECTURES=${architectures}`] : []

  // The addon depends on the machine, too: another processor, or oneDNN or CUDA that has come, gone or changed.
  const dnnl = findOneDnn(env)
  const machine = [
    process.arch,
    os.cpus()[0]?.model ?? '',
    String(w.missing(w.env).some((want) => want.name === 'oneDNN')),
    dnnl ? `${dnnl} ${oneDnnVersion(dnnl)}` : '',
    `${findNvcc(env)} ${findCudnn(env)}`,
    ...compilerVariables.map((name) => env[name] ?? ''),
    ...givenDefinitions(env),
    ...asDefinitions(told),
    ...options,
  ]
  const native = fingerprint(
    w.root,
    [
      'CMakeLists.txt',
      'cmake',
      'cpp',
      'scripts/build-native.mjs',
      'scripts/support/build-options.mjs',
      'package-lock.json',
    ],
    machine,
  )
  // Each level of the cpu device takes minutes of a core to compile: whoever runs it here needs this machine's, and one that runs anywhere.
  const levels = told.CPU_LEVELS ?? (w.isForTests ? 'all' : 'own')
  const isCurrent = stamp.native === native && (stamp.levels === 'all' || stamp.levels === levels)
  if (!isCurrent || !has('build/Release/node_cudnn.node')) {
    const title = `building the native addon on ${os.availableParallelism()} cores`
    const args = ['scripts/build-native.mjs', '--automatic', `CPU_LEVELS=${levels}`, ...options]
    const sentence = sayKept(told, givenDefinitions(w.env))
    if (sentence) w.print(`setup: ${sentence}\n`)
    const output = await mustStep({ ...w, env }, title, process.execPath, args, { onOutput: tenths(w.print) })
    // One that is there and does not serve; one that is absent was named already.
    const unused = dnnl && /^-- (oneDNN: not used, .*)$/m.exec(output)?.[1]
    if (unused) w.print(`setup: ${unused}\n`)
    save({ native, levels, architectures })
  }

  // Tests run the plugin on it.
  if (w.isForTests && has('build/Release/node_cudnn_cuda.so')) {
    const parts = ['test/cudasim', 'cpp', 'scripts/build-cudasim.mjs']
    const simulator = fingerprint(w.root, parts, machine)
    if (stamp.simulator !== simulator || !has('build/cudasim/cases')) {
      await mustStep(w, 'building the simulated CUDA device', process.execPath, ['scripts/build-cudasim.mjs'])
      save({ simulator })
    }
  }

  const sources = [
    'lib',
    'types',
    'examples',
    'test',
    'benchmarks',
    'tsconfig.json',
    'scripts/build-ts.mjs',
    'package-lock.json',
  ]
  const ts = fingerprint(w.root, sources)
  if (stamp.ts !== ts || !has('dist/lib/index.js')) {
    await mustStep(w, 'compiling the TypeScript', process.execPath, ['scripts/build-ts.mjs'])
    save({ ts })
  }
  return JSON.stringify(stamp) !== before
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    const worked = await setup()
    if (!worked && !process.argv.includes('--quiet')) world.print('setup: everything is up to date\n')
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  }
}
