// The kit of `npm run gpu:kit`: what is packed, and its way from the file to the report on the simulated device.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { readReports, whyNoPlugin } from './support/simulated.js'
import { temporaryFolder } from './support/temporary.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const { importsOf, packageFolders } = (await import(
  new URL('../../scripts/gpu-kit/closure.mjs', import.meta.url).href
)) as {
  importsOf(entries: string[]): { files: string[]; packages: string[] }
  packageFolders(root: string, names: string[]): string[]
}
const inFolder = temporaryFolder()

function put(file: string, content: unknown): void {
  const full = inFolder(file)
  mkdirSync(path.dirname(full), { recursive: true })
  writeFileSync(full, typeof content === 'string' ? content : JSON.stringify(content))
}

test('imports are followed from file to file', (t) => {
  put(
    'code/a.js',
    "import x from './b.js'\nimport y from 'left'\nimport { z } from '@scope/right/part'\nimport 'node:fs'\n",
  )
  put('code/b.js', "const c = new URL('./c.js', import.meta.url)\nexport * from '../code/d.mjs'\n")
  put('code/c.js', "const late = await import('late')\n")
  put('code/d.mjs', "// from 'nowhere at all'\nimport './gone.js'\n")
  put('code/other.js', '')
  const { files, packages } = importsOf([inFolder('code/a.js')])
  t.deepEqual(files.map((file) => path.basename(file)).sort(), ['a.js', 'b.js', 'c.js', 'd.mjs'])
  t.deepEqual(
    packages.sort(),
    ['@scope/right', 'late', 'left', 'node:fs'].filter((name) => !name.startsWith('node:')),
  )
})

test('packages come with all that they depend on', (t) => {
  const manifest = (folder: string, content: object) => put(`tree/node_modules/${folder}/package.json`, content)
  manifest('a', { dependencies: { b: '1', c: '1' }, optionalDependencies: { absent: '1' } })
  manifest('b', { dependencies: { c: '2' } })
  manifest('b/node_modules/c', {})
  manifest('c', { dependencies: { '@scope/d': '1' } })
  manifest('@scope/d', { dependencies: { a: '1' } }) // a circle
  manifest('unused', {})
  const folders = packageFolders(inFolder('tree'), ['a']).map((folder) =>
    path.relative(inFolder('tree/node_modules'), folder),
  )
  t.deepEqual(folders, ['@scope/d', 'a', 'b', 'b/node_modules/c', 'c'])
  manifest('unused', { dependencies: { gone: '1' } })
  t.throws(() => packageFolders(inFolder('tree'), ['unused']), {
    message: 'gone, which node_modules/unused needs, is not installed',
  })
})

