// Which nvcc, toolkit and host compiler the build takes, with made-up ones: none of them ends the build unless CUDA was demanded, and a sentence says
// what is wrong. What has to compile runs where there is a real nvcc.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'

const root = fileURLToPath(new URL('../../', import.meta.url))
const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'node-cudnn-nvcc-')))

const target = `targets/${process.arch === 'x64' ? 'x86_64' : 'sbsa'}-linux`
const scripts = new URL('../../scripts/support/system.mjs', import.meta.url).href
const { findCudnn, findNvcc } = (await import(scripts)) as {
  findCudnn(env: NodeJS.ProcessEnv): string | undefined
  findNvcc(env: NodeJS.ProcessEnv): string | undefined
}

test.after.always(() => rmSync(folder, { recursive: true, force: true }))

// A folder of its own for what is compiled: CMake looks for a compiler once, and again where another one is chosen.
let build = 'build'
const inBuild = (file: string) => path.join(folder, build, file)

/** Variables that would choose another compiler than the test does. */
const chooses = /^(CUDA|NVCC_|CUDNN_ROOT|CONDA_PREFIX|CMAKE_)/
const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !chooses.test(name)))

/** What CMake says of CUDA, and its status. */
function configure(env: NodeJS.ProcessEnv, ...definitions: string[]) {
  const given = ['WITH_CUDA=AUTO', 'WITH_ONEDNN=OFF', 'CPU_LEVELS=own', ...definitions].map((each) => `-D${each}`)
  const libraries = `-DCMAKE_LIBRARY_OUTPUT_DIRECTORY=${inBuild('Release')}`
  const { status, stdout, stderr } = spawnSync('cmake', ['-S', root, '-B', inBuild(''), libraries, ...given], {
    encoding: 'utf8',
    env: { ...clean, ...env },
  })
  const said = stdout.split('\n').flatMap((line) => /^-- CUDA: (.*)$/.exec(line)?.[1] ?? [])
  return { status, said: said.join('\n'), error: stderr.replace(/\s+/g, ' ') }
}

const cached = (name: string) =>
  new RegExp(`^${name}:[A-Z]+=(.*)$`, 'm').exec(readFileSync(inBuild('CMakeCache.txt'), 'utf8'))?.[1]

/** Files by their names, with `#!` ones to be run; returns the folder. */
function write(name: string, files: Record<string, string>) {
  for (const [file, text] of Object.entries(files)) {
    const full = path.join(folder, name, file)
    mkdirSync(path.dirname(full), { recursive: true })
    writeFileSync(full, text)
    if (text.startsWith('#!')) chmodSync(full, 0o755)
  }
  return path.join(folder, name)
}

/** A program that answers as nvcc of a version does, and fails at everything else; it notes its arguments in the file `calls` beside it. */
const nvcc = (version: string, words = 'error: it compiles nothing') => `#!/bin/sh
echo "$*" >> "$0.calls"
case "$*" in
  --version) echo 'Cuda compilation tools, release ${version}, V${version}.1'; exit 0 ;;
  -v*) echo "#\\$ TOP=$(dirname "$(readlink -f "$0")")/.." >&2; exit 1 ;;
esac
echo '${words}' >&2
exit 1
`

const runtime = (version: string, at = '') => ({
  [`${at}include/cuda_runtime_api.h`]: `#define CUDART_VERSION  ${version.replace('.', '0')}0\n`,
  [`${at}lib/libcudart.so.${version.split('.')[0]}`]: '',
})
const cublas = (version: string, at = '') => ({
  [`${at}include/cublasLt.h`]: '',
  [`${at}include/cublas_api.h`]: `#define CUBLAS_VER_MAJOR ${version.split('.')[0]}\n`,
  [`${at}lib/libcublasLt.so.${version.split('.')[0]}`]: '',
})
const cudnn = (version: string) => ({
  'include/cudnn.h': '',
  'include/cudnn_version.h': ['MAJOR', 'MINOR', 'PATCHLEVEL']
    .map((part, i) => `#define CUDNN_${part} ${version.split('.')[i]}\n`)
    .join(''),
  'lib/libcudnn.so.9': '',
})
const toolkit = (version: string, words?: string) => ({
  'bin/nvcc': nvcc(version, words),
  ...runtime(version),
  ...cublas(version),
})

