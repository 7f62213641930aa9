// `npm run pack:check`: makes the packages of this build, installs the tarballs in an empty project without running any script, and trains ten steps there on
// several versions of Node, with import and with require.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const VERSIONS = [20, 22, 24, 26]
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

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
  step('packing', () => {
    call(root, process.execPath, 'scripts/package.mjs', '--from', 'build', '--out', folder)
  })
  const tarballs = readdirSync(folder).filter((name) => name.endsWith('.tgz'))
  writeFileSync(path.join(project, 'package.json'), '{ "private": true }\n')
  step(`installing ${tarballs.join(', ')}`, () => {
    const files = tarballs.map((name) => path.join(folder, name))
    call(project, 'npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', ...files)
  })
  const nodes = VERSIONS.map((version) => `node${version}@npm:node-${process.platform}-${process.arch}@${version}`)
  step(`fetching Node ${VERSIONS.join(', ')}`, () => {
    call(project, 'npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', ...nodes)
  })
  cpSync(path.join(root, 'scripts', 'pack'), project, { recursive: true })
  for (const version of VERSIONS) {
    const node = path.join(project, 'node_modules', `node${version}`, 'bin', 'node')
    const name = call(project, node, '--version').trim()
    for (const file of ['with-import.mjs', 'with-require.cjs'])
      step(`Node ${name}, ${file}`, () => call(project, node, file))
  }
} catch (error) {
  if (error.stdout) process.stdout.write(error.stdout)
  console.error(`\npack:check failed: ${error.message}`)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
