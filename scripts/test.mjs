// The test command: sets up, runs ava on the compiled tests, and closes with `N passed, N failed` from its real counts.
// Arguments: a word or a test file picks files (`npm test -- conv`), --verbose names every test, others go to ava.
import { spawn } from 'node:child_process'
import path from 'node:path'
import readline from 'node:readline'
import { fileURLToPath } from 'node:url'
import { setup, world } from './setup.mjs'
import { reader } from './support/ava-lines.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

/** `conv` → every compiled test file with conv in its name; `test/ops.test.ts` → its compiled file. */
function avaArguments(args) {
  return args.map((arg, i) => {
    if (arg.startsWith('-') || ['-m', '--match'].includes(args[i - 1])) return arg
    if (arg.endsWith('.ts')) return `dist/${path.relative(root, path.resolve(arg)).replace(/\.ts$/, '.js')}`
    return arg.includes('/') ? arg : `dist/test/**/*${arg}*.test.js`
  })
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
