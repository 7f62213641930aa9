// `npm run package`: makes the tarballs of a release in out/packages, and a page that says what is in them and what each needs.
//   --from FOLDER      take the build for this machine that lies there (build), instead of making one from nothing
//   --arm64 DIR        cross-compile for 64-bit Arm: DIR/toolchain.cmake, and DIR/sysroot with oneDNN
//   --out DIR          default out/packages
// The CUDA plugin is built for CUDA's version that nvcc has; CUDACXX names another nvcc.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { cached, nativeBuild } from './build-native.mjs'
import { releasePage } from './package/release-page.mjs'
import { pack, platformPackages, stageMain, stagePlatform } from './package/stage.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const { values: options } = parseArgs({
  options: { from: { type: 'string' }, arm64: { type: 'string' }, out: { type: 'string', default: 'out/packages' } },
})
const out = path.resolve(options.out)
const here = `linux-${process.arch}`
const triples = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }

/** Builds into a folder of its own, which it returns. */
function build(name, definitions) {
  const { out: folder, commands } = nativeBuild(root, { folder: path.join('package', name), definitions })
  for (const [command, ...args] of commands) {
    const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
    if (status !== 0) throw new Error(`package: ${name} could not be built`)
  }
  return folder
}

/** The packages that a build makes: the platform's own, and, where there is a plugin, that of CUDA's version. */
function stagePlatforms(folder, arch, system = '/') {
  // where CMake found oneDNN, and where the system has what this needs in turn
  const oneDnn = cached(folder, 'DNNL_LIBRARY')
  const usual = ['usr/lib', 'lib'].flatMap((each) => [path.join(each, triples[arch]), `${each}64`])
  const folders = [...(oneDnn ? [path.dirname(oneDnn)] : []), ...usual.map((each) => path.join(system, each))]
  const stage = (platform, part, description) =>
    stagePlatform({ root, into: path.join(out, platform), build: folder, part, platform, description, system, folders })

  const addon = stage(`linux-${arch}`, 'addon', `The native addon of node-cudnn for Linux on ${arch}`)
  if (!existsSync(path.join(folder, 'Release', 'node_cudnn_cuda.so'))) return [addon]
  const version = cached(folder, 'CUDA_MAJOR')
  const plugin = stage(
    `linux-${arch}-cuda${version}`,
    'cuda',
    `Runs node-cudnn on NVIDIA GPUs with CUDA ${version}, for Linux on ${arch}`,
  )
  return [addon, { ...plugin, architectures: cached(folder, 'CUDA_BUILT_FOR').replaceAll(';', ', ') }]
}

function main() {
  if (process.platform !== 'linux') throw new Error('package: packages are made on Linux')
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  if (!existsSync(path.join(root, 'dist/lib/index.js'))) throw new Error('package: npm run setup comes first')

  const made = [
    { name: 'node-cudnn', folder: stageMain(root, path.join(out, 'node-cudnn')) },
    ...stagePlatforms(options.from ? path.resolve(options.from) : build(here, []), process.arch),
  ]
  if (options.arm64) {
    const tools = path.resolve(options.arm64)
    const definitions = [`CMAKE_TOOLCHAIN_FILE=${path.join(tools, 'toolchain.cmake')}`, 'WITH_CUDA=OFF']
    made.push(...stagePlatforms(build('linux-arm64', definitions), 'arm64', path.join(tools, 'sysroot')))
  }

  for (const each of made) {
    Object.assign(each, pack(each.folder, out))
    rmSync(each.folder, { recursive: true })
  }
  const absent = platformPackages.filter((name) => !made.some((each) => each.name === name))
  const page = releasePage(made, absent)
  writeFileSync(path.join(out, 'README.md'), page)
  console.log(page)
}

main()
