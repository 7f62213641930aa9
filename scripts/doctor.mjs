// `npm run doctor`: prints what this machine has, what it lacks and how to get it. Status 0 if training on the CPU works.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { cached } from './build-native.mjs'
import { cudaFolder, cudaRoot, readRecord } from './cuda/folder.mjs'
import { findNvidiaSmi } from './support/gpu.mjs'
import { findCudnn, findNvcc, howToGet, oneDnnVersion, wants, which } from './support/system.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const inCheckout = existsSync(path.join(root, 'tsconfig.json'))
const buildAddon = inCheckout ? 'npm run setup' : 'npx node-cudnn build'

/** ✔ is here, ✘ is missing and needed to train on the CPU, - is missing and can be done without. */
function report(good, name, what, needed = false) {
  console.log(`${good ? '✔' : needed ? '✘' : '-'} ${name.padEnd(14)} ${what}`)
}

/** The first line that a command prints, or undefined if it fails. */
function firstLine(command, ...args) {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' })
  return status === 0 ? stdout.trim().split('\n')[0] : undefined
}

const describe = {
  'a C++20 compiler': (file) => `${firstLine(file, '--version')} (${file})`,
  CMake: (file) => `${firstLine(file, '--version')} (${file})`,
  make: (file) => file,
  oneDNN: (file) => `${oneDnnVersion(file)} (${file})`,
  'the Fashion-MNIST data': (folder) => folder,
}
const labels = { 'a C++20 compiler': 'compiler', CMake: 'cmake', 'the Fashion-MNIST data': 'Fashion-MNIST' }

/** Where a package brings the addon, nothing has to be built. */
function machine(isPackaged) {
  report(true, 'node', `${process.version} (${process.platform}-${process.arch})`)
  const npm = firstLine('npm', '--version')
  report(Boolean(npm), 'npm', npm ?? 'not found')
  for (const want of wants) {
    const file = want.find(process.env)
    const label = labels[want.name] ?? want.name
    const without = want.without ?? 'the native addon cannot be built'
    const effect =
      isPackaged && want.name !== 'the Fashion-MNIST data' ? 'needed only to build the addon here' : without
    report(
      Boolean(file),
      label,
      file ? describe[want.name](file) : `not found: ${effect}; ${howToGet([want])}`,
      want.required && !isPackaged,
    )
  }
}

/** The lines that a module prints, run in a process of its own, since a broken native library may end its process. */
function ask(script) {
  const child = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' })
  const error = child.stderr.split('\n').find((line) => /^\w*Error\b/.test(line))
  const failure = child.status === 0 ? undefined : (error ?? `ended with ${child.signal ?? child.status}`)
  return { lines: child.stdout.trim().split('\n'), failure }
}

/** The addon's file, or why there is none. */
async function findAddon() {
  const finder = path.join(root, 'dist', 'lib', 'addon-file.js')
  if (!existsSync(finder)) return { missing: `not built; build it with: ${buildAddon}` }
  try {
    return { file: (await import(pathToFileURL(finder).href)).findAddon().addon }
  } catch (error) {
    return { missing: error.message.replace(/^node-cudnn: /, '') }
  }
}

/** Trains nothing: opens the package and adds three numbers. */
function addon({ file, missing }) {
  const entry = path.join(root, 'dist', 'lib', 'index.js')
  if (missing) {
    report(false, 'addon', missing, true)
    return false
  }
  const script = `import * as cnn from ${JSON.stringify(pathToFileURL(entry).href)}
console.log(JSON.stringify({ devices: cnn.devices(), whyNoCuda: cnn.whyNoCuda() }))
console.log(await cnn.tensor([1, 2, 3], { device: 'cpu' }).sum().item())`
  const {
    lines: [found, sum],
    failure,
  } = ask(script)
  if (failure || sum !== '6') {
    const reason = failure ?? `1 + 2 + 3 is ${sum}`
    // A variable of ours that asks for what is not here, a broken package, or a broken build.
    const variable = /NODE_CUDNN_\w+/.exec(reason)?.[0]
    const isPackaged = file.includes(`${path.sep}@node-cudnn${path.sep}`)
    const again = isPackaged
      ? 'install it again with: npm install --force node-cudnn'
      : `build it again with: ${buildAddon}`
    report(
      false,
      'addon',
      `${file} does not work: ${reason}; ${variable ? `change or unset ${variable}` : again}`,
      true,
    )
    return false
  }
  report(true, 'addon', file)
  const { devices, whyNoCuda } = JSON.parse(found)
  for (const device of devices) {
    report(true, 'device', `${device.name}: ${device.description}`)
    if (device.cuda) {
      describeCuda(device.cuda)
      tryCuda(entry, device.name)
    }
  }
  if (whyNoCuda) report(false, 'device', `no cuda device: ${whyNoCuda}; docs/cuda.md says what to do`)
  return true
}