const refusal =
  '/usr/include/crt/host_config.h:143:2: error: #error -- unsupported GNU version! gcc versions later than 13 are not supported!'
const words = 'unsupported GNU version! gcc versions later than 13 are not supported!'
const a = write('a', toolkit('12.4', refusal))
const b = write('b', toolkit('13.0', 'nvcc fatal   : this is b'))
const CUDNN_ROOT = write('dnn', cudnn('9.1.0'))
const nvccOf = (prefix: string) => path.join(prefix, 'bin/nvcc')
const none = 'no plugin will be built: '

test.serial('an nvcc that refuses the host compiler is no end of the build, and says why in its own words', (t) => {
  const { status, said } = configure({ CUDACXX: nvccOf(a), CUDNN_ROOT })
  t.is(status, 0)
  t.true(said.startsWith(`${none}nvcc 12.4 (${nvccOf(a)}) does not compile: '${words}'`), said)
  t.true(said.includes('CUDAHOSTCXX=g++-13') && said.includes('CMAKE_CUDA_HOST_COMPILER=…'), said)
  const log = /is in (\S+)\)/.exec(said)?.[1] ?? ''
  t.true(readFileSync(log, 'utf8').includes(refusal))
})

test.serial('demanded, it is an error in the same words', (t) => {
  const { status, error } = configure({ CUDACXX: nvccOf(a), CUDNN_ROOT }, 'WITH_CUDA=ON')
  t.not(status, 0)
  t.true(error.includes(`WITH_CUDA=ON, but nvcc 12.4 (${nvccOf(a)}) does not compile: '${words}'`), error)
})

test.serial('other host compilers are tried, the newest first, and only the one that was asked for', (t) => {
  const compiler = '#!/bin/sh\nexit 1\n'
  const hosts = write('hosts', { 'g++-16': compiler, 'g++-15': compiler })
  const calls = path.join(a, 'bin/nvcc.calls')
  const tried = (env: NodeJS.ProcessEnv, ...definitions: string[]) => {
    writeFileSync(calls, '')
    const { said } = configure({ CUDACXX: nvccOf(a), CUDNN_ROOT, ...env }, ...definitions)
    const compilations = readFileSync(calls, 'utf8').split('\n')
    return {
      said,
      hosts: compilations.filter((line) => line.includes('-o ')).map((line) => /-ccbin (\S+)/.exec(line)?.[1]),
    }
  }
  const all = tried({ PATH: `${hosts}${path.delimiter}${clean.PATH}` })
  t.is(all.hosts[0], undefined)
  t.is(path.basename(all.hosts[1] ?? ''), path.basename(cached('CMAKE_CXX_COMPILER') ?? ''))
  t.deepEqual(all.hosts.slice(2, 4), [path.join(hosts, 'g++-16'), path.join(hosts, 'g++-15')])
  t.true(all.said.includes(`host compilers tried: its own choice, ${all.hosts.slice(1).join(', ')}`), all.said)
  // asked before: the answer is kept
  t.deepEqual(tried({ PATH: `${hosts}${path.delimiter}${clean.PATH}` }).hosts, [])

  const asked = path.join(hosts, 'g++-15')
  t.deepEqual(tried({ CUDAHOSTCXX: asked }).hosts, [asked])
  t.deepEqual(tried({ NVCC_CCBIN: asked }).hosts, [undefined])
  const absent = tried({ CUDAHOSTCXX: 'g++-nowhere' })
  t.is(absent.said, `${none}the host compiler that CUDAHOSTCXX names, g++-nowhere, was not found`)
  t.deepEqual(tried({}, `CMAKE_CUDA_HOST_COMPILER=${asked}`).hosts, [asked])
  configure({ CUDACXX: nvccOf(a), CUDNN_ROOT }, 'CMAKE_CUDA_HOST_COMPILER=')
})

