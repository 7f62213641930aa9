// `npx node-cudnn build` where the package is a dependency: builds the addon on the user's machine, or says what is missing.
import { accessSync, constants } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { dropForeignCache, nativeBuild } from './build-native.mjs'
import { run, tenths } from './support/run.mjs'
import { howToGet, list, missing } from './support/system.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

function fail(message) {
  console.error(message)
  process.exit(1)
}

/** Definitions for CMake are of the form NAME=VALUE. */
export async function buildFromSource(definitions = []) {
  const absent = missing()
  const required = absent.filter((want) => want.required)
  if (required.length > 0) {
    const names = list(required.map((want) => want.name))
    fail(`node-cudnn: building the native addon needs ${names}, not found here; ${howToGet(required)}`)
  }
  try {
    accessSync(root, constants.W_OK)
  } catch {
    fail(`node-cudnn: ${root}, where the addon would be built, may not be written by this user`)
  }
  process.stdout.write('node-cudnn: building the native addon, which takes minutes … ')
  const start = Date.now()
  const kept = dropForeignCache(root, path.join(root, 'build'))
  const { commands } = nativeBuild(root, { definitions: ['CPU_LEVELS=own', ...definitions], kept })
  for (const [command, ...args] of commands) {
    const { status, output } = await run(command, args, {
      cwd: root,
      onOutput: tenths((text) => process.stdout.write(text)),
    })
    if (status !== 0) fail(`${output.trimEnd()}\n\nnode-cudnn: the native addon could not be built; the log is above`)
  }
  console.log(`done (${((Date.now() - start) / 1000).toFixed(1)} s)`)
  const dnnl = absent.find((want) => want.apt === 'libdnnl-dev')
  if (dnnl)
    console.log(`node-cudnn: built without oneDNN, so ${dnnl.without}; ${howToGet([dnnl])}, then npx node-cudnn build`)
}