const missing = process.platform === 'linux' ? whyNoPlugin() : 'kits are for Linux'
if (missing) {
  console.log(`skipped: the kit on the simulated CUDA device, since ${missing}`)
  test.skip('the kit on the simulated CUDA device', (t) => t.fail(missing))
} else {
  const kit = inFolder('kit.tar.xz')
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(NODE_|LD_|CUD|npm_|AVA|CI$)/.test(name)),
  )

  test.serial('a kit is made of the build', (t) => {
    t.timeout(600_000)
    const args = ['scripts/gpu-kit.mjs', '--from', 'build', '--level', '0', '--out', kit]
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' })
    t.is(status, 0, stderr)
    t.log(stdout.trim())
    t.true(statSync(kit).size < 100 * 2 ** 20)
    execFileSync('tar', ['-xJf', kit, '-C', inFolder()])
  })

  test.serial('it holds each package that its packages need, and none of the large ones that they do not', (t) => {
    const [name] = readdirSync(inFolder()).filter((each) => each.startsWith('node-cudnn-kit-'))
    const unpacked = inFolder(name!)
    const { packages } = JSON.parse(readFileSync(path.join(unpacked, 'kit.json'), 'utf8')) as { packages: string[] }
    t.true(packages.includes('ava'))
    for (const large of ['sharp', 'typescript', '@biomejs/biome', 'cmake-js']) t.false(packages.includes(large), large)
    t.notThrows(() => packageFolders(unpacked, ['ava', 'commander']))
    t.false(existsSync(path.join(unpacked, 'node_modules/sharp')))
  })

  test.serial('it can get the libraries, as the package can', (t) => {
    const [name] = readdirSync(inFolder()).filter((each) => each.startsWith('node-cudnn-kit-'))
    const kitNode = inFolder(name!, 'bin/node')
    const options = { cwd: inFolder(name!), encoding: 'utf8', env: { ...env, HOME: inFolder() } } as const
    t.regex(spawnSync(kitNode, ['scripts/cli.mjs', 'cuda', 'install', '--help'], options).stdout, /--yes/)
    t.regex(spawnSync(kitNode, ['scripts/cli.mjs', 'cuda'], options).stdout, /driver/)
  })

  test.serial('without the libraries it says what is missing, in a report', (t) => {
    const [name] = readdirSync(inFolder()).filter((each) => each.startsWith('node-cudnn-kit-'))
    const out = inFolder('nothing')
    const { status, stdout } = spawnSync(inFolder(name!, 'first-light.sh'), ['--out', out, '--budget', '60'], {
      encoding: 'utf8',
      env: { ...env, PATH: '/usr/bin:/bin', HOME: inFolder(), LD_LIBRARY_PATH: '', CUDA_VISIBLE_DEVICES: '' },
    })
    t.is(status, 1)
    t.regex(stdout, /No GPU was used: /)
    const markdown = readFileSync(path.join(out, 'report.md'), 'utf8')
    t.regex(markdown, /## 2\. Bandwidth and product ceilings\n\nThis stage did not run: there is no device to run on: /)
    t.notRegex(markdown, /undefined symbol/)
  })

  test.serial('it runs from the file to the report on the simulated device', (t) => {
    t.timeout(600_000)
    const [name] = readdirSync(inFolder()).filter((each) => each.startsWith('node-cudnn-kit-'))
    const out = inFolder('out')
    const reports = inFolder('reports')
    mkdirSync(reports)
    const libraries = path.join(process.env.CUDASIM_FOLDER ?? path.join(root, 'build/cudasim'), 'lib')
    const args = ['--out', out, '--budget', '200', '--jobs', '2', '--cuda-libraries', libraries]
    const { status, stdout, stderr } = spawnSync(inFolder(name!, 'first-light.sh'), args, {
      cwd: inFolder(),
      encoding: 'utf8',
      // nothing of this machine's Node
      env: { ...env, PATH: '/usr/bin:/bin', HOME: inFolder(), CUDASIM_REPORT: path.join(reports, '%p.json') },
    })
    t.is(status, 0, stdout + stderr)

    interface Line {
      name: string
      status: string
      why?: string
      results: Record<string, unknown>[]
    }
    const report = JSON.parse(readFileSync(path.join(out, 'report.json'), 'utf8')) as {
      headline: string
      simulated: boolean
      stages: Line[]
    }
    t.true(report.simulated)
    t.regex(report.headline, /^SIMULATED device, no GPU/)
    t.deepEqual(
      report.stages.map(({ name, status }) => [name, status]),
      [
        ['machine', 'done'],
        ['bandwidth', 'done'],
        ['smoke', 'done'],
        ['suites', 'done'],
        ['race', 'done'],
        ['profile', 'skipped'],
      ],
      stdout,
    )
    const of = (name: string) => report.stages.find((stage) => stage.name === name)!.results
    const { missing, symbols } = of('machine').find(({ what }) => what === 'ldd')!
    t.deepEqual([missing, symbols], [[], []])
    t.deepEqual(
      of('bandwidth').filter(({ why }) => why),
      [],
    )
    t.is(of('bandwidth').filter(({ what }) => what === 'product').length, 3)
    t.deepEqual(
      of('smoke').filter(({ passed }) => !passed),
      [],
    )
    const programs = readdirSync(path.join(root, 'first-light/smoke')).map((file) => path.parse(file).name)
    t.deepEqual(
      of('smoke')
        .map(({ name }) => name)
        .sort(),
      programs.sort(),
    )
    t.true(
      of('suites').every(({ failed, why }) => failed === 0 && !why),
      JSON.stringify(of('suites')),
    )
    t.true(of('suites').some(({ name, passed }) => name === 'ops: linear' && (passed as number) > 5))
    t.deepEqual(
      of('race')
        .filter(({ title }) => title)
        .map(({ precision }) => precision),
      ['bf16', 'TF32', 'float32'],
    )
    for (const { times } of of('race').filter(({ title }) => title)) {
      t.true((times as Record<string, { wall: number }>)['node-cudnn']!.wall > 0, JSON.stringify(times))
    }
    const fed = of('race').flatMap(({ trainer }) => (trainer ? [trainer as Record<string, unknown>] : []))
    t.deepEqual(
      fed.map(({ source, why }) => [source, why]),
      [
        ['from the host', undefined],
        ['on the device', undefined],
      ],
    )
    for (const [i, { name, results }] of report.stages.entries()) {
      if (results.length === 0) continue
      const lines = readFileSync(path.join(out, `${i + 1}-${name}.jsonl`), 'utf8')
        .trim()
        .split('\n')
      t.deepEqual(
        lines.map((line) => JSON.parse(line)),
        results,
      )
    }
    const [first] = readFileSync(path.join(out, 'report.md'), 'utf8').split('\n')
    t.regex(first!, /^\*\*SIMULATED device/)
    t.deepEqual(
      readReports(reports).flatMap(({ violations }) => violations),
      [],
    )
  })
}
