// Which lines of cpp/backends/cuda run on the simulated device: builds the plugin and the kernels with gcov's counters in build/coverage,
// runs the tests of test/cuda-sim.test.ts on them, and prints a table. Arguments of the form NAME=VALUE go to CMake.
import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { cudasimBuild } from './build-cudasim.mjs'
import { nativeBuild } from './build-native.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const out = path.join(root, 'build', 'coverage')
const folder = 'cpp/backends/cuda/'

function run(command, args, env = {}) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } })
  return status ?? 1
}

function* filesOf(parent, ending) {
  for (const entry of readdirSync(parent, { recursive: true }))
    if (entry.endsWith(ending)) yield path.join(parent, entry)
}

/** file → line → times it ran, over all that gcov counted. */
function counts() {
  const lines = new Map()
  for (const data of filesOf(out, '.gcda')) {
    const { stdout } = spawnSync('gcov', ['--json-format', '--stdout', data], {
      cwd: path.dirname(data),
      encoding: 'utf8',
      maxBuffer: 1 << 30,
    })
    for (const text of stdout.split('\n').filter(Boolean)) {
      const { current_working_directory: folderOfBuild, files } = JSON.parse(text)
      for (const file of files) {
        const name = path.relative(root, path.resolve(folderOfBuild, file.file))
        if (!name.startsWith(folder)) continue
        const known = lines.get(name) ?? new Map()
        for (const { line_number: line, count } of file.lines) known.set(line, (known.get(line) ?? 0) + count)
        lines.set(name, known)
      }
    }
  }
  return lines
}

const definitions = process.argv.slice(2)
const native = nativeBuild(root, { definitions: ['COVERAGE=ON', 'WITH_CUDA=ON', ...definitions] })
const place = (arg) => (arg === native.out ? out : arg)
const simulator = cudasimBuild(root, ['COVERAGE=ON']).map((args) =>
  args.map((arg) => (arg === path.join(root, 'build', 'cudasim') ? path.join(out, 'cudasim') : arg)),
)
for (const [command, ...args] of [...native.commands.map((each) => each.map(place)), ...simulator]) {
  if (run(command, args) !== 0) process.exit(1)
}
for (const stale of filesOf(out, '.gcda')) rmSync(stale)
const failed = run(process.execPath, ['scripts/test.mjs', '--no-setup', 'cuda-sim'], {
  NODE_CUDNN_ADDON: path.join(out, 'Release', 'node_cudnn.node'),
  NODE_CUDNN_PLUGIN: path.join(out, 'Release', 'node_cudnn_cuda.so'),
  CUDASIM_FOLDER: path.join(out, 'cudasim'),
})

let [all, ran] = [0, 0]
const rows = [...counts()].sort().map(([name, lines]) => {
  const hit = [...lines.values()].filter((count) => count > 0).length
  all += lines.size
  ran += hit
  const missed = [...lines].filter(([, count]) => count === 0).map(([line]) => line)
  return `${name.slice(folder.length).padEnd(36)} ${((100 * hit) / lines.size).toFixed(1).padStart(5)} %  ${missed.slice(0, 12).join(' ')}`
})
console.log(rows.join('\n'))
console.log(`${folder}: ${((100 * ran) / all).toFixed(1)} % of ${all} lines ran on the simulated device`)
process.exitCode = failed
