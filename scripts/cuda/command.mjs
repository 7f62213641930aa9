// `node-cudnn cuda`: what is here for cuda devices, and getting or removing NVIDIA's libraries for them.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import readline from 'node:readline/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { chooseCuda, findPlugins, lookAtDriver, newestCuda } from './driver.mjs'
import { Failure, megabytes } from './failure.mjs'
import { cudaFolder, cudaRoot, damagedFiles, isInstalled, readRecord } from './folder.mjs'
import { installCuda, world as installWorld } from './install.mjs'
import { progress } from './progress.mjs'
import { DEFAULT_INDEX, parseIndex } from './simple-index.mjs'
import { wheels } from './wheels.mjs'

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))))

/** Everything that the commands ask of the world, so that a test can put another in its place. */
export const world = {
  root,
  env: process.env,
  platform: process.platform,
  arch: process.arch,
  glibc: () => {
    process.report.excludeNetwork = true
    return process.report.getReport().header.glibcVersionRuntime
  },
  wheels,
  print: (line) => console.log(line),
  isInteractive: process.stdin.isTTY === true && process.stdout.isTTY === true,
  ask: async (question) => {
    const prompt = readline.createInterface({ input: process.stdin, output: process.stdout })
    try {
      return await prompt.question(question)
    } finally {
      prompt.close()
    }
  },
  run: (command, ...args) => {
    const { status, stdout } = spawnSync(command, args, { encoding: 'utf8', timeout: 60_000 })
    return status === 0 ? stdout : undefined
  },
  read: (file) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined),
  install: installWorld,
}

/** Throws where there can be no cuda devices. */
function checkSystem(w) {
  if (w.platform !== 'linux') {
    const name = { darwin: 'macOS', win32: 'Windows' }[w.platform] ?? w.platform
    throw new Failure(`cuda devices need Linux, and this is ${name}; the cpu device works without them`)
  }
  if (!w.glibc())
    throw new Failure(
      "NVIDIA's libraries need glibc, which this system does not have (Alpine and others use musl); use Debian, Ubuntu or Fedora",
    )
}

function wheelsFor(w, cuda) {
  const found = w.wheels[cuda]?.[w.arch]
  if (!found) throw new Failure(`NVIDIA has no libraries of CUDA ${cuda} for ${w.platform}-${w.arch}`)
  return found
}

const names = (list) => list.map(({ title, version }) => `${title} ${version}`).join(', ')

/** Lines that say what is here and what is missing. */
export function showCuda(w = world) {
  checkSystem(w)
  const line = (good, name, what) => w.print(`${good ? '✔' : '✘'} ${name.padEnd(9)} ${what}`)
  const driver = lookAtDriver(w)
  if (driver.version) {
    const most = newestCuda(driver.version)
    const knows = driver.cuda ?? most
    const cure = most === 0 ? '; too old, 525 or later is needed: https://www.nvidia.com/drivers' : ''
    line(most > 0, 'driver', `NVIDIA ${driver.version}${knows ? `, knows CUDA ${knows}` : ''}${cure}`)
  } else {
    line(false, 'driver', 'none is loaded (no /proc/driver/nvidia/version); get it from https://www.nvidia.com/drivers')
  }
  const inContainer = 'not found: the driver is not installed, or the container was started without --gpus all'
  line(driver.libcuda, 'libcuda', driver.libcuda ?? inContainer)
  for (const gpu of driver.gpus) line(true, 'GPU', gpu)

  const plugins = findPlugins(w.root, w.env, w.arch)
  for (const { cuda, file } of plugins) line(true, 'plugin', `for CUDA ${cuda}: ${file}`)
  if (plugins.length === 0) line(false, 'plugin', 'none is here; docs/cuda.md says how to get it')

  let installed = 0
  for (const cuda of [12, 13]) {
    const folder = cudaFolder(cuda, cudaRoot(w.env))
    const record = readRecord(folder)
    if (!record) continue
    const damaged = damagedFiles(folder, record)
    const again = `npx node-cudnn cuda install --cuda ${cuda}`
    const state = isInstalled(folder, w.wheels[cuda]?.[w.arch] ?? [])
      ? ''
      : `; other versions than this package's: ${again}`
    const versions = Object.entries(record.packages).map(([name, { version }]) => `${name} ${version}`)
    if (damaged.length > 0)
      line(false, 'libraries', `for CUDA ${cuda} in ${folder}: ${damaged[0]} is damaged; ${again}`)
    else line(true, 'libraries', `for CUDA ${cuda} in ${folder}: ${versions.join(', ')}${state}`)
    installed++
  }
  if (installed === 0)
    line(
      false,
      'libraries',
      'not installed here (cuDNN, cuBLAS, NVRTC, CUDA runtime); get them with: npx node-cudnn cuda install',
    )

  const entry = path.join(w.root, 'dist', 'lib', 'index.js')
  if (!existsSync(entry)) return
  const script = `import { devices, whyNoCuda } from ${JSON.stringify(pathToFileURL(entry).href)}
console.log(whyNoCuda() ?? devices().filter(({ cuda }) => cuda).map(({ name, description }) => name + ': ' + description).join('; '))
process.exitCode = whyNoCuda() ? 0 : 10`
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
    env: w.env,
  })
  if (status === 0 || status === 10)
    line(status === 10, 'devices', status === 10 ? stdout.trim() : `none: ${stdout.trim()}`)
}

