// Child processes with a time limit, each the head of a process group of its own: what ends one ends all that it has started.
import { spawn } from 'node:child_process'
import readline from 'node:readline'

/** What is kept of an output: its end. */
const KEPT = 1 << 20

const tail = (text, chunk) => (text + chunk).slice(-KEPT)

/** Ends a group at once. A hung driver call does not hear milder signals. */
function endGroup(child) {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // nobody is left in it
  }
}

/** The processes of one stage. */
export class Processes {
  #live = new Set()
  #isOver = false

  /** Throws once the stage is over: what goes on in it then starts nothing any more. */
  start(command, args, options = {}) {
    if (this.#isOver) throw new Error('the stage is over')
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options, detached: true })
    this.#live.add(child)
    child.on('exit', () => {
      endGroup(child) // what it left behind
      this.#live.delete(child)
    })
    child.on('error', () => this.#live.delete(child))
    return child
  }

  /**
   * Runs to the end, or for `limit` seconds, or until it has printed nothing for `quiet` seconds: { code, signal, timedOut, seconds, stdout, stderr }.
   * A command that can't be started has code 127. `onLine` hears each line of its output at once.
   */
  run(command, args, { limit, quiet, onLine, ...options }) {
    const started = Date.now()
    const outcome = { stdout: '', stderr: '', timedOut: undefined }
    return new Promise((resolve) => {
      const child = this.start(command, args, options)
      const give = (seconds, why) =>
        setTimeout(() => {
          outcome.timedOut = why
          endGroup(child)
        }, seconds * 1000)
      const timer = give(limit, 'it did not end')
      const silence = quiet && give(quiet, `it printed nothing for ${quiet} s, and did not end`)
      child.stdout?.on('data', () => silence?.refresh())
      const end = (code, signal) => {
        clearTimeout(timer)
        clearTimeout(silence)
        resolve({ ...outcome, code, signal, seconds: (Date.now() - started) / 1000 })
      }
      for (const name of ['stdout', 'stderr']) {
        child[name].setEncoding('utf8').on('data', (chunk) => {
          outcome[name] = tail(outcome[name], chunk)
        })
      }
      if (onLine) readline.createInterface({ input: child.stdout }).on('line', onLine)
      child.on('error', (error) => {
        outcome.stderr += error.message
        end(127, null)
      })
      child.on('close', end)
    })
  }

  /** A process that answers each line with one line of JSON. */
  talk(command, args, options = {}) {
    return new Conversation(this.start(command, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] }))
  }

  endAll() {
    this.#isOver = true
    for (const child of this.#live) endGroup(child)
  }
}

class Conversation {
  #child
  #settle
  #stderr = ''
  #ended

  constructor(child) {
    this.#child = child
    child.stdin.on('error', () => {})
    child.stderr.setEncoding('utf8').on('data', (chunk) => {
      this.#stderr = tail(this.#stderr, chunk)
    })
    readline.createInterface({ input: child.stdout }).on('line', (line) => {
      const answer = resultOf(line)
      if (answer) this.#answer(answer)
    })
    child.on('error', (error) => this.#end(error.message))
    child.on('close', (code, signal) => {
      const words = this.#stderr.trim().split('\n').at(-1)
      this.#end(`the process ended with ${signal ?? code}${words ? `: ${words}` : ''}`)
    })
  }

  /** { error } where the process ends, or does not answer within `limit` seconds; it is then ended. */
  ask(line, limit) {
    if (this.#ended) return Promise.resolve({ error: this.#ended })
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#end(`no answer within ${Math.round(limit)} s`)
        this.stop()
      }, limit * 1000)
      this.#settle = (answer) => {
        clearTimeout(timer)
        resolve(answer)
      }
      this.#child.stdin.write(`${line}\n`)
    })
  }

  stop() {
    endGroup(this.#child)
  }

  #answer(answer) {
    const settle = this.#settle
    this.#settle = undefined
    settle?.(answer)
  }

  #end(why) {
    this.#ended ??= why
    this.#answer({ error: this.#ended })
  }
}

/** The object that a line of output is, in JSON; undefined for any other line, half a line too. */
export function resultOf(line) {
  if (!line.startsWith('{')) return undefined
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** Why a process did not end well, in a few words; undefined where it did. */
export function whyFailed({ code, signal, timedOut, seconds, stderr }) {
  if (code === 0 && !timedOut) return undefined
  if (timedOut) return `${timedOut} within ${Math.round(seconds)} s`
  const words = stderr
    .trim()
    .split('\n')
    .filter((line) => /error/i.test(line))
  const said = words[0] ?? stderr.trim().split('\n').at(-1)
  return `it ended with ${signal ?? `status ${code}`}${said ? `: ${said.trim()}` : ''}`
}
