// Finds the native addon: the file that the environment names, the local build, or the package for this platform.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const root = fileURLToPath(new URL('../../', import.meta.url))

function ownVersion(): string {
  try {
    return (require('../../package.json') as { version: string }).version
  } catch (cause) {
    throw new Error(
      'node-cudnn: the files beside this one are missing; a bundler has to leave the package out (esbuild: --external:node-cudnn)',
      { cause },
    )
  }
}

const version = ownVersion()

/** Platforms for which there are packages. Others can build. */
const packaged = ['linux-x64', 'linux-arm64']
const platform = `${process.platform}-${process.arch}`

/** The addon, with the kernels of the cpu device beside it, and the plugins for cuda devices, best first. */
export interface AddonFiles {
  readonly addon: string
  readonly cudaPlugins: readonly string[]
}

/**
 * NODE_CUDNN_ADDON names another build, for instance the one with sanitizers. What was built here goes before what was
 * installed: its user wanted it.
 * @throws Error that says in a sentence what is not there, and how to get it.
 */
export function findAddon(): AddonFiles {
  const named = process.env.NODE_CUDNN_ADDON
  const built = path.join(root, 'build', 'Release', 'node_cudnn.node')
  if (named !== undefined || existsSync(built)) {
    const addon = named ?? built
    if (!existsSync(addon)) throw new Error(`node-cudnn: the native addon is not built (${addon}); ${howToBuild}`)
    return { addon, cudaPlugins: [path.join(path.dirname(addon), 'node_cudnn_cuda.so')] }
  }
  const folder = packageFolder(`@node-cudnn/${platform}`)
  if (!folder) throw new Error(`node-cudnn: ${whatIsMissing()}`)
  const cuda = ['cuda13', 'cuda12'].map((each) => packageFolder(`@node-cudnn/${platform}-${each}`))
  return {
    addon: path.join(folder, 'node_cudnn.node'),
    cudaPlugins: cuda.filter((each) => each !== undefined).map((each) => path.join(each, 'node_cudnn_cuda.so')),
  }
}

const isCheckout = existsSync(path.join(root, 'tsconfig.json'))
export const howToBuild = `build it with \`${isCheckout ? 'npm run setup' : 'npx node-cudnn build'}\``

/** The folder of an installed `@node-cudnn` package. Its version must equal this one: its interface is not stable. */
function packageFolder(name: string): string | undefined {
  let file: string
  try {
    file = require.resolve(`${name}/package.json`)
  } catch {
    return undefined
  }
  const installed = (require(file) as { version: string }).version
  if (installed !== version) {
    throw new Error(`node-cudnn: ${name} is ${installed}, expected ${version}; npm install ${name}@${version}`)
  }
  return path.dirname(file)
}

function whatIsMissing(): string {
  if (isCheckout) return `the native addon is not built; ${howToBuild}`
  if (process.platform === 'win32') return 'it does not run on Windows; it does in WSL 2, as on Linux'
  if (!packaged.includes(platform)) return `there is no binary for ${platform}; ${howToBuild} (untested there)`
  if (isMusl()) return `there is no binary for Linux with musl, only with glibc; ${howToBuild} (untested there)`
  const name = `@node-cudnn/${platform}`
  return (
    `the binary for this platform is not installed (npm leaves it out with --omit=optional, or where the lock file was ` +
    `made on another platform); npm install ${name}@${version}, or ${howToBuild}`
  )
}

/** Node's own report names the C library only if it is glibc. */
function isMusl(): boolean {
  if (process.platform !== 'linux') return false
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  return header.glibcVersionRuntime === undefined
}
