// Runs a compiled fixture in a process of its own: a crash there is a result here.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface Outcome {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
  /** When it ended, as Date.now(); of `runFixture` alone. */
  ended?: number
}

/** Runs dist/test/fixtures/NAME.js; after `limit` seconds it counts as hung and is killed. `send` is sent once it writes something. */
export function runFixture(
  name: string,
  args: string[] = [],
  nodeFlags: string[] = [],
  limit = 240,
  env: NodeJS.ProcessEnv = process.env,
  send?: NodeJS.Signals,
): Promise<Outcome> {
  const file = fileURLToPath(new URL(`../fixtures/${name}.js`, import.meta.url))
  const child = spawn(process.execPath, [...nodeFlags, file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env,
  })
  const outcome = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => {
    outcome.stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    outcome.stderr += chunk
  })
  if (send) child.stdout.once('data', () => child.kill(send))
  const timer = setTimeout(() => child.kill('SIGKILL'), limit * 1000)
  return new Promise((resolve) => {
    let ended = 0
    child.on('exit', () => {
      ended = Date.now()
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ code, signal, ended, ...outcome })
    })
  })
}
