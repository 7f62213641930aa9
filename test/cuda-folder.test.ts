// The libraries that `cuda install` put into the user's cache are the ones that the probe and the plugin open, with no variable set.
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { complaints, readReports, runSimulated, whyNoPlugin } from './support/simulated.js'
import { temporaryFolder } from './support/temporary.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const probe = path.join(root, 'build/Release/node_cudnn_probe')
const simulator = path.join(process.env.CUDASIM_FOLDER ?? path.join(root, 'build/cudasim'), 'lib')
const inFolder = temporaryFolder()
const major = existsSync(probe) ? Number(/libcudart\.so\.(\d+)/.exec(readFileSync(probe, 'latin1'))![1]) : 13

const others = [
  `libnvrtc-builtins.so.${major}.0`,
  `libnvrtc.so.${major}`,
  `libcublasLt.so.${major}`,
  'libcudnn.so.9',
  'libcudnn_graph.so.9',
  'libcudnn_ops.so.9',
  'libcudnn_cnn.so.9',
  'libcudnn_heuristic.so.9',
  'libcudnn_engines_precompiled.so.9',
  'libcudnn_engines_runtime_compiled.so.9',
]

/** Empty libraries of these names, made once. */
const empty = inFolder('empty')
function emptyLibraries(): string {
  if (existsSync(empty)) return empty
  const unfinished = mkdtempSync(inFolder('making-'))
  writeFileSync(path.join(unfinished, 'empty.c'), '')
  const cc = (...args: string[]) =>
    execFileSync('cc', ['-shared', '-fPIC', ...args], { cwd: unfinished, stdio: 'pipe' })
  for (const name of others) cc('empty.c', `-Wl,-soname,${name}`, '-o', name)
  // a plugin that needs them, by name
  const needed = ['libcudnn.so.9', `libcublasLt.so.${major}`].map((name) => `./${name}`)
  cc('empty.c', '-Wl,--no-as-needed', ...needed, '-o', 'plugin.so')
  cc(path.join(root, 'test/support/fake-cudart.c'), `-Wl,-soname,libcudart.so.${major}`, '-o', `libcudart.so.${major}`)
  cpSync(unfinished, empty, { recursive: true })
  return empty
}

/** A cache with a folder of libraries in it. */
function makeCache(cuda = major): { cache: string; folder: string } {
  const cache = mkdtempSync(inFolder('cache-'))
  const folder = path.join(cache, 'node-cudnn', `cuda-${cuda}`)
  mkdirSync(folder, { recursive: true })
  for (const name of [`libcudart.so.${major}`, ...others])
    cpSync(path.join(emptyLibraries(), name), path.join(folder, name))
  return { cache, folder }
}

/** The probe's lines, with no more in its environment than this. */
function runProbe(env: Record<string, string>): string[][] {
  const text = execFileSync(probe, [path.join(emptyLibraries(), 'plugin.so'), 'any'], {
    env: { FAKE_DEVICES: '1', ...env },
    encoding: 'utf8',
  })
  return text
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'))
}

const opened = (folder: string) => [
  ['libraries', folder, String(major)],
  [
    'missing',
    `the CUDA plugin ${path.join(empty, 'plugin.so')} belongs to another build of the addon, build both again`,
  ],
]

