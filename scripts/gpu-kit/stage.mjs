// Puts everything that first light needs into one folder, in the layout of a project with the packages installed.
import { chmodSync, copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { suites, trainingProgram } from '../../first-light/suites.mjs'
import { importsOf, packageFolders } from './closure.mjs'

/** Imported where pictures or archives are read, which no suite of the kit does. */
const leftOut = ['sharp', 'tar']

/** Files of packages that no program reads. */
const unread = /\.(d\.[cm]?ts|[cm]?ts|map|md|markdown)$|^(test|tests|docs|example|examples)$/
const isRead = (name) => name !== 'node_modules' && (/licen[cs]e/i.test(name) || !unread.test(name))

const list = (folder, pattern) =>
  readdirSync(folder, { recursive: true })
    .map((name) => path.join(folder, name))
    .filter((file) => pattern.test(file))

/** What first light runs, and what it might be asked to run by hand. */
function entries(root) {
  const dist = (name) => path.join(root, 'dist', `${name}.js`)
  return [
    dist('lib/index'),
    ...list(path.join(root, 'dist/lib'), /\.js$/),
    dist('benchmarks/worker'),
    ...suites.map((name) => dist(`test/${name}.test`)),
    // suites start these by name
    ...list(path.join(root, 'dist/test/fixtures'), /\.js$/),
    dist(`test/fixtures/${trainingProgram}`),
    ...list(path.join(root, 'first-light'), /\.(mjs|py|sh)$/),
    ...list(path.join(root, 'benchmarks/peers'), /(nets|torch_worker)\.py$/),
    ...list(path.join(root, 'scripts/cuda'), /\.mjs$/),
    path.join(root, 'scripts/cli.mjs'),
    path.join(root, 'scripts/doctor.mjs'),
    ...list(path.join(root, 'test/golden'), /golden\/[^/]+\.(json|safetensors)$/),
  ]
}

/** Packages that nothing imports by name: the runner of the suites. */
const started = ['ava']

function copy(root, into, file) {
  const target = path.join(into, path.relative(root, file))
  mkdirSync(path.dirname(target), { recursive: true })
  copyFileSync(file, target)
}

/** `packages` of the return value are those of others, by folder. */
export function stageKit({ root, into, node }) {
  const { files, packages } = importsOf(entries(root))
  for (const file of files) copy(root, into, file)
  for (const name of ['LICENSE', 'ava.config.js']) copy(root, into, path.join(root, name))

  const names = [...started, ...packages.filter((name) => !leftOut.includes(name))]
  const folders = packageFolders(root, [...new Set(names)])
  for (const folder of folders) {
    cpSync(folder, path.join(into, path.relative(root, folder)), {
      recursive: true,
      dereference: true,
      // nested packages come by themselves, if they are needed
      filter: (file) => isRead(path.basename(file)),
    })
  }

  const { scripts, devDependencies, ...manifest } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
  writeFileSync(path.join(into, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`)
  mkdirSync(path.join(into, 'bin'))
  copyFileSync(node, path.join(into, 'bin/node'))
  chmodSync(path.join(into, 'bin/node'), 0o755)
  copyFileSync(path.join(root, 'first-light/first-light.sh'), path.join(into, 'first-light.sh'))
  return { files, packages: folders.map((folder) => path.relative(path.join(root, 'node_modules'), folder)) }
}
