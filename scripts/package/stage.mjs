// Puts the files of each package into a folder of its own, ready for `npm pack`.
import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { cached } from '../build-native.mjs'
import { inspect, librariesOf, newest } from './elf.mjs'
import { licences } from './licences.mjs'

const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'))
const writeJson = (file, value) => writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`)

/** All platform packages that there are. Exact optional dependencies of node-cudnn: npm installs those of its own platform. */
export const platformPackages = [
  'linux-x64',
  'linux-x64-cuda12',
  'linux-x64-cuda13',
  'linux-arm64',
  'linux-arm64-cuda13',
].map((each) => `@node-cudnn/${each}`)

function emptyFolder(folder) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  return folder
}

/** node-cudnn itself: JavaScript, types, documentation, and the sources for whoever builds. No script runs when it is installed. */
export function stageMain(root, into) {
  emptyFolder(into)
  const { devDependencies, scripts, ...manifest } = readJson(path.join(root, 'package.json'))
  const optionalDependencies = Object.fromEntries(platformPackages.map((name) => [name, manifest.version]))
  for (const name of [...manifest.files, 'README.md', 'LICENSE']) {
    cpSync(path.join(root, name), path.join(into, name), { recursive: true })
  }
  writeJson(path.join(into, 'package.json'), { ...manifest, optionalDependencies })
  return into
}

/**
 * A platform's package: what CMake installs of a part (`addon` or `cuda`) of a build, and the libraries that it needs besides, taken from
 * `folders`; `system` is the root of the system that was built for. Returns what the release page says of it.
 */
export function stagePlatform({ root, into, build, part, platform, description, system, folders }) {
  emptyFolder(into)
  execFileSync('cmake', ['--install', build, '--component', part, '--prefix', into, '--strip'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const own = readdirSync(into).map((name) => path.join(into, name))
  if (own.length === 0) throw new Error(`${build} holds nothing of ${part}`)
  checkOwn(own)
  // the CUDA libraries come from NVIDIA
  const libraries = part === 'addon' ? librariesOf(own, folders) : new Map()
  for (const [name, file] of libraries) copyFileSync(file, path.join(into, name))
  if (libraries.size > 0) writeFileSync(path.join(into, 'THIRD-PARTY.txt'), licences([...libraries.keys()], system))

  const { version, license, repository, bugs, homepage, engines } = readJson(path.join(root, 'package.json'))
  const needs = newest([...own, ...libraries.values()].map((file) => inspect(file).versions))
  const [os, cpu] = platform.split('-')
  copyFileSync(path.join(root, 'LICENSE'), path.join(into, 'LICENSE'))
  writeFileSync(path.join(into, 'README.md'), readme(platform, description, needs))
  const files = readdirSync(into)
  const name = `@node-cudnn/${platform}`
  const fits = { os: [os], cpu: [cpu], libc: ['glibc'], engines }
  writeJson(path.join(into, 'package.json'), {
    name,
    version,
    description,
    license,
    repository,
    bugs,
    homepage,
    ...fits,
    files,
  })
  return { name, folder: into, needs, libraries: [...libraries.keys()] }
}

const triples = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }

/**
 * The packages that a build makes, in folders of `out`: the platform's own, and, where there is a plugin, that of CUDA's version. `system` is the
 * root of the system that was built for.
 */
export function stagePlatforms({ root, out, build, arch, system = '/' }) {
  // where CMake found oneDNN, and where the system has what this needs in turn
  const oneDnn = cached(build, 'DNNL_LIBRARY')
  const usual = ['usr/lib', 'lib'].flatMap((each) => [path.join(each, triples[arch]), `${each}64`])
  const folders = [...(oneDnn ? [path.dirname(oneDnn)] : []), ...usual.map((each) => path.join(system, each))]
  const stage = (platform, part, description) =>
    stagePlatform({ root, into: path.join(out, platform), build, part, platform, description, system, folders })

  const addon = stage(`linux-${arch}`, 'addon', `The native addon of node-cudnn for Linux on ${arch}`)
  if (!existsSync(path.join(build, 'Release', 'node_cudnn_cuda.so'))) return [addon]
  const version = cached(build, 'CUDA_MAJOR')
  const plugin = stage(
    `linux-${arch}-cuda${version}`,
    'cuda',
    `Runs node-cudnn on NVIDIA GPUs with CUDA ${version}, for Linux on ${arch}`,
  )
  return [addon, { ...plugin, architectures: cached(build, 'CUDA_BUILT_FOR').replaceAll(';', ', ') }]
}

/** Our own binaries bring the C++ library with them, and look for others beside themselves only. */
function checkOwn(files) {
  for (const file of files) {
    const { needed, folders } = inspect(file)
    const cxx = needed.find((name) => name.startsWith('libstdc++'))
    if (cxx) throw new Error(`${file} needs ${cxx}, expected it to be linked in`)
    const foreign = folders.find((folder) => folder !== '$ORIGIN')
    if (foreign) throw new Error(`${file} looks for libraries in ${foreign}, expected $ORIGIN alone`)
  }
}

function readme(platform, description, { GLIBC, GLIBCXX }) {
  const cxx = GLIBCXX ? ` and libstdc++ with GLIBCXX_${GLIBCXX}` : ''
  return `# @node-cudnn/${platform}\n\n${description}. Installed by [node-cudnn](https://www.npmjs.com/package/node-cudnn) where it fits; it needs glibc ${GLIBC}${cxx}, or later.\n`
}

/** The tarball of a staged folder. */
export function pack(folder, into, env = process.env) {
  mkdirSync(into, { recursive: true })
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', path.resolve(into)]
  const packed = JSON.parse(execFileSync('npm', args, { cwd: folder, env, encoding: 'utf8' }))
  const [{ filename, size, unpackedSize }] = Object.values(packed) // a list, or by name in newer ones of npm
  const file = path.join(into, path.basename(filename))
  if (!existsSync(file)) throw new Error(`npm pack made no ${file}`)
  return { file, size, unpackedSize }
}
