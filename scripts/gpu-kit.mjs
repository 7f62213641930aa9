// `npm run gpu:kit`: writes one file with all that a machine with a GPU needs for first light: Node, the package with its addon and CUDA plugin, the
// suites, the benchmark. There it is unpacked and `first-light.sh` started; docs/first-light.md tells the rest.
//   --architectures LIST   for CUDA_ARCHITECTURES; default: machine code for sm_80, 90 and 100, and PTX of the last, as far as nvcc knows them
//   --from FOLDER          take what is built for this machine, dist and the build that lies there (build), instead of making one in build/gpu-kit
//   --node FILE            the Node that goes along; default: the one that runs this
//   --level N              of xz, 0 to 9; default 9
//   --out FILE             default out/node-cudnn-kit-linux-x64-cuda13.tar.xz, with this machine's processor and nvcc's version
// CUDACXX names another nvcc: a driver for CUDA 12 alone needs a kit that was made with CUDA 12.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { makeFolder } from '../first-light/folders.mjs'
import { cached, dropForeignCache, nativeBuild } from './build-native.mjs'
import { cudaLibraries } from './cuda-libraries.mjs'
import { stageKit } from './gpu-kit/stage.mjs'
import { compareVersions, inspect, newest } from './package/elf.mjs'
import { stagePlatforms } from './package/stage.mjs'
import { findCudnn, findNvcc } from './support/system.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const LIMIT = 60 * 2 ** 20
/** What the kit promises to run on: every Linux with this glibc, or a later one. */
const GLIBC = '2.34'

const { values: options } = parseArgs({
  options: {
    architectures: { type: 'string' },
    from: { type: 'string' },
    node: { type: 'string', default: process.execPath },
    level: { type: 'string', default: '9' },
    out: { type: 'string' },
  },
})

function output(command, ...args) {
  const { status, stdout } = spawnSync(command, args, { cwd: root, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}

function defaultArchitectures() {
  const nvcc = findNvcc()
  const [, release] = (nvcc && /release ([\d.]+)/.exec(output(nvcc, '--version') ?? '')) || []
  if (!release) throw new Error('gpu-kit: there is no nvcc to build the CUDA plugin with (CUDACXX names one)')
  return compareVersions(release, '12.8') < 0 ? '80-real;90' : '80-real;90-real;100'
}

/** Compiles the TypeScript and the native parts. cuDNN and cuBLASLt are fetched where the machine has none. */
async function build() {
  const architectures = options.architectures ?? defaultArchitectures()
  const env = { ...process.env }
  if (!findCudnn(env)) {
    const { root: found, missing } = await cudaLibraries({ install: true, print: (text) => process.stderr.write(text) })
    if (!found) throw new Error(`gpu-kit: cuDNN is not here (CUDNN_ROOT says where), and ${missing}`)
    env.CUDNN_ROOT = found
  }
  const { out, commands } = nativeBuild(root, {
    folder: 'gpu-kit',
    definitions: ['WITH_CUDA=ON', `CUDA_ARCHITECTURES=${architectures}`],
    env,
  })
  dropForeignCache(root, out)
  for (const [command, ...args] of [...commands, [process.execPath, path.join(root, 'scripts/build-ts.mjs')]]) {
    const { status } = spawnSync(command, args, { cwd: root, env, stdio: 'inherit' })
    if (status !== 0) throw new Error('gpu-kit: the build failed; its log is above')
  }
  return out
}

async function main() {
  if (process.platform !== 'linux') throw new Error('gpu-kit: kits are made on Linux, for Linux')
  if (!existsSync(path.join(root, 'node_modules/ava'))) throw new Error('gpu-kit: npm ci comes first')
  // Now, and not after an hour of nvcc.
  if (options.out) makeFolder('gpu-kit: --out', path.dirname(path.resolve(options.out)))
  const folder = options.from ? path.resolve(options.from) : await build()
  if (!existsSync(path.join(root, 'dist/lib/index.js'))) throw new Error('gpu-kit: npm run setup comes first')
  if (!existsSync(path.join(folder, 'Release/node_cudnn_cuda.so'))) {
    throw new Error(`gpu-kit: ${folder} holds no CUDA plugin`)
  }

  const cuda = cached(folder, 'CUDA_MAJOR')
  const name = `node-cudnn-kit-linux-${process.arch}-cuda${cuda}`
  const file = path.resolve(options.out ?? path.join(root, 'out', `${name}.tar.xz`))
  makeFolder('gpu-kit: --out', path.dirname(file))
  const work = mkdtempSync(path.join(path.dirname(file), '.gpu-kit-'))
  try {
    const into = path.join(work, name)
    const { packages } = stageKit({ root, into, node: options.node })
    const platforms = stagePlatforms({ root, out: path.join(work, 'platforms'), build: folder, arch: process.arch })
    for (const each of platforms) {
      cpSync(each.folder, path.join(into, 'node_modules', each.name), { recursive: true })
    }
    const needs = newest([inspect(options.node).versions, ...platforms.map((each) => each.needs)])
    if (compareVersions(needs.GLIBC, GLIBC) > 0) {
      throw new Error(`gpu-kit: what was built here needs glibc ${needs.GLIBC}, expected ${GLIBC} at most`)
    }
    const kit = {
      format: 'node-cudnn kit 1',
      version: JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).version,
      commit: output('git', 'rev-parse', 'HEAD') ?? 'unknown',
      isChanged: Boolean(output('git', 'status', '--porcelain')),
      made: new Date().toISOString(),
      node: output(options.node, '--version'),
      platform: `linux-${process.arch}`,
      cuda,
      architectures: cached(folder, 'CUDA_BUILT_FOR').replaceAll(';', ', '),
      needs,
      packages,
    }
    writeFileSync(path.join(into, 'kit.json'), `${JSON.stringify(kit, undefined, 1)}\n`)
    compress(work, name, file)
    const size = statSync(file).size
    console.log(
      `${file}: ${(size / 2 ** 20).toFixed(1)} MiB, CUDA ${kit.cuda} for ${kit.architectures}, Node ${kit.node}, ` +
        `${packages.length} packages, glibc ${kit.needs.GLIBC} or later`,
    )
    if (size > LIMIT && options.level === '9') throw new Error(`gpu-kit: it is larger than ${LIMIT / 2 ** 20} MiB`)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** x86's filter makes jumps alike before they are packed. */
function compress(folder, name, file) {
  const filters = process.arch === 'x64' ? ['--x86'] : []
  const program = ['xz', '--threads=0', ...filters, `--lzma2=preset=${options.level}`].join(' ')
  const owner = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner']
  execFileSync('tar', [...owner, '-I', program, '-cf', file, '-C', folder, name], { stdio: 'inherit' })
}

try {
  await main()
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
