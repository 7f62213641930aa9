// `npm run pack:check`: packs the package, installs the tarball in an empty project, and trains ten steps there on
// several versions of Node, with import and with require; then compiles a typed program against the published types.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const VERSIONS = [20, 22, 24]
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const typescript = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc')

// Variables that npm sets for its scripts would tell the npm of the empty project about this one.
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^npm_(package|lifecycle|config_local)/.test(name)),
)
const call = (cwd, command, ...args) =>
  execFileSync(command, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
const step = (title, action) => {
  process.stdout.write(`${title} … `)
  const result = action()
  process.stdout.write(`${(typeof result === 'string' && result.trim()) || 'done'}\n`)
}

// the space in the name is part of the check
const folder = mkdtempSync(path.join(os.tmpdir(), 'node-cudnn pack-'))
try {
  const project = path.join(folder, 'project')
  mkdirSync(project)
  let tarball
  step('packing', () => {
    call(root, 'npm', 'pack', '--pack-destination', folder)
    tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))
    return tarball
  })
  writeFileSync(path.join(project, 'package.json'), '{ "private": true }\n')
  step('installing the tarball, which builds the addon', () => {
    call(project, 'npm', 'install', '--no-audit', '--no-fund', path.join(folder, tarball))
  })
  const nodes = VERSIONS.map((version) => `node${version}@npm:node-${process.platform}-${process.arch}@${version}`)
  const typeRoots = '@types/node@20'
  step(`fetching Node ${VERSIONS.join(', ')}`, () => {
    call(project, 'npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', ...nodes, typeRoots)
  })
  cpSync(path.join(root, 'scripts', 'pack'), project, { recursive: true })
  for (const version of VERSIONS) {
    const node = path.join(project, 'node_modules', `node${version}`, 'bin', 'node')
    const name = call(project, node, '--version').trim()
    for (const file of ['with-import.mjs', 'with-require.cjs'])
      step(`Node ${name}, ${file}`, () => call(project, node, file))
  }
  step('compiling typed programs', () => {
    call(
      project,
      process.execPath,
      typescript,
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2023',
      '--types',
      'node',
      'typed.mts',
      'typed.cts',
    )
  })
} catch (error) {
  if (error.stdout) process.stdout.write(error.stdout)
  console.error(`\npack:check failed: ${error.message}`)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