if (!existsSync(probe)) {
  console.log('skipped: where the probe finds CUDA libraries, since no CUDA plugin was built')
  test.skip('where the probe finds CUDA libraries', (t) => t.fail())
} else {
  test('they are found in XDG_CACHE_HOME, in ~/.cache, and in NODE_CUDNN_CUDA_DIR before both', (t) => {
    const { cache, folder } = makeCache()
    t.deepEqual(runProbe({ XDG_CACHE_HOME: cache, HOME: '/nowhere' }), opened(folder))
    const home = mkdtempSync(inFolder('home-'))
    symlinkSync(cache, path.join(home, '.cache'))
    t.deepEqual(runProbe({ HOME: home }), opened(path.join(home, '.cache/node-cudnn', `cuda-${major}`)))
    const other = makeCache()
    const named = { NODE_CUDNN_CUDA_DIR: path.join(other.cache, 'node-cudnn') }
    t.deepEqual(runProbe({ XDG_CACHE_HOME: cache, ...named }), opened(other.folder))
  })

  test('they go before those of LD_LIBRARY_PATH, unless NODE_CUDNN_CUDA_DIR is empty', (t) => {
    const { cache, folder } = makeCache()
    const elsewhere = mkdtempSync(inFolder('elsewhere-'))
    writeFileSync(path.join(elsewhere, 'libcudnn.so.9'), 'not a library')
    cpSync(path.join(emptyLibraries(), `libcudart.so.${major}`), path.join(elsewhere, `libcudart.so.${major}`))
    const env = { XDG_CACHE_HOME: cache, LD_LIBRARY_PATH: elsewhere }
    t.deepEqual(runProbe(env), opened(folder))
    const [[word, sentence]] = runProbe({ ...env, NODE_CUDNN_CUDA_DIR: '' }) as [string[]]
    t.is(word, 'missing')
    t.regex(sentence!, /libcudnn\.so\.9: (file too short|invalid ELF header)/)
  })

  test('a library that is gone or broken is named, with the cure', (t) => {
    const cure = `get it again with: npx node-cudnn cuda install --cuda ${major} --force`
    for (const name of others) {
      const { cache, folder } = makeCache()
      rmSync(path.join(folder, name))
      const shown = name.includes('builtins') ? `libnvrtc-builtins.so.${major}` : name // of any release
      t.deepEqual(runProbe({ XDG_CACHE_HOME: cache }), [['missing', `${folder} lacks ${shown}; ${cure}`]])
    }
    const { cache, folder } = makeCache()
    writeFileSync(path.join(folder, 'libcudnn.so.9'), 'x')
    t.deepEqual(runProbe({ XDG_CACHE_HOME: cache }), [['missing', `${folder}/libcudnn.so.9: file too short; ${cure}`]])
  })

  test('libraries of the other CUDA are told from those that are needed', (t) => {
    const other = 25 - major
    const { cache, folder } = makeCache(other)
    const runtime = mkdtempSync(inFolder('runtime-'))
    cpSync(path.join(emptyLibraries(), `libcudart.so.${major}`), path.join(runtime, `libcudart.so.${major}`))
    t.deepEqual(runProbe({ XDG_CACHE_HOME: cache, LD_LIBRARY_PATH: runtime }), [
      [
        'missing',
        `libcudnn.so.9 (cuDNN) was not found; get it with: npx node-cudnn cuda install --cuda ${major} (${folder} is for CUDA ${other}, this build for ${major})`,
      ],
    ])
  })
}

const missing = whyNoPlugin()
if (missing) {
  console.log(`skipped: the plugin on libraries in the cache, since ${missing}`)
  test.skip('the plugin on libraries in the cache', (t) => t.fail())
} else {
  test('the plugin computes with what lies in the cache, and no variable names it', async (t) => {
    const { cache, folder } = makeCache()
    for (const name of readdirSync(simulator)) {
      rmSync(path.join(folder, name), { force: true })
      symlinkSync(path.join(simulator, name), path.join(folder, name))
    }
    const reports = mkdtempSync(inFolder('reports-'))
    const program = `import { readFileSync } from 'node:fs'
import { devices, tensor } from ${JSON.stringify(new URL('../lib/index.js', import.meta.url).href)}
const x = tensor([1, 2, 3], { device: 'cuda:0' })
console.log(devices()[0].name, await x.mul(x).sum().item())
const maps = [...new Set(readFileSync('/proc/self/maps', 'utf8').split('\\n').map((line) => line.slice(73)))]
console.log(maps.filter((file) => /lib(cudart|cudnn|cublasLt|nvrtc)[^/]*$/.test(file)).join('\\n'))`
    const { code, stdout, stderr } = await runSimulated(['--input-type=module', '--eval', program], reports, {
      LD_LIBRARY_PATH: undefined,
      NODE_CUDNN_CUDA_DIR: undefined,
      XDG_CACHE_HOME: cache,
    })
    t.is(code, 0, stderr)
    const [first, ...files] = stdout.trim().split('\n')
    t.is(first, 'cuda:0 14')
    for (const name of ['libcudart', 'libcudnn', 'libcublasLt'])
      t.true(
        files.some((file) => file.startsWith(simulator) && file.includes(name)),
        stdout,
      )
    t.true(
      files.every((file) => file.startsWith(simulator) || file.startsWith(folder)),
      stdout,
    )
    t.deepEqual(complaints(readReports(reports)), [])
  })
}
