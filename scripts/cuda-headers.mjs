// Compiles the cuda backend with the headers of the versions that it is for: `node scripts/cuda-headers.mjs` (no GPU, no nvcc; --get fetches what is not here).
//   CUDA 12.4  Debian 13's nvidia-cuda-dev, by apt-get (0.9 GB)
//   CUDA 12.8  what PyTorch's Triton 3.6.0 brings along, by pip (0.2 GB); cuBLASLt and nv/target are those of 12.4
//   CUDA 13    this machine's toolkit
//   cuDNN      the one that the tests have, and what is left of its header without all that came after 9.0 and 9.8, by its own @since
// They lie in the user's cache, or in NODE_CUDNN_CUDA_HEADERS. Kernels are compiled as C++, as for the simulated device.
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { cudaLibraries } from './cuda-libraries.mjs'
import { run } from './support/run.mjs'
import { findNvcc } from './support/system.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const byHand = 'node scripts/cuda-headers.mjs --get gets them'

function cache(env) {
  const user = env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache')
  return env.NODE_CUDNN_CUDA_HEADERS || path.join(user, 'node-cudnn', 'headers')
}

// ---- cuDNN as it was --------------------------------------------------------------------------------------------------

const isLater = ([major, minor], [otherMajor, otherMinor]) =>
  major > otherMajor || (major === otherMajor && minor > otherMinor)
const parse = (version) => version.split('.').map(Number)

