// What the tests of first light share: its types, since it is plain JavaScript, and stages that are made up.
export interface Outcome {
  code: number | null
  signal: string | null
  timedOut: string | undefined
  stdout: string
  stderr: string
  seconds: number
}
export interface Context {
  facts: Record<string, unknown>
  processes: { run(command: string, args: string[], options: { limit: number; quiet?: number }): Promise<Outcome> }
  record(result: unknown): void
  secondsLeft(): number
}
export interface Stage {
  name: string
  title: string
  weight: number
  most?: number
  skip?: (facts: Record<string, unknown>) => string | undefined
  run(context: Context): Promise<void>
  show?: (results: never[]) => unknown[]
}
export interface Line {
  name: string
  title: string
  status: string
  why?: string
  seconds?: number
  results: unknown[]
}
export interface Told {
  started: string
  seconds: number
  budget: number
  state: string
  options: Record<string, unknown>
  facts: Record<string, unknown>
  stages: Line[]
}
export interface Conversation {
  ask(line: string, limit: number): Promise<Record<string, unknown>>
  stop(): void
}

export const firstLight = new URL('../../../first-light/', import.meta.url)
export const load = (name: string) => import(new URL(name, firstLight).href)

export const stage = (name: string, run: Stage['run'], more: Partial<Stage> = {}): Stage => {
  return { name, title: `Stage ${name}`, weight: 1, run, ...more }
}
/** The command that runs a script. */
export const node = (script: string): [string, string[]] => [process.execPath, ['-e', script]]
