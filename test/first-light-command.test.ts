// The command line of first light: its options, the libraries that it finds, the devices that suites run on, and where it writes.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { firstLight, load } from './support/first-light.js'
import { temporaryFolder } from './support/temporary.js'

const { findLibraries } = (await load('libraries.mjs')) as {
  findLibraries(options: { folder?: string; torch?: string; env: NodeJS.ProcessEnv }): {
    settings: Record<string, string>
    sentence: string
  }
}

const inFolder = temporaryFolder()
const makeFolder = () => mkdtempSync(inFolder('out-'))

test('libraries are found in the folder of cuda install, in pip packages, or in any other', (t) => {
  const put = (...names: string[]) => {
    const file = inFolder(...names)
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, '')
    return path.dirname(file)
  }
  const env = { HOME: inFolder('nobody') }
  put('installed', 'cuda-13', 'installed.json')
  const installed = { NODE_CUDNN_CUDA_DIR: inFolder('installed') }
  t.deepEqual(findLibraries({ folder: inFolder('installed'), env }).settings, installed)
  t.deepEqual(findLibraries({ folder: inFolder('installed', 'cuda-13'), env }).settings, installed)

  const cudnn = put('site-packages', 'nvidia', 'cudnn', 'lib', 'libcudnn.so.9')
  const cu13 = put('site-packages', 'nvidia', 'cu13', 'lib', 'libcublasLt.so.13')
  const { settings } = findLibraries({ folder: inFolder('site-packages'), env: { ...env, LD_LIBRARY_PATH: '/mine' } })
  t.deepEqual(settings.LD_LIBRARY_PATH!.split(':').sort(), [cudnn, cu13, '/mine'].sort())
  t.is(settings.NODE_CUDNN_CUDA_DIR, '')

  const plain = put('plain', 'libcudart.so.13')
  t.is(findLibraries({ folder: plain, env }).settings.LD_LIBRARY_PATH, plain)
  t.deepEqual(findLibraries({ env }).settings, {})
  const empty = makeFolder()
  t.throws(() => findLibraries({ folder: empty, env }), { message: /there is no libcudart, libcudnn or libcublasLt/ })
})

test('wrong options are named, with those that there are', async (t) => {
  const main = fileURLToPath(new URL('main.mjs', firstLight))
  for (const [args, said] of [
    [['--budget', 'soon'], /--budget is 'soon', expected a number above 0/],
    [['--size', 'huge'], /--size is 'huge', expected full or small/],
    [['--only', 'lunch'], /there is no stage 'lunch'/],
    [['--nonsense'], /nonsense/],
  ] as const) {
    const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    let stderr = ''
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    t.is(await new Promise((resolve) => child.on('close', resolve)), 2)
    t.regex(stderr, said)
    t.regex(stderr, /--cuda-libraries DIR/)
  }
})

test('the suites run on the devices that are named, and on none that is not there', (t) => {
  const module = new URL('./support/devices.js', import.meta.url).href
  const script = `import { testedDevices } from '${module}'; console.log(testedDevices().map(({ name }) => name).join())`
  const ask = (devices: string) =>
    spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      env: { ...process.env, NODE_CUDNN_TEST_DEVICES: devices },
    })
  t.is(ask('reference').stdout, 'reference\n')
  t.is(ask('reference,cpu').stdout, 'cpu,reference\n')
  t.regex(ask('cuda:77,reference').stderr, /NODE_CUDNN_TEST_DEVICES names cuda:77, but there are .*reference/)
})

test('the shell script is one that any sh can read', (t) => {
  const script = fileURLToPath(new URL('first-light.sh', firstLight))
  t.true(existsSync(script))
  const child = spawn('sh', ['-n', script])
  return new Promise<void>((resolve) => {
    child.on('close', (code) => {
      t.is(code, 0)
      resolve()
    })
  })
})

const write = (file: string) => {
  writeFileSync(inFolder(file), '')
  return inFolder(file)
}
// Node's own way to make folders never returns from /proc.
const places = process.platform === 'linux' ? ['/proc/nowhere', write('file'), path.join(write('other'), 'below')] : []
for (const place of places) {
  test(`a folder that cannot be written to ends it with one sentence: ${path.basename(place)}`, (t) => {
    for (const [program, ...args] of [
      ['first-light/main.mjs', '--out', place, '--only', 'machine'],
      ['scripts/gpu-kit.mjs', '--from', 'build', '--out', path.join(place, 'kit.tar.xz')],
    ] as const) {
      const script = fileURLToPath(new URL(`../${program}`, firstLight))
      const { status, stderr } = spawnSync(process.execPath, [script, ...args], { encoding: 'utf8', timeout: 60_000 })
      t.true(status === 1 || status === 2, `${program}: ${status}`)
      t.regex(stderr, /^[a-z-]+: --out: \S+ (cannot be made or written to \(E[A-Z]+\)|is a file, expected a folder)\n$/)
    }
  })
}
