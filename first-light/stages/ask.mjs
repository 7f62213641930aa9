// Programs that open the package, each in a process of its own: a broken driver may end it, or never answer.
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { resultOf, whyFailed } from '../processes.mjs'

const programs = fileURLToPath(new URL('../programs/', import.meta.url))

/**
 * Runs programs/NAME with arguments and hears each line of JSON that it prints. Returns why it failed, in a few words, or undefined. What it
 * found before is kept.
 */
export async function runProgram(context, name, args, limit, onResult) {
  const outcome = await context.processes.run(process.execPath, [path.join(programs, name), ...args], {
    cwd: context.root,
    env: context.env,
    limit,
    onLine: (line) => {
      const result = resultOf(line)
      if (result) onResult(result)
    },
  })
  return whyFailed(outcome)
}

export const programFile = (name) => path.join(programs, name)

/** What stages that need the device say where there is none. */
export const needsDevice = (facts) =>
  facts.device
    ? undefined
    : `there is no device to run on: ${facts.whyNoDevice ?? 'the first stage did not get to know it'}`
