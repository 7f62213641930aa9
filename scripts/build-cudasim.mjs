// Builds the simulated CUDA device (test/cudasim) into build/cudasim: its libraries, the kernels compiled for the CPU, and the programs that
// break its rules. It needs the headers of CUDA, cuDNN and cuBLASLt; CUDNN_ROOT says where, as for the plugin, and WERROR=ON makes
// warnings errors.
// Arguments of the form NAME=VALUE go to CMake.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** Where the addon's build found cuDNN. */
function rootOfCudnn(root) {
  const cache = path.join(root, 'build', 'CMakeCache.txt')
  if (process.env.CUDNN_ROOT || !existsSync(cache)) return process.env.CUDNN_ROOT ?? ''
  return /^CUDNN_ROOT:[A-Z]+=(.*)$/m.exec(readFileSync(cache, 'utf8'))?.[1] ?? ''
}

/** The commands: configure always (it is quick), then compile. */
export function cudasimBuild(root, definitions = []) {
  // cmake-js depends on it
  const headers = createRequire(path.join(root, 'package.json')).resolve('node-api-headers/package.json')
  const source = path.join(root, 'test', 'cudasim')
  const out = path.join(root, 'build', 'cudasim')
  const defines = [
    `CUDNN_ROOT=${rootOfCudnn(root)}`,
    `NODE_INCLUDE=${path.join(path.dirname(headers), 'include')}`,
    `WERROR=${process.env.WERROR || 'OFF'}`,
    ...definitions,
  ]
  return [
    ['cmake', '-S', source, '-B', out, ...defines.map((definition) => `-D${definition}`)],
    ['cmake', '--build', out, '--parallel', String(os.availableParallelism())],
  ]
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
  for (const [command, ...rest] of cudasimBuild(root, process.argv.slice(2))) {
    const { status } = spawnSync(command, rest, { stdio: 'inherit' })
    if (status !== 0) process.exit(status ?? 1)
  }
}
