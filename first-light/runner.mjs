// Runs stages one after the other within a budget of time. What a stage finds is written as it finds it, and the report after every stage:
// a hang, a crash or the end of the budget loses one stage and not what came before.
import { appendFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeFolder } from './folders.mjs'
import { Processes } from './processes.mjs'

/** Written in one step, so that a reader never sees half of it. */
function replaceFile(file, text) {
  writeFileSync(`${file}.new`, text)
  renameSync(`${file}.new`, file)
}

/**
 * Seconds for the stage at the front: its share, by weight, of what is left, and at most its `most`. What a stage does not use goes to those that
 * follow.
 */
export function secondsFor(stages, left) {
  const [{ weight, most = Number.POSITIVE_INFINITY }] = stages
  const all = stages.reduce((sum, stage) => sum + stage.weight, 0)
  return Math.max(0, Math.min(most, (left * weight) / all))
}

export class Runner {
  /** What stages tell each other, the device for one. */
  facts = {}
  records = []
  state = 'running'
  #options
  #deadline
  #current
  #interrupted

  /**
   * `stages`: { name, title, weight, most, skip(facts, options) → sentence | undefined, run(context) }. `budget` in seconds. `write(report)` gives
   * { 'report.md': text, … }, the files of the report in the folder `out`. `options` and `hidden` are given to the stages; the report has the first.
   */
  constructor({ stages, out, budget, write, options = {}, hidden = {}, print = console.log }) {
    this.#options = { stages, out, write, options, hidden, print }
    this.budget = budget
    this.started = new Date()
    this.#deadline = Date.now() + budget * 1000
    makeFolder('--out', out)
  }

  async run() {
    const { stages } = this.#options
    this.records = stages.map(({ name, title }) => ({ name, title, status: 'to come', results: [] }))
    this.#writeReport()
    for (const [i, stage] of stages.entries()) {
      if (this.#interrupted) break
      await this.#runStage(stage, this.records[i], secondsFor(stages.slice(i), (this.#deadline - Date.now()) / 1000))
      this.#writeReport()
    }
    this.#finish()
  }

  /** Ends what runs, and writes the report at once. Whoever called `run` may end the process. */
  interrupt(why) {
    if (this.#interrupted) return
    this.#interrupted = why
    this.#current?.end(why)
    this.#finish()
  }

  #finish() {
    for (const record of this.records) {
      if (record.status !== 'to come' && record.status !== 'running') continue
      record.status = record.status === 'running' ? 'interrupted' : 'not reached'
      record.why = this.#interrupted
    }
    this.state = this.#interrupted ? 'interrupted' : 'done'
    this.#writeReport()
  }

  #writeReport() {
    const { out, write, options } = this.#options
    const { budget, started, state, facts, records } = this
    const seconds = (Date.now() - started.getTime()) / 1000
    const report = { started: started.toISOString(), seconds, budget, state, options, facts, stages: records }
    for (const [name, text] of Object.entries(write(report))) replaceFile(path.join(out, name), text)
  }

  async #runStage(stage, record, limit) {
    const why = stage.skip?.(this.facts, this.#options.options)
    if (why || limit < 1) {
      Object.assign(record, { status: 'skipped', why: why ?? 'the budget was spent', seconds: 0 })
      return
    }
    const { out, options, hidden, print } = this.#options
    const processes = new Processes()
    const started = Date.now()
    const ended = withResolvers()
    const lines = path.join(out, `${this.records.indexOf(record) + 1}-${stage.name}.jsonl`)
    let isOver = false
    writeFileSync(lines, '')
    this.#current = { end: (why) => ended.resolve(['interrupted', why]) }
    record.status = 'running'
    print(`${stage.title} (${Math.round(limit)} s at most)`)

    const context = {
      ...options,
      ...hidden,
      out,
      facts: this.facts,
      processes,
      secondsLeft: () => limit - (Date.now() - started) / 1000,
      /** Keeps a result, at once. */
      record: (result) => {
        if (isOver) return
        appendFileSync(lines, `${JSON.stringify(result)}\n`)
        record.results.push(result)
      },
    }
    const run = Promise.resolve()
      .then(() => stage.run(context))
      .then(
        () => ['done'],
        (error) => ['failed', error?.message ?? String(error)],
      )
    const timer = new AbortController()
    const late = sleep(limit * 1000, undefined, { signal: timer.signal }).then(
      () => ['out of time', `it was ended after its ${Math.round(limit)} s; what it had found by then is below`],
      () => new Promise(() => {}),
    )
    const [status, reason] = await Promise.race([run, late, ended.promise])
    isOver = true
    timer.abort()
    processes.endAll()
    this.#current = undefined
    Object.assign(record, { status, why: reason, seconds: (Date.now() - started) / 1000 })
    print(`  ${status}${reason ? `: ${reason}` : ''} (${record.seconds.toFixed(1)} s)`)
  }
}

/** Node 20 has no Promise.withResolvers. */
function withResolvers() {
  let resolve
  const promise = new Promise((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
