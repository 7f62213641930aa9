// Runs a compiled fixture in a process of its own: a crash there is a result here.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface Outcome {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** Runs dist/test/fixtures/NAME.js; after `limit` seconds it counts as hung and is killed. */
export function runFixture(
  name: string,
  args: string[] = [],
  nodeFlags: string[] = [],
  limit = 240,
  env: NodeJS.ProcessEnv = process.env,
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
  const timer = setTimeout(() => child.kill('SIGKILL'), limit * 1000)
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ code, signal, ...outcome })
    })
  })
}
