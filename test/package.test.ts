// What `npm run package` makes of this build: it trains in a project that has nothing but the tarballs, and it is as packages should be.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { extract } from 'tar'

const root = fileURLToPath(new URL('../../', import.meta.url))
const folder = mkdtempSync(path.join(tmpdir(), 'packages ')) // with a space
test.after.always(() => rmSync(folder, { recursive: true, force: true }))
const project = path.join(folder, 'project')
const modules = path.join(project, 'node_modules')
const { NODE_CUDNN_ADDON, ...env } = process.env
const read = (name: string) => JSON.parse(readFileSync(path.join(modules, name, 'package.json'), 'utf8'))

const onLinux = process.platform === 'linux' ? test.serial : test.serial.skip
const tarballs = () => readdirSync(folder).filter((name) => name.endsWith('.tgz'))
const own = `@node-cudnn/linux-${process.arch}`

/** As npm puts them there; the packages of others are those of this checkout. */
async function install(): Promise<void> {
  for (const name of readdirSync(path.join(root, 'node_modules'))) {
    if (!name.startsWith('.')) symlinkSync(path.join(root, 'node_modules', name), path.join(modules, name))
  }
  for (const file of tarballs()) {
    const name = file.replace(/-\d+\.\d+\.\d+\.tgz$/, '').replace(/^node-cudnn-/, '@node-cudnn/')
    mkdirSync(path.join(modules, name), { recursive: true })
    await extract({ file: path.join(folder, file), cwd: path.join(modules, name), strip: 1 })
  }
  cpSync(path.join(root, 'scripts', 'pack'), project, { recursive: true })
}

onLinux('packages are made of the build', async (t) => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/package.mjs', '--from', 'build', '--out', folder], {
    cwd: root,
    encoding: 'utf8',
    env,
  })
  t.is(status, 0, stderr)
  t.regex(tarballs().join(), /node-cudnn-\d+\.\d+\.\d+\.tgz/)
  mkdirSync(modules, { recursive: true })
  await install()
  t.is(read(own).version, read('node-cudnn').version)
  t.is(read('node-cudnn').optionalDependencies[own], read('node-cudnn').version)
})

function runs(t: ExecutionContext, file: string): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [file], { cwd: project, encoding: 'utf8', env })
  t.is(status, 0, stderr)
  return stdout
}
for (const file of ['with-import.mjs', 'with-require.cjs']) {
  onLinux(`ten training steps with the packages (${file})`, (t) => {
    t.regex(runs(t, file), /^\d+\.\d+ → \d+\.\d+$/m)
  })
}

onLinux('every library comes from the package, but for those of the C library', (t) => {
  const [first, ...rest] = runs(t, 'libraries.mjs').trim().split('\n')
  t.true(first!.startsWith('oneDNN') || first!.startsWith('own kernels'), first)
  const inPackage = path.join(modules, own)
  const foreign = rest.filter((file) => !file.startsWith(inPackage))
  t.true(rest.length > foreign.length, 'the addon is that of the package')
  t.deepEqual(foreign, [])
})

onLinux('nothing runs when a package is installed', (t) => {
  const names = ['node-cudnn', ...readdirSync(path.join(modules, '@node-cudnn')).map((name) => `@node-cudnn/${name}`)]
  for (const name of names) t.is(read(name).scripts, undefined, name)
})

onLinux('publint finds nothing', async (t) => {
  const pkgDir = path.join(modules, 'node-cudnn')
  const { messages } = await publint({ pkgDir, pack: false })
  t.deepEqual(
    messages.map((message) => formatMessage(message, read('node-cudnn'))),
    [],
  )
})

onLinux('the types are found from import and require', (t) => {
  const file = path.join(folder, tarballs().find((name) => /^node-cudnn-\d/.test(name))!)
  const attw = path.join(root, 'node_modules', '.bin', 'attw')
  // Node 20.19 and later require() an ES module.
  const args = [file, '--ignore-rules', 'cjs-resolves-to-esm', '--no-color']
  const { status, stdout } = spawnSync(attw, args, { encoding: 'utf8' })
  t.is(status, 0, stdout)
  const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node']
  t.notThrows(() =>
    execFileSync(process.execPath, [tsc, ...options, 'typed.mts', 'typed.cts'], { cwd: project, encoding: 'utf8' }),
  )
})

onLinux('documents that messages point to are in the package', (t) => {
  const files = readdirSync(path.join(modules, 'node-cudnn', 'docs'))
  for (const name of ['checkpoints.md', 'cuda.md', 'differences.md']) t.true(files.includes(name), name)
})
