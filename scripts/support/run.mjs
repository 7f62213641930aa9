// Runs one command and keeps what it prints, so that a step shows its log only when it fails.
import { spawn } from 'node:child_process'

/** Resolves to { status, output }; a command that cannot be started has status 127. `onOutput` is told of each piece of it. */
export function run(command, args, { onOutput, ...options } = {}) {
  return new Promise((resolve) => {
    const chunks = []
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    const take = (chunk) => {
      chunks.push(chunk)
      onOutput?.(chunk.toString())
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.on('error', (error) => resolve({ status: 127, output: error.message }))
    child.on('close', (status) => resolve({ status: status ?? 1, output: Buffer.concat(chunks).toString() }))
  })
}

/**
 * For a build of minutes: told of what make or ninja print (`[ 45%] …`, `[60/130] …`), it says each tenth of the way once: `10 % 20 % …`.
 */
export function tenths(print) {
  let said = 0
  return (output) => {
    for (const [, percent, done, all] of output.matchAll(/^\[\s*(?:(\d+)%|(\d+)\/(\d+))\]/gm)) {
      const tenth = Math.floor(percent === undefined ? (10 * Number(done)) / Number(all) : Number(percent) / 10)
      if (tenth <= said || tenth >= 10) continue
      said = tenth
      print(`${10 * tenth} % `)
    }
  }
}
