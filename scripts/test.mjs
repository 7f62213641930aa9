// The test command: sets up, runs ava on the compiled tests, and closes with `N passed, N failed` from its real counts.
// Arguments: a word or a test file picks files (`npm test -- conv`), --verbose names every test, others go to ava.
import { spawn } from 'node:child_process'
import path from 'node:path'
import readline from 'node:readline'
import { fileURLToPath } from 'node:url'
import { setup, world } from './setup.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

/** `conv` → every compiled test file with conv in its name; `test/ops.test.ts` → its compiled file. */
function avaArguments(args) {
  return args.map((arg, i) => {
    if (arg.startsWith('-') || ['-m', '--match'].includes(args[i - 1])) return arg
    if (arg.endsWith('.ts')) return `dist/${path.relative(root, path.resolve(arg)).replace(/\.ts$/, '.js')}`
    return arg.includes('/') ? arg : `dist/test/**/*${arg}*.test.js`
  })
}

/** Ava's lines: `  ✔ file › title`, `  ✘ [fail]: …`, `  ✘ file exited …`, `  - [skip] …`. Long lists of ✔ become a count per file. */
function reader(verbose) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  let current = { file: '', passed: 0 }
  const flush = () => {
    if (!verbose && current.passed > 0) console.log(`  ✔ ${current.file} (${current.passed})`)
  }
  return {
    counts,
    line(line) {
      if (line.startsWith('  ✔ ')) {
        counts.passed++
        const file = line.includes(' › ') ? line.slice(4).split(' › ')[0] : 'tests'
        if (file !== current.file) {
          flush()
          current = { file, passed: 0 }
        }
        current.passed++
        if (!verbose) return
      }
      if (line.startsWith('  ✘ ')) counts.failed++
      if (line.startsWith('  - [skip] ')) counts.skipped++
      // A lone rule and ava's own totals say nothing that the last line does not.
      if (!/^\s*(─|\d+ tests? (passed|failed|skipped))?$/.test(line) || verbose) console.log(line)
    },
    end: flush,
  }
}

async function main(args) {
  if (!args.includes('--no-setup')) {
    try {
      await setup({ ...world, isForTests: true, print: (text) => process.stderr.write(text) })
    } catch (error) {
      console.error(error.message)
      console.log('0 passed, 1 failed')
      return 1
    }
  }
  const rest = args.filter((arg) => !['--no-setup', '--verbose'].includes(arg))
  const ava = path.join(root, 'node_modules/ava/entrypoints/cli.mjs')
  const child = spawn(process.execPath, [ava, ...avaArguments(rest)], {
    cwd: root,
    // Tests leave no choices of algorithms behind.
    env: { NODE_CUDNN_CHOICES: '', ...process.env, FORCE_COLOR: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const output = reader(args.includes('--verbose'))
  readline.createInterface({ input: child.stdout }).on('line', output.line)
  const status = await new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)))
  output.end()

  const { counts } = output
  if (status !== 0 && counts.failed === 0) {
    console.log(`the test runner ended with status ${status}`)
    counts.failed = 1
  }
  if (counts.passed + counts.failed === 0) console.log('no test ran')
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
  console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`)
  return counts.failed > 0 || counts.passed === 0 ? 1 : 0
}

process.exitCode = await main(process.argv.slice(2))