/** Where another folder was chosen, a link in the cache leads to it, so that no variable has to be set. */
function linkFromCache(w, cuda, folder) {
  const link = cudaFolder(cuda, cudaRoot(w.env))
  if (path.resolve(link) === path.resolve(folder)) return true
  try {
    const stat = lstatSync(link, { throwIfNoEntry: false })
    if (stat?.isSymbolicLink()) {
      if (readlinkSync(link) === folder) return true
      rmSync(link)
    } else if (stat) {
      return false
    }
    mkdirSync(path.dirname(link), { recursive: true })
    symlinkSync(folder, link)
    return true
  } catch {
    return false
  }
}

async function agree(w, list, index, folder, yes) {
  const bytes = list.reduce((sum, { size }) => sum + size, 0)
  w.print(`From ${index.shown} into ${folder}:`)
  for (const { title, version, size } of list)
    w.print(`  ${`${title} ${version}`.padEnd(24)} ${megabytes(size).padStart(8)}`)
  w.print(`  ${'together'.padEnd(24)} ${megabytes(bytes).padStart(8)}`)
  w.print("They are NVIDIA's, not ours, under NVIDIA's licences:")
  for (const licence of new Set(list.map((wheel) => wheel.licence))) w.print(`  ${licence.name}: ${licence.url}`)
  if (yes) return
  if (!w.isInteractive)
    throw new Failure("to accept NVIDIA's licences and download where nobody can be asked, add --yes")
  const answer = await w.ask('Do you accept them, and shall it be downloaded? [y/N] ')
  if (!/^y(es)?$/i.test(answer.trim())) throw new Failure('nothing was downloaded')
}

/** options: cuda ('12' or '13'), dir, index, yes, force. */
export async function installCommand(options = {}, w = world) {
  checkSystem(w)
  const forced = options.cuda && Number(options.cuda)
  if (forced && forced !== 12 && forced !== 13) throw new Failure(`--cuda is ${options.cuda}, expected 12 or 13`)
  const index = parseIndex(options.index ?? DEFAULT_INDEX)
  const driver = forced ? undefined : lookAtDriver(w)
  const cuda = forced || chooseCuda(driver, findPlugins(w.root, w.env, w.arch))
  const list = wheelsFor(w, cuda)
  const target = options.dir ? path.resolve(options.dir) : cudaRoot(w.env)
  const folder = cudaFolder(cuda, target)
  const given = driver?.version ? `, for driver ${driver.version}` : ''

  let isNew = false
  if (options.force || !isInstalled(folder, list)) {
    w.print(`The libraries of CUDA ${cuda}${given}.`)
    await agree(w, list, index, folder, options.yes)
    const shown = progress(list, w.print)
    const install = { ...w.install, note: shown.note, onBytes: shown.onBytes }
    const request = { cuda, arch: w.arch, wheels: list, index, root: target, force: options.force }
    try {
      ;({ isNew } = await installCuda(request, install))
    } finally {
      shown.end()
    }
  }
  w.print(`${isNew ? 'Installed' : 'All is there'}: ${names(list)} in ${folder}`)
  if (!linkFromCache(w, cuda, folder))
    w.print(
      `They are not in the place where node-cudnn looks; set NODE_CUDNN_CUDA_DIR=${target} for programs that use them`,
    )
}

/** options: cuda, dir. */
export function removeCommand(options = {}, w = world) {
  const target = options.dir ? path.resolve(options.dir) : cudaRoot(w.env)
  const wanted = options.cuda ? [Number(options.cuda)] : [12, 13]
  let removed = 0
  for (const cuda of wanted) {
    const place = cudaFolder(cuda, target)
    const stat = lstatSync(place, { throwIfNoEntry: false })
    if (!stat) continue
    const folder = stat.isSymbolicLink() ? path.resolve(path.dirname(place), readlinkSync(place)) : place
    // only what `cuda install` wrote
    if (existsSync(folder) && !readRecord(folder))
      throw new Failure(`${folder} was not made by node-cudnn cuda install; it is left as it is`)
    rmSync(folder, { recursive: true, force: true })
    rmSync(place, { recursive: true, force: true })
    w.print(`removed ${folder}`)
    removed++
  }
  rmSync(path.join(target, 'downloads'), { recursive: true, force: true })
  if (removed === 0) w.print(`nothing is installed in ${target}`)
}

/**
 * Node's fetch uses HTTPS_PROXY and its like only if asked to at the start of the process (Node 22.21 and 24); then the command runs in such a
 * process. Resolves to its exit status, or undefined where none was needed.
 */
export async function throughProxy(print = world.print, env = process.env) {
  const variable = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'].find((name) => env[name])
  if (!variable || env.NODE_USE_ENV_PROXY) return undefined
  if (!process.allowedNodeEnvironmentFlags.has('--use-env-proxy')) {
    print(`${variable} is set, but Node ${process.version} fetches without proxies; Node 24 uses them`)
    return undefined
  }
  const child = spawn(process.execPath, process.argv.slice(1), {
    stdio: 'inherit',
    env: { ...env, NODE_USE_ENV_PROXY: '1' },
  })
  return new Promise((resolve, reject) => child.on('error', reject).on('close', (code) => resolve(code ?? 1)))
}
