// Runs when the package is installed as a dependency: builds the addon on the user's machine, or says what is missing.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { dropForeignCache, nativeBuild } from './build-native.mjs'
import { run } from './support/run.mjs'
import { howToGet, list, missing } from './support/system.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

function fail(message) {
  console.error(message)
  process.exit(1)
}

async function install() {
  const absent = missing()
  const required = absent.filter((want) => want.required)
  if (required.length > 0) {
    const names = list(required.map((want) => want.name))
    fail(`node-cudnn: building the native addon needs ${names}, not found here; ${howToGet(required)}`)
  }
  // A newer compiler than ours may warn about more; that is no reason to stop a user.
  const { out, commands } = nativeBuild(root, { definitions: ['WERROR=OFF', 'CPU_LEVELS=own'] })
  dropForeignCache(root, out)
  for (const [command, ...args] of commands) {
    const { status, output } = await run(command, args, { cwd: root })
    if (status !== 0) fail(`${output.trimEnd()}\n\nnode-cudnn: the native addon could not be built; the log is above`)
  }
  const dnnl = absent.find((want) => want.apt === 'libdnnl-dev')
  if (dnnl)
    console.log(
      `node-cudnn: built without oneDNN, so ${dnnl.without}; ${howToGet([dnnl])}, then npm rebuild node-cudnn`,
    )
}

// In a checkout `npm run setup` builds, after it has installed what the build needs.
if (!existsSync(path.join(root, 'tsconfig.json'))) await install()
