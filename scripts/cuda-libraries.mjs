// Where the real cuDNN, cuBLASLt and NVRTC for CUDA 13 are, headers and all, for tests that need their code but no device; pip installs the
// wheels into a cache folder where they are missing. The product does not use this (it has scripts/cuda); the versions are the same.
// `node scripts/cuda-libraries.mjs` does it by hand.
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { wheels as pinned } from './cuda/wheels.mjs'
import { run } from './support/run.mjs'
import { which } from './support/system.mjs'

// nvcc brings the runtime
const wheels = pinned[13].x64
  .filter(({ title }) => title !== 'CUDA runtime')
  .map(({ package: name, version }) => `${name}==${version}`)

/** What says that a folder holds all three. */
const files = [
  'nvidia/cudnn/include/cudnn.h',
  'nvidia/cudnn/lib/libcudnn.so.9',
  'nvidia/cu13/include/cublasLt.h',
  'nvidia/cu13/lib/libcublasLt.so.13',
  'nvidia/cu13/lib/libnvrtc.so.13',
]

const isComplete = (root) => files.every((file) => existsSync(path.join(root, file)))

/** The folder: NODE_CUDNN_CUDA_LIBRARIES, or one of these versions in the user's cache. */
function folder(env) {
  if (env.NODE_CUDNN_CUDA_LIBRARIES) return env.NODE_CUDNN_CUDA_LIBRARIES
  const cache = env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache')
  return path.join(cache, 'node-cudnn', wheels.map((wheel) => wheel.split('==')[1]).join('-'))
}

/**
 * `{ root }`, a folder with nvidia/cudnn and nvidia/cu13, or `{ missing }`, a sentence that says what is not there.
 * With `install` the wheels (2 GB) are fetched where nvcc and pip exist, without which they would be of no use.
 */
export async function cudaLibraries({ install = false, env = process.env, print = () => {} } = {}) {
  const root = folder(env)
  if (isComplete(root)) return { root }
  if (env.NODE_CUDNN_CUDA_LIBRARIES)
    return {
      missing: `NODE_CUDNN_CUDA_LIBRARIES=${root} lacks ${files.find((file) => !existsSync(path.join(root, file)))}`,
    }
  if (!install) return { missing: `cuDNN's wheels are not in ${root} (node scripts/cuda-libraries.mjs gets them)` }
  if (!which('nvcc', env)) return { missing: 'nvcc is not installed' }
  const python = which('python3', env)
  if (!python || (await run(python, ['-m', 'pip', '--version'], { env })).status !== 0)
    return { missing: 'python3 with pip is not installed' }

  print(`getting ${wheels.join(', ')} … `)
  const unfinished = `${root}.${process.pid}` // two runs at once do not meet
  mkdirSync(path.dirname(root), { recursive: true })
  const { status, output } = await run(
    python,
    ['-m', 'pip', 'install', '--quiet', '--retries', '1', '--no-deps', '--target', unfinished, ...wheels],
    { env },
  )
  if (status === 0 && !isComplete(root)) {
    rmSync(root, { recursive: true, force: true })
    renameSync(unfinished, root)
  }
  rmSync(unfinished, { recursive: true, force: true })
  print(status === 0 ? 'done\n' : 'failed\n')
  return isComplete(root)
    ? { root }
    : { missing: `pip could not install cuDNN's wheels: ${output.trim().split('\n').at(-1)}` }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { root, missing } = await cudaLibraries({ install: true, print: (text) => process.stderr.write(text) })
  console.log(root ?? missing)
  process.exitCode = root ? 0 : 1
}
