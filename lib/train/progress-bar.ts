// A progress bar for a fit: a live bar on a terminal, plain lines elsewhere.
import cliProgress from 'cli-progress'
import { type Checks, checkNumber, checkOptions, refuse } from '../check.js'
import type { EpochRecord, FitInfo, Scores, StepInfo, TrainerCallback } from './types.js'

/** Options of {@link progressBar}. */
export interface ProgressBarOptions {
  /** Where it is written. Default: standard error. */
  stream?: NodeJS.WriteStream
  /** Seconds between two lines within an epoch if the stream is not a terminal. Default 10. */
  interval?: number
}

const barChecks: Checks<ProgressBarOptions> = {
  stream: (op, name, value) => {
    const { write } = (value ?? {}) as { write?: unknown }
    if (typeof write !== 'function') refuse(op, name, value, 'a stream')
  },
  interval: checkNumber,
}

/**
 * A callback that shows epoch, loss, metrics, images per second and the time left: as a live bar on a terminal, as lines elsewhere.
 * @throws ValueError if the stream cannot be written to, or the interval is not a number.
 * @example const watched = new Trainer(net, { optimizer, loss: functional.crossEntropy, callbacks: [train.progressBar()] })
 */
export function progressBar(options: ProgressBarOptions = {}): TrainerCallback {
  const { stream = process.stderr, interval = 10 } = checkOptions('progressBar', options, barChecks)
  return stream.isTTY ? new LiveBar(stream) : new PlainLines(stream, interval)
}

class LiveBar implements TrainerCallback {
  readonly #stream: NodeJS.WriteStream
  #bar: cliProgress.SingleBar | undefined
  #fit: FitInfo | undefined

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
  }

  onFitStart(info: FitInfo): void {
    this.#fit = info
  }

  onStep(info: StepInfo): void {
    this.#bar ??= this.#open(info)
    this.#bar.update(info.batch, { text: stepText(info), left: duration(secondsLeft(info, this.#fit?.examples)) })
  }

  onEpoch(record: EpochRecord): void {
    this.#close()
    this.#stream.write(`${epochText(record, this.#fit?.epochs)}\n`)
  }

  onFitEnd(): void {
    this.#close()
  }

  #open({ epoch, epochs, batches }: StepInfo): cliProgress.SingleBar {
    const bar = new cliProgress.SingleBar({
      format: (options, { progress }, { text, left }) =>
        `epoch ${epoch + 1}/${epochs} ${cliProgress.Format.BarFormat(progress, options)} ${text} · ${left} left`,
      barCompleteChar: '━',
      barIncompleteChar: '─',
      barsize: 24,
      stream: this.#stream,
      hideCursor: true,
      clearOnComplete: true,
      fps: 5,
    })
    bar.start(batches ?? 0, 0, { text: '', left: '' })
    return bar
  }

  #close(): void {
    this.#bar?.stop()
    this.#bar = undefined
  }
}

class PlainLines implements TrainerCallback {
  readonly #stream: NodeJS.WriteStream
  readonly #interval: number
  #fit: FitInfo | undefined
  #last = 0

  constructor(stream: NodeJS.WriteStream, interval: number) {
    this.#stream = stream
    this.#interval = interval
  }

  onFitStart(info: FitInfo): void {
    this.#fit = info
    this.#last = performance.now()
  }

  onStep(info: StepInfo): void {
    if (performance.now() - this.#last < this.#interval * 1000) return
    this.#last = performance.now()
    const { epoch, epochs, batch, batches = '?' } = info
    const left = duration(secondsLeft(info, this.#fit?.examples))
    this.#stream.write(`epoch ${epoch + 1}/${epochs} batch ${batch}/${batches} · ${stepText(info)} · ${left} left\n`)
  }

  onEpoch(record: EpochRecord): void {
    this.#last = performance.now()
    this.#stream.write(`${epochText(record, this.#fit?.epochs)}\n`)
  }
}

function stepText(info: StepInfo): string {
  return `${scoresText(info)} · ${Math.round(info.examplesPerSecond)} images/s`
}

function epochText(record: EpochRecord, epochs: number | undefined): string {
  const { epoch, validation, seconds, examplesPerSecond } = record
  const parts = [
    `epoch ${epoch + 1}/${epochs ?? '?'}`,
    scoresText(record),
    ...(validation ? [`validation ${scoresText(validation)}`] : []),
    `${duration(seconds)} (${Math.round(examplesPerSecond)} images/s)`,
  ]
  return parts.join(' · ')
}

function scoresText({ loss, metrics }: Scores): string {
  const percent = (name: string, value: number) =>
    name === 'accuracy' ? `${(100 * value).toFixed(2)} %` : value.toFixed(4)
  const others = Object.entries(metrics).map(([name, value]) => `${name} ${percent(name, value)}`)
  return [`loss ${loss.toFixed(4)}`, ...others].join(' · ')
}

/** Of the whole fit, at the speed of this epoch. */
function secondsLeft(info: StepInfo, examples: number | undefined): number {
  if (examples === undefined) return Number.NaN
  return ((info.epochs - info.epoch) * examples - info.examples) / info.examplesPerSecond
}

function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?'
  const whole = Math.round(seconds)
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  if (hours > 0) return `${hours} h ${minutes} min`
  return minutes > 0 ? `${minutes} min ${rest} s` : `${rest} s`
}
