// What this machine has for cuda devices: the NVIDIA driver, its GPUs, and plugins; and which CUDA follows from that.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { findNvidiaSmi, WSL } from '../support/gpu.mjs'
import { which } from '../support/system.mjs'
import { Failure } from './failure.mjs'

/** CUDA → the first driver that knows it. */
export const FIRST_DRIVER = { 12: 525, 13: 580 }

/** The newest of our CUDAs that a driver knows, 0 if it knows none. */
export function newestCuda(driver) {
  const major = Number.parseInt(driver, 10)
  return major >= FIRST_DRIVER[13] ? 13 : major >= FIRST_DRIVER[12] ? 12 : 0
}

function findLibcuda(env, ldconfig) {
  const known = ldconfig.split('\n').find((line) => line.trim().startsWith('libcuda.so.1 '))
  if (known) return known.split('=> ')[1].trim()
  const folders = [
    ...(env.LD_LIBRARY_PATH ?? '').split(':').filter(Boolean),
    WSL,
    '/usr/lib/x86_64-linux-gnu',
    '/usr/lib/aarch64-linux-gnu',
  ]
  return folders.map((folder) => path.join(folder, 'libcuda.so.1')).find((file) => existsSync(file))
}

/** `run(command, ...args)` gives what a command prints, or undefined; `read(file)` a file's text, or undefined. */
export function lookAtDriver({ env, run, read }) {
  const smi = findNvidiaSmi(env)
  const query = smi && run(smi, '--query-gpu=driver_version,name,compute_cap', '--format=csv,noheader')
  const gpus = (query ?? '')
    .trim()
    .split('\n')
    .map((line) => line.split(', '))
    .filter((words) => words.length === 3)
  const module = read('/proc/driver/nvidia/version')
  const version = gpus[0]?.[0] ?? /Kernel Module.*?\s(\d+(?:\.\d+)+)\s/.exec(module ?? '')?.[1]
  const says = smi && /CUDA (?:UMD )?Version:\s*(\d+\.\d+)/.exec(run(smi) ?? '')?.[1]
  return {
    /** '580.65.06' */
    version,
    /** '13.0', as nvidia-smi says it. */
    cuda: says,
    libcuda: findLibcuda(env, run(which('ldconfig', env) ?? '/sbin/ldconfig', '-p') ?? ''),
    gpus: gpus.map(([, name, capability]) => `${name}, compute capability ${capability}`),
  }
}

/** The CUDA that a plugin was built for; its probe, which is small, names the runtime. */
function cudaOfPlugin(file) {
  const probe = path.join(path.dirname(file), 'node_cudnn_probe')
  if (!existsSync(file) || !existsSync(probe)) return undefined
  return Number(/libcudart\.so\.(\d+)/.exec(readFileSync(probe, 'latin1'))?.[1]) || undefined
}

/** The plugins here: `{ cuda, file }`, built in this folder or installed as packages. */
export function findPlugins(root, env = process.env, arch = process.arch) {
  const files = [env.NODE_CUDNN_PLUGIN, path.join(root, 'build', 'Release', 'node_cudnn_cuda.so')].filter(Boolean)
  const require = createRequire(path.join(root, 'package.json'))
  for (const cuda of [12, 13]) {
    try {
      const folder = path.dirname(require.resolve(`@node-cudnn/linux-${arch}-cuda${cuda}/package.json`))
      const inside = readdirSync(folder, { recursive: true }).find(
        (name) => path.basename(name) === 'node_cudnn_cuda.so',
      )
      if (inside) files.push(path.join(folder, inside))
    } catch {
      // that package is not here
    }
  }
  return files.map((file) => ({ file, cuda: cudaOfPlugin(file) })).filter(({ cuda }) => cuda)
}

/** Which CUDA's libraries this machine needs: the newest that both the driver and a plugin know. Throws with what to do if that is none. */
export function chooseCuda(driver, plugins) {
  const ours = plugins.map(({ cuda }) => cuda)
  if (!driver.version) {
    if (new Set(ours).size === 1) return ours[0]
    throw new Failure(
      'no NVIDIA driver is here to say which CUDA it knows: give --cuda 13 (for drivers from 580 on) or --cuda 12 (from 525 on)',
    )
  }
  const most = newestCuda(driver.version)
  if (most === 0)
    throw new Failure(
      `the NVIDIA driver ${driver.version} is too old: CUDA 12 needs 525 or later, CUDA 13 needs 580 or later`,
    )
  if (ours.length === 0) return most
  const usable = ours.filter((cuda) => cuda <= most)
  if (usable.length === 0)
    throw new Failure(
      `the plugin is built for CUDA ${Math.min(...ours)}, which needs driver ${FIRST_DRIVER[Math.min(...ours)]} or later; this one is ${driver.version}`,
    )
  return Math.max(...usable)
}