test.serial('CUDACXX is a path or a name, goes before the path, and the runtime is that of this nvcc', (t) => {
  const PATH = `${path.join(b, 'bin')}${path.delimiter}${clean.PATH}`
  t.true(configure({ PATH, CUDNN_ROOT }).said.includes(`nvcc 13.0 (${nvccOf(b)}) does not compile: 'this is b'`))
  t.is(cached('CUDART_LIBRARY'), path.join(b, 'lib/libcudart.so.13'))
  t.is(cached('CUBLASLT_LIBRARY'), path.join(b, 'lib/libcublasLt.so.13'))

  t.true(configure({ PATH, CUDNN_ROOT, CUDACXX: nvccOf(a) }).said.includes(`nvcc 12.4 (${nvccOf(a)})`))
  t.is(cached('CUDART_INCLUDE_DIR'), path.join(a, 'include'))
  t.is(cached('CUDART_LIBRARY'), path.join(a, 'lib/libcudart.so.12'))
  t.is(cached('CUBLASLT_LIBRARY'), path.join(a, 'lib/libcublasLt.so.12'))

  const names = write('names', { README: '' })
  symlinkSync(nvccOf(a), path.join(names, 'nvcc-a'))
  const byName = { PATH: `${names}${path.delimiter}${PATH}`, CUDACXX: 'nvcc-a' }
  t.true(configure({ ...byName, CUDNN_ROOT }).said.includes(`nvcc 12.4 (${names}/nvcc-a)`))
  t.is(findNvcc(byName), path.join(names, 'nvcc-a'))
  t.is(findNvcc({ PATH }), nvccOf(b))
  t.is(findNvcc({ PATH, CUDA_PATH: a }), nvccOf(a))
  t.true(configure({ PATH, CUDNN_ROOT, CUDA_PATH: a }).said.includes(`nvcc 12.4 (${nvccOf(a)})`))

  const absent = configure({ PATH, CUDACXX: '/nowhere/nvcc' })
  t.is(absent.status, 0)
  t.is(absent.said, `${none}CUDACXX=/nowhere/nvcc is no program (options for it go into CUDAFLAGS)`)
})

test.serial('a link or a script in another place leads to the toolkit behind it', (t) => {
  const links = write('links', { script: `#!/bin/sh\nexec ${nvccOf(a)} "$@"\n` })
  symlinkSync(nvccOf(a), path.join(links, 'link'))
  const silent = write('silent', { ...toolkit('12.6'), 'bin/nvcc': nvcc('12.6').replace(/^ {2}-v.*$/m, '') })
  symlinkSync(nvccOf(silent), path.join(links, 'silent'))
  for (const [name, prefix] of [
    ['script', a],
    ['silent', silent],
  ] as const) {
    configure({ CUDACXX: path.join(links, name), CUDNN_ROOT })
    t.is(cached('CUDART_LIBRARY'), path.join(prefix, 'lib/libcudart.so.12'), name)
    t.is(cached('CUDART_INCLUDE_DIR'), path.join(prefix, 'include'), name)
  }
})

