// The test command: sets up, runs ava on the compiled tests, and closes with `N passed, N failed` from its real counts.
// Arguments: a word or a test file picks files (`npm test -- conv`), --verbose names every test, others go to ava.
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { setup, world } from './setup.mjs'
import { runAva } from './support/ava.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

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
  return runAva(
    root,
    args.filter((arg) => arg !== '--no-setup'),
  )
}

process.exitCode = await main(process.argv.slice(2))
