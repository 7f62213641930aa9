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
import { nativeBuild } from './build-native.mjs'
import { releasePage } from './package/release-page.mjs'
import { pack, platformPackages, stageMain, stagePlatforms } from './package/stage.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const { values: options } = parseArgs({
  options: { from: { type: 'string' }, arm64: { type: 'string' }, out: { type: 'string', default: 'out/packages' } },
})
const out = path.resolve(options.out)
const here = `linux-${process.arch}`

/** Builds into a folder of its own, which it returns. */
function build(name, definitions) {
  const { out: folder, commands } = nativeBuild(root, { folder: path.join('package', name), definitions })
  for (const [command, ...args] of commands) {
    const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
    if (status !== 0) throw new Error(`package: ${name} could not be built`)
  }
  return folder
}

function main() {
  if (process.platform !== 'linux') throw new Error('package: packages are made on Linux')
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  if (!existsSync(path.join(root, 'dist/lib/index.js'))) throw new Error('package: npm run setup comes first')

  const made = [
    { name: 'node-cudnn', folder: stageMain(root, path.join(out, 'node-cudnn')) },
    ...stagePlatforms({
      root,
      out,
      build: options.from ? path.resolve(options.from) : build(here, []),
      arch: process.arch,
    }),
  ]
  if (options.arm64) {
    const tools = path.resolve(options.arm64)
    const definitions = [`CMAKE_TOOLCHAIN_FILE=${path.join(tools, 'toolchain.cmake')}`, 'WITH_CUDA=OFF']
    const system = path.join(tools, 'sysroot')
    made.push(...stagePlatforms({ root, out, build: build('linux-arm64', definitions), arch: 'arm64', system }))
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