test.serial('toolkits and libraries that do not fit', (t) => {
  const old = write('old', toolkit('11.8'))
  t.is(configure({ CUDACXX: nvccOf(old) }).said, `${none}${nvccOf(old)} is of CUDA 11.8, expected 12 or 13`)

  const broken = write('broken', {
    'bin/nvcc': '#!/bin/sh\necho "nvcc: error while loading shared libraries: x" >&2\n',
  })
  t.is(
    configure({ CUDACXX: nvccOf(broken) }).said,
    `${none}${nvccOf(broken)} --version does not say a version: while loading shared libraries: x`,
  )

  const mixed = write('mixed', { ...toolkit('13.0'), ...runtime('12.8') })
  rmSync(path.join(mixed, 'lib/libcudart.so.12'))
  t.regex(configure({ CUDACXX: nvccOf(mixed), CUDNN_ROOT }).said, /the CUDA runtime is 12080 .* is of CUDA 13\.0$/)

  const eight = write('eight', cudnn('8.9.7'))
  // CUDNN_ROOT of the environment is the first run's alone
  t.regex(
    configure({ CUDACXX: nvccOf(a) }, `CUDNN_ROOT=${eight}`).said,
    /cuDNN is 8\.9\.7 \(.*eight\/include\), expected 9$/,
  )

  const otherBlas = write('other-blas', { ...cudnn('9.1.0'), ...cublas('13.0') })
  writeFileSync(path.join(otherBlas, 'lib/libcublasLt.so'), '')
  t.regex(
    configure({ CUDACXX: nvccOf(a) }, `CUDNN_ROOT=${otherBlas}`).said,
    /cuBLASLt is of CUDA 13 \(.*other-blas\/include\), but .* is of CUDA 12\.4; say with CUDNN_ROOT=…/,
  )
  configure({ CUDACXX: nvccOf(a) }, `CUDNN_ROOT=${CUDNN_ROOT}`)
})

test.serial('a conda environment, in both of its layouts', (t) => {
  for (const [name, at] of [
    ['conda-targets', `${target}/`],
    ['conda-plain', ''],
  ] as const) {
    const files = { ...cudnn('9.3.0'), ...runtime('12.6', at), ...cublas('12.6', at) }
    const prefix = write(name, { ...files, 'bin/nvcc': nvcc('12.6') })
    const env = { CUDACXX: nvccOf(prefix), CONDA_PREFIX: prefix }
    t.true(configure(env, 'CUDNN_ROOT=').said.includes(`nvcc 12.6 (${nvccOf(prefix)}) does not compile`), name)
    t.is(cached('CUDNN_INCLUDE_DIR'), path.join(prefix, 'include'), name)
    t.is(cached('CUDNN_LIBRARY'), path.join(prefix, 'lib/libcudnn.so.9'), name)
    t.is(cached('CUDART_INCLUDE_DIR'), path.join(prefix, at, 'include'), name)
    t.is(cached('CUDART_LIBRARY'), path.join(prefix, at, 'lib/libcudart.so.12'), name)
    t.is(cached('CUBLASLT_LIBRARY'), path.join(prefix, at, 'lib/libcublasLt.so.12'), name)
    t.is(findCudnn({ PATH: '', CONDA_PREFIX: prefix }), path.join(prefix, 'include/cudnn.h'), name)
  }
  configure({ CUDACXX: nvccOf(a) }, `CUDNN_ROOT=${CUDNN_ROOT}`)
})

// ---- with a real nvcc ---------------------------------------------------------------------------------------------

const real = findNvcc(process.env)
const version = real && / V(\d+\.\d+)/.exec(spawnSync(real, ['--version'], { encoding: 'utf8' }).stdout)?.[1]
const tries = write('tries', { 'a.cu': '__global__ void a() {}\n' })
const works = real && spawnSync(real, ['-c', path.join(tries, 'a.cu'), '-o', path.join(tries, 'a.o')]).status === 0

