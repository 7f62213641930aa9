// A contender of a race: a process that answers each line with one line of JSON (see worker.ts).
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export interface Answer {
  ok?: number
  version?: string
  wall?: number
  cpu?: number
  steps?: number
  /** Bytes by which the process has grown at its highest since it was asked. */
  grown?: number
  error?: string
}

export class Contender {
  readonly name: string
  readonly #process: ChildProcess
  #settle: ((answer: Answer) => void) | undefined

  constructor(name: string, command: string, args: readonly string[], threads: number) {
    this.name = name
    // libraries choose their number of threads from these when they load
    const env: NodeJS.ProcessEnv = {
      ...process.env,
      OMP_NUM_THREADS: String(threads),
      MKL_NUM_THREADS: String(threads),
    }
    delete env.OPENBLAS_CORETYPE
    this.#process = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'ignore'] })
    this.#process.on('error', (error) => this.#answer({ error: String(error) }))
    this.#process.on('exit', (code) => this.#answer({ error: `the process ended with ${code}` }))
    const { stdin, stdout } = this.#process
    stdin?.on('error', (error) => this.#answer({ error: String(error) }))
    if (!stdout) throw new Error('a contender needs an output')
    createInterface({ input: stdout }).on('line', (line) => {
      if (line.startsWith('{')) this.#answer(JSON.parse(line) as Answer)
    })
  }

  ask(line: string): Promise<Answer> {
    return new Promise((resolve) => {
      this.#settle = resolve
      if (this.#process.exitCode !== null) this.#answer({ error: 'the process has ended' })
      else this.#process.stdin?.write(`${line}\n`)
    })
  }

  stop(): void {
    this.#process.kill()
  }

  #answer(answer: Answer): void {
    const settle = this.#settle
    this.#settle = undefined
    settle?.(answer)
  }
}
