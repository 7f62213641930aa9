// Builds the native addon with cmake-js: build/Release/node_cudnn.node, or build/sanitize/Release/ with --sanitize.
// Arguments of the form NAME=VALUE go to CMake, e.g. `npm run build:native -- WITH_ONEDNN=OFF CPU_LEVELS=v2,v3`; ONEDNN_ROOT,
// CUDNN_ROOT, WITH_CUDA, CUDA_ARCHITECTURES and WERROR may come from the environment as well, for whoever cannot give arguments. Such options
// are kept and hold for later builds (support/build-options.mjs); --automatic, which set-up gives, keeps none.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { asDefinitions, keepOptions, keptOptions, lasting, sayKept, stillHolds } from './support/build-options.mjs'

/**
 * Definitions that may come from the environment. A newer compiler than ours may warn about more: that stops a build only
 * where WERROR=ON asks for it.
 */
export function givenDefinitions(env) {
  const given = ['ONEDNN_ROOT', 'CUDNN_ROOT', 'WITH_CUDA', 'CUDA_ARCHITECTURES'].filter((name) => env[name])
  return [`WERROR=${env.WERROR || 'OFF'}`, ...given.map((name) => `${name}=${env[name]}`)]
}

/** Variables that change what CMake finds and that it reads itself. */
export const compilerVariables = ['CUDACXX', 'CUDAHOSTCXX', 'NVCC_CCBIN', 'CUDA_PATH', 'CUDA_HOME', 'CONDA_PREFIX']

/**
 * The commands of a build in build/ or a folder in it, each an argument list: configure always (it is quick, and options
 * may have changed), then compile. `kept` are definitions of an earlier build, which all that are given override.
 */
export function nativeBuild(
  root,
  { sanitize = false, folder = sanitize ? 'sanitize' : '', definitions = [], kept = [], env = process.env } = {},
) {
  const cmakeJs = createRequire(path.join(root, 'package.json')).resolve('cmake-js/package.json')
  const command = [process.execPath, path.join(path.dirname(cmakeJs), 'bin', 'cmake-js')]
  const out = path.join(root, 'build', folder)
  const folders = ['--directory', root, '--out', out]
  const levels = sanitize ? 'CPU_LEVELS=own' : 'CPU_LEVELS=all'
  const sanitizers = `SANITIZE=${sanitize ? 'ON' : 'OFF'}`
  const defines = [sanitizers, levels, ...kept, ...givenDefinitions(env), ...definitions].map((each) => `--CD${each}`)
  return {
    out,
    commands: [
      [...command, 'configure', ...folders, ...defines],
      [...command, 'build', ...folders, '--parallel', String(os.availableParallelism())],
    ],
  }
}

/** What CMake keeps under a name in the cache of a build folder. */
export function cached(out, name) {
  const cache = path.join(out, 'CMakeCache.txt')
  if (!existsSync(cache)) return undefined
  return new RegExp(`^${name}:[A-Z]+=(.*)$`, 'm').exec(readFileSync(cache, 'utf8'))?.[1]
}

/**
 * CMake refuses a cache made in another folder or with a build tool that is gone; such a build starts afresh. Returns the definitions that it
 * had been given and that still hold, none where the cache stays and keeps them itself.
 */
export function dropForeignCache(root, out) {
  const home = cached(out, 'CMAKE_HOME_DIRECTORY')
  const tool = cached(out, 'CMAKE_MAKE_PROGRAM')
  if (!(home && home !== root) && !(tool && !existsSync(tool))) return []
  const values = lasting.map((name) => ({ name, value: cached(out, name) }))
  rmSync(out, { recursive: true, force: true })
  return values.filter(({ value }) => value && stillHolds(value)).map(({ name, value }) => `${name}=${value}`)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
  const args = process.argv.slice(2)
  const sanitize = args.includes('--sanitize')
  const definitions = args.filter((arg) => arg.includes('='))
  const kept = dropForeignCache(root, path.join(root, 'build', sanitize ? 'sanitize' : ''))
  if (!sanitize) {
    const given = [...givenDefinitions(process.env), ...definitions]
    if (!args.includes('--automatic')) keepOptions(root, given)
    const told = keptOptions(root)
    kept.push(...asDefinitions(told))
    const sentence = sayKept(told, given)
    if (sentence) console.log(`build-native: ${sentence}`)
  }
  const { commands } = nativeBuild(root, { sanitize, definitions, kept })
  for (const [command, ...rest] of commands) {
    const { status } = spawnSync(command, rest, { stdio: 'inherit' })
    if (status !== 0) process.exit(status ?? 1)
  }

  // The types of the native calls come from the addon itself.
  if (existsSync(path.join(root, 'tsconfig.json')) && !sanitize) {
    const { status } = spawnSync(process.execPath, [path.join(root, 'scripts', 'generate-types.mjs')], {
      stdio: 'inherit',
    })
    if (status !== 0) process.exit(status ?? 1)
  }
}