if (!works || !version) {
  console.log('  - [not run] cuda-compiler: no nvcc that compiles is here')
  test.skip('with a real nvcc', (t) => t.fail())
} else {
  const [major] = version.split('.')
  const shown = spawnSync(real, ['-v', 'nothing'], { encoding: 'utf8' }).stderr
  const top = /#\$ TOP=(.*)/.exec(shown)?.[1] ?? ''
  const inTop = (file: string) => [path.join(top, target, file), path.join(top, file)].find((each) => existsSync(each))
  const headers = inTop('include') ?? '/usr/include'
  const blas = { ...cublas(major ?? ''), ...cudnn('9.1.0') }
  const arch = 'CUDA_ARCHITECTURES=90'

  test.serial('the newest host compiler that nvcc takes is used where it refuses the usual one', (t) => {
    build = 'refuses'
    const cxx = spawnSync('sh', ['-c', 'command -v g++ || command -v c++'], { encoding: 'utf8' }).stdout.trim()
    const hosts = write('good-hosts', { 'g++-16': '#!/bin/sh\nexit 1\n', 'g++-11': `#!/bin/sh\nexec ${cxx} "$@"\n` })
    const picky = write('picky', {
      'bin/nvcc': `#!/bin/sh
case "$*" in *--version*|*-v*|*good-hosts/g++-11*) exec ${real} "$@" ;; esac
echo '${refusal}' >&2
exit 1
`,
    })
    const prefix = write('blas', blas)
    const { status, said } = configure(
      { CUDACXX: nvccOf(picky), PATH: `${hosts}${path.delimiter}${clean.PATH}` },
      arch,
      `CUDNN_ROOT=${prefix}`,
    )
    t.is(status, 0)
    t.true(
      said.startsWith(
        `nvcc refuses its usual host compiler ('${words}'), so ${hosts}/g++-11 is used\ntoolkit ${version}`,
      ),
      said,
    )
    t.true(readFileSync(inBuild('compile_commands.json'), 'utf8').includes(`-ccbin=${hosts}/g++-11`))
  })

  test.serial('another nvcc, in the same build folder', (t) => {
    build = 'changes'
    const prefix = `CUDNN_ROOT=${write('blas', blas)}`
    const other = write('other', { 'bin/nvcc': `#!/bin/sh\nexec ${real} "$@"\n` })
    const uses = (file: string) => readFileSync(inBuild('compile_commands.json'), 'utf8').includes(`"${file} `)
    t.true(configure({}, arch, prefix).said.startsWith(`toolkit ${version} (${real})`))
    t.true(uses(real))
    const second = configure({ CUDACXX: nvccOf(other) }, arch, prefix)
    t.is(second.status, 0, second.error)
    t.true(second.said.startsWith(`toolkit ${version} (${nvccOf(other)})`), second.said)
    t.true(uses(nvccOf(other)))
    // one that refuses, and back again
    t.true(configure({ CUDACXX: nvccOf(a) }, arch, `CUDNN_ROOT=${CUDNN_ROOT}`).said.startsWith(none))
    t.true(configure({}, arch, prefix).said.startsWith(`toolkit ${version} (${real})`))
    t.true(uses(real))
    // architectures that nvcc does not know
    const unknown = configure({}, 'CUDA_ARCHITECTURES=34', prefix)
    t.is(unknown.status, 0)
    t.regex(unknown.said, /does not compile: 'Unsupported gpu architecture/)
  })

  test.serial('the plugin of a conda environment looks for its libraries there', (t) => {
    build = 'conda'
    const prefix = write('conda', {
      ...cudnn('9.3.0'),
      'bin/nvcc': `#!/bin/sh\nexec ${real} "$@"\n`,
      [`${target}/lib/x`]: '',
    })
    const at = path.join(prefix, target)
    symlinkSync(headers, path.join(at, 'include'))
    for (const [file, text] of Object.entries(cublas(major ?? '', 'lib/../'))) {
      if (file.includes('.so')) writeFileSync(path.join(at, file), text)
    }
    write('conda', cublas(major ?? ''))
    rmSync(path.join(prefix, `lib/libcublasLt.so.${major}`))
    const { said } = configure({ CUDACXX: nvccOf(prefix), CONDA_PREFIX: prefix }, arch, 'CUDNN_ROOT=')
    t.true(said.startsWith(`toolkit ${version} (${nvccOf(prefix)}), cuDNN 9.3.0 (${prefix}/lib/libcudnn.so.9)`), said)
    const link = readFileSync(inBuild('CMakeFiles/node_cudnn_cuda.dir/link.txt'), 'utf8')
    const rpath = /-Wl,-rpath,(\S+)/.exec(link)?.[1]?.split(':') ?? []
    t.deepEqual(rpath.slice(0, 2), [path.join(prefix, 'lib'), path.join(at, 'lib')])
  })
}