function describeCuda({ computeCapability, memory, multiprocessors, options, warning }) {
  const gibibytes = (memory / 2 ** 30).toFixed(1)
  const indent = ' '.repeat(17)
  console.log(`${indent}compute capability ${computeCapability}, ${gibibytes} GiB, ${multiprocessors} multiprocessors`)
  console.log(
    `${indent}${Object.entries(options)
      .map(([name, value]) => `${name}: ${value}`)
      .join(', ')}`,
  )
  if (warning) console.log(`${indent}${warning}`)
}

/** Adds three numbers on a GPU. */
function tryCuda(entry, name) {
  const { lines, failure } = ask(`import { tensor } from ${JSON.stringify(pathToFileURL(entry).href)}
console.log(await tensor([1, 2, 3], { device: '${name}' }).sum().item())`)
  if (!failure && lines[0] === '6') return
  report(
    false,
    'device',
    `${name} does not compute: ${failure ?? `1 + 2 + 3 is ${lines[0]}`}; docs/cuda.md says what to do`,
  )
}

/** A shared library in the loader's cache or in CUDA's usual folders. */
function library(name) {
  const cache = spawnSync(which('ldconfig') ?? '/sbin/ldconfig', ['-p'], { encoding: 'utf8' }).stdout ?? ''
  const known = cache.split('\n').find((line) => line.trim().startsWith(name))
  if (known) return known.split('=> ')[1]
  const folders = [...(process.env.LD_LIBRARY_PATH ?? '').split(':').filter(Boolean), '/usr/local/cuda/lib64']
  for (const folder of folders) {
    const found = existsSync(folder) && readdirSync(folder).find((file) => file.startsWith(name))
    if (found) return path.join(folder, found)
  }
  return undefined
}

function cuda() {
  // WSL2 has a driver, but no kernel module that tells of it
  const smi = findNvidiaSmi(process.env)
  const said = smi && firstLine(smi, '--query-gpu=name,driver_version', '--format=csv,noheader')
  const driver = said ?? (existsSync('/proc/driver/nvidia/version') && library('libcuda.so.1'))
  report(
    Boolean(driver),
    'NVIDIA driver',
    driver || 'not found: no GPU can be used; get it from https://www.nvidia.com/drivers',
  )
  const nvcc = findNvcc()
  report(
    Boolean(nvcc),
    'nvcc',
    nvcc ?? 'not found: needed only to build for GPUs; get CUDA 13 from https://developer.nvidia.com/cuda-downloads',
  )
  const CUDNN_ROOT = process.env.CUDNN_ROOT ?? cached(path.join(root, 'build'), 'CUDNN_ROOT')
  const installed = [13, 12].map((version) => cudaFolder(version, cudaRoot())).find(readRecord)
  const cudnn = installed ?? library('libcudnn.so.9') ?? findCudnn({ ...process.env, CUDNN_ROOT })
  report(
    Boolean(cudnn),
    'cuDNN',
    cudnn ?? 'not found: needed only for GPUs; get it, and what else a GPU needs, with: npx node-cudnn cuda install',
  )
}

const found = await findAddon()
machine(found.file !== undefined && !found.file.startsWith(path.join(root, 'build')))
const works = addon(found)
cuda()
console.log(works ? '\nTraining on the CPU works.' : '\nTraining on the CPU does not work yet; see the lines above.')
process.exitCode = works ? 0 : 1
