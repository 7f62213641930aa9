// Runs ava on the compiled tests and closes with `N passed, N failed` from its real counts.
import { spawn } from 'node:child_process'
import path from 'node:path'
import readline from 'node:readline'
import { reader } from './ava-lines.mjs'

/** `conv` → every compiled test file with conv in its name; `test/ops.test.ts` → its compiled file. */
function avaArguments(root, args) {
  return args.map((arg, i) => {
    if (arg.startsWith('-') || ['-m', '--match'].includes(args[i - 1])) return arg
    if (arg.endsWith('.ts')) return `dist/${path.relative(root, path.resolve(arg)).replace(/\.ts$/, '.js')}`
    return arg.includes('/') ? arg : `dist/test/**/*${arg}*.test.js`
  })
}

/**
 * Resolves to the exit status. `args` are words, test files and ava's own options; --verbose names every test. `check` is called when the tests
 * have ended, and each sentence that it returns counts as a failure.
 */
export async function runAva(root, args, env = process.env, check = () => []) {
  const ava = path.join(root, 'node_modules/ava/entrypoints/cli.mjs')
  const rest = args.filter((arg) => arg !== '--verbose')
  const child = spawn(process.execPath, [ava, ...avaArguments(root, rest)], {
    cwd: root,
    // Tests leave no choices of algorithms behind.
    env: { NODE_CUDNN_CHOICES: '', ...env, FORCE_COLOR: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const output = reader(args.includes('--verbose'))
  readline.createInterface({ input: child.stdout }).on('line', output.line)
  const status = await new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)))
  output.end()

  const { counts } = output
  for (const sentence of check()) {
    console.log(`  ✘ ${sentence}`)
    counts.failed++
  }
  if (status !== 0 && counts.failed === 0) {
    console.log(`the test runner ended with status ${status}`)
    counts.failed = 1
  }
  if (counts.passed + counts.failed === 0) console.log('no test ran')
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
  console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`)
  return counts.failed > 0 || counts.passed === 0 ? 1 : 0
}