/** cuDNN's header without the enumerators that a version did not have yet; their comments say since when they are there. */
export function asOf(text, version) {
  const enumerator = /^[ \t]*CUDNN_\w+(?:\s*=[^,/]*)?,?\s*\/\*\*<((?:(?!\*\/)[\s\S])*)\*\/[^\S\n]*\n/gm
  return text
    .replace(enumerator, (all, comment) => {
      const since = /@since cuDNN (\d+\.\d+)/.exec(comment)?.[1]
      return since && isLater(parse(since), parse(version)) ? '' : all
    })
    .replace(/^(#define CUDNN_(?:\w+_)?MAJOR +)\d+/gm, `$1${parse(version)[0]}`)
    .replace(/^(#define CUDNN_(?:\w+_)?MINOR +)\d+/gm, `$1${parse(version)[1]}`)
    .replace(/^(#define CUDNN_(?:\w+_)?(?:PATCH|PATCHLEVEL) +)\d+/gm, '$10')
}

/** A folder with such headers. */
function olderCudnn(from, version) {
  const into = path.join(root, 'build', 'headers', `cudnn-${version}`)
  mkdirSync(into, { recursive: true })
  for (const file of readdirSync(from).filter((name) => /^cudnn.*\.h$/.test(name))) {
    writeFileSync(path.join(into, file), asOf(readFileSync(path.join(from, file), 'utf8'), version))
  }
  return into
}

/** A folder with cuBLASLt's headers alone, and the macros of nv/target: all else that they include is the other toolkit's. */
function cublasAlone(from, version) {
  const into = path.join(root, 'build', 'headers', `cublas-${version}`)
  mkdirSync(into, { recursive: true })
  for (const file of ['cublasLt.h', 'cublas_api.h', 'nv'].filter((name) => existsSync(path.join(from, name)))) {
    cpSync(path.join(from, file), path.join(into, file), { recursive: true })
  }
  return into
}

// ---- CUDA ---------------------------------------------------------------------------------------------------------------

const fetchers = {
  12.4: async (into) => {
    // a list of sources of its own: the system's stays as it is
    const sources = readdirSync('/etc/apt/sources.list.d').map((name) => path.join('/etc/apt/sources.list.d', name))
    const text = [...sources, '/etc/apt/sources.list']
      .map((file) => (existsSync(file) ? readFileSync(file, 'utf8') : ''))
      .join('\n')
    const mirror = /https?:\/\/\S+\/debian\/?(?=\s)/.exec(text)?.[0] ?? 'http://deb.debian.org/debian'
    const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
    mkdirSync(path.join(into, 'lists', 'partial'), { recursive: true })
    writeFileSync(path.join(into, 'sources.list'), `deb [signed-by=${keyring}] ${mirror} trixie main non-free\n`)
    writeFileSync(path.join(into, 'status'), '')
    const options = {
      'Dir::Etc::sourcelist': path.join(into, 'sources.list'),
      'Dir::Etc::sourceparts': '/dev/null',
      'Dir::State::lists': path.join(into, 'lists'),
      'Dir::State::status': path.join(into, 'status'),
      'Dir::Cache': into,
      'APT::Sandbox::User': 'root',
    }
    const apt = (...args) => [
      'apt-get',
      '-q',
      ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
      ...args,
    ]
    await must(apt('update'), into)
    await must(apt('download', 'nvidia-cuda-dev', 'libcu++-dev'), into)
    const unpack =
      'for deb in *.deb; do dpkg-deb --fsys-tarfile "$deb" | tar x --wildcards "./usr/include/*"; done; mv usr/include include'
    await must(['sh', '-c', unpack], into)
  },
  12.8: async (into) => {
    await must(['python3', '-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', into, 'triton==3.6.0'], into)
    const inside = 'triton/backends/nvidia/include'
    const script =
      'import glob, sys, zipfile\nz = zipfile.ZipFile(glob.glob("*.whl")[0])\nz.extractall(".", [n for n in z.namelist() if n.startswith(sys.argv[1])])'
    await must(['python3', '-c', script, inside], into)
    renameSync(path.join(into, inside), path.join(into, 'include'))
  },
}

async function must([command, ...args], cwd) {
  const { status, output } = await run(command, args, { cwd })
  if (status !== 0) throw new Error(output.trim().split('\n').at(-1))
}

/** Fetches a set's headers into its folder in one step. */
async function get(version, env) {
  const into = path.join(cache(env), `cuda-${version}`)
  if (existsSync(into)) return
  mkdirSync(path.dirname(into), { recursive: true })
  const unfinished = mkdtempSync(path.join(path.dirname(into), '.unfinished-'))
  try {
    await fetchers[version](unfinished)
    mkdirSync(path.join(unfinished, 'done'))
    cpSync(path.join(unfinished, 'include'), path.join(unfinished, 'done', 'include'), { recursive: true })
    renameSync(path.join(unfinished, 'done'), into)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

/** The include folder of nvcc's own toolkit, and its version. */
function toolkit(env) {
  const nvcc = findNvcc(env)
  if (!nvcc) return undefined
  const said = spawnSync(nvcc, ['-v', '__nothing'], { encoding: 'utf8', env }).stderr ?? ''
  const include = /#\$ INCLUDES="-I([^"]+)"/.exec(said)?.[1] ?? '/usr/include'
  const header = path.join(include, 'cuda_runtime_api.h')
  if (!existsSync(header)) return undefined
  const version = Number(/#define CUDART_VERSION\s+(\d+)/.exec(readFileSync(header, 'utf8'))?.[1])
  return { include, version: `${Math.floor(version / 1000)}.${(version % 1000) / 10}` }
}

// ---- the sets -----------------------------------------------------------------------------------------------------------

/** `{ name, includes }`, or `{ name, missing }` with the reason, of each pair of versions. */
export async function headerSets({ env = process.env } = {}) {
  const { root: libraries, missing: noCudnn } = await cudaLibraries({ env })
  const here = toolkit(env)
  const cudnn = libraries && path.join(libraries, 'nvidia', 'cudnn', 'include')
  const folder = (version) => path.join(cache(env), `cuda-${version}`, 'include')
  const pairs = [
    { cuda: '12.4', include: folder('12.4'), blas: folder('12.4'), cudnn: '9.0' },
    { cuda: '12.8', include: folder('12.8'), blas: folder('12.4'), cudnn: '9.8' },
    {
      cuda: here?.version ?? '13',
      include: here?.include,
      blas: libraries && path.join(libraries, 'nvidia', 'cu13', 'include'),
    },
  ]
  return pairs.map(({ cuda, include, blas, cudnn: version }) => {
    const name = `CUDA ${cuda}, cuDNN ${version ?? 'of today'}`
    if (!cudnn) return { name, missing: noCudnn }
    if (!include || !existsSync(include))
      return { name, missing: include ? `the headers are not in ${include} (${byHand})` : 'no nvcc is here' }
    if (!blas || !existsSync(path.join(blas, 'cublasLt.h')))
      return { name, missing: `cublasLt.h is not in ${blas} (${byHand})` }
    const older = version ? olderCudnn(cudnn, version) : cudnn
    const others = blas === include ? [] : [cublasAlone(blas, cuda)]
    return { name, includes: [older, include, ...others] }
  })
}

/** All sources of the backend: C++, and kernels. */
export function backendSources() {
  const folder = path.join(root, 'cpp', 'backends', 'cuda')
  const files = readdirSync(folder, { recursive: true }).filter((name) => /\.(cpp|cu)$/.test(name))
  return files.sort().map((name) => path.join(folder, name))
}

/** What the compiler says of one source with one set of headers, empty if it compiles. */
async function compile(file, includes, env) {
  const simulator = path.join(root, 'test', 'cudasim')
  const own = [path.join(root, 'cpp')]
  let source = file
  if (file.endsWith('.cu')) {
    source = path.join(root, 'build', 'headers', `${path.basename(file, '.cu')}.cpp`)
    await run('cmake', [`-DFROM=${file}`, `-DTO=${source}`, '-P', path.join(simulator, 'kernel-source.cmake')])
    own.unshift(path.join(simulator, 'include'), simulator, path.dirname(file))
  }
  const flags = ['-std=c++20', '-fsyntax-only', '-Wno-deprecated-declarations', '-DCNN_INTERFACE=""']
  const folders = [...own.map((each) => `-I${each}`), ...includes.flatMap((each) => ['-isystem', each])]
  const { status, output } = await run(env.CXX || 'c++', [...flags, ...folders, source], { env })
  return status === 0 ? '' : output
}

/** The sources that do not compile with a set, `{ file, output }`; as many at once as there are cores. */
export async function compileAll({ includes }, { env = process.env, files = backendSources() } = {}) {
  const waiting = [...files]
  const failed = []
  const worker = async () => {
    for (let file = waiting.shift(); file; file = waiting.shift()) {
      const output = await compile(file, includes, env)
      if (output) failed.push({ file: path.relative(root, file), output })
    }
  }
  await Promise.all(Array.from({ length: os.availableParallelism() }, worker))
  return failed
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--get')) {
    for (const version of Object.keys(fetchers)) {
      try {
        await get(version, process.env)
      } catch (error) {
        console.log(`✘ the headers of CUDA ${version} cannot be had: ${error.message}`)
      }
    }
  }
  rmSync(path.join(root, 'build', 'headers'), { recursive: true, force: true })
  for (const set of await headerSets()) {
    if (set.missing) {
      console.log(`- ${set.name}: ${set.missing}`)
      continue
    }
    const failed = await compileAll(set)
    console.log(
      `${failed.length === 0 ? '✔' : '✘'} ${set.name}: ${backendSources().length - failed.length} sources compile`,
    )
    for (const { file, output } of failed) console.log(`${file}\n${output.split('\n').slice(0, 12).join('\n')}`)
    if (failed.length > 0) process.exitCode = 1
  }
}
