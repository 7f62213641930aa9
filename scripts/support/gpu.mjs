// The NVIDIA GPUs of this machine, as far as files and nvidia-smi tell, and for which of them nvcc can compile.
import { existsSync } from 'node:fs'
import { which } from './system.mjs'

/** Where Windows puts its driver's libraries and programs in a WSL2 machine. */
export const WSL = '/usr/lib/wsl/lib'

/** A kernel module, the door to the driver of Windows, or a Jetson's: any of them says that there is a GPU. */
const signs = [
  ['/proc/driver/nvidia/version'],
  ['/dev/nvhost-gpu'],
  ['/dev/nvgpu'],
  ['/dev/dxg', `${WSL}/libcuda.so.1`],
]

export function findNvidiaSmi(env, exists = existsSync) {
  return which('nvidia-smi', env) ?? [`${WSL}/nvidia-smi`].find(exists)
}

/**
 * `isHere`: whether there is a GPU; `architectures`: theirs, as CMake names them ('86', '90'), the oldest first, empty where nobody tells.
 * `run` as in support/run.mjs.
 */
export async function findGpus({ env, run, exists = existsSync }) {
  const smi = findNvidiaSmi(env, exists)
  const query = ['--query-gpu=compute_cap', '--format=csv,noheader']
  // a driver that hangs must not hang us
  const { status, output } = smi ? await run(smi, query, { env, timeout: 30_000 }) : { status: 1, output: '' }
  const capabilities =
    status === 0 ? output.split('\n').flatMap((line) => /^(\d+)\.(\d)\s*$/.exec(line)?.[0] ?? []) : []
  const architectures = [...new Set(capabilities.map((each) => Number(each.replace('.', ''))))].sort((a, b) => a - b)
  return {
    isHere: architectures.length > 0 || signs.some((files) => files.every((file) => exists(file))),
    architectures: architectures.map(String),
  }
}

/** Those of the architectures that nvcc knows. */
export async function knownToNvcc(nvcc, architectures, { env, run }) {
  const { output } = await run(nvcc, ['--list-gpu-arch'], { env })
  const known = output.split('\n').map((line) => line.trim())
  return architectures.filter((each) => known.includes(`compute_${each}`))
}
