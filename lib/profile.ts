// Profile: what each step of a compiled function took, beside what the machine can do.
import { rand, zeros } from './creation.js'
import { synchronize } from './devices.js'
import * as F from './functional/index.js'
import { noGrad } from './tensor.js'
import { tidy } from './tidy.js'

/** One kernel of a run. */
export interface ProfiledStep {
  /** The op, or `reorder` for a change of layout. */
  readonly name: string
  /** The op with shapes and fields. */
  readonly detail: string
  /** That the device took. */
  readonly seconds: number
  /** Of convolutions and matrix products; 0 for other ops. */
  readonly multiplyAdds: number
  /** That must at least be read and written. */
  readonly bytes: number
}

/** The most that was measured on this machine: multiply-adds a second in a large matrix product, bytes a second in a large sum. */
export interface MeasuredPeak {
  readonly multiplyAdds: number
  readonly bytes: number
}

let peak: Promise<MeasuredPeak> | undefined

/** Measured once a process, in about a tenth of a second. */
export function measuredPeak(): Promise<MeasuredPeak> {
  peak ??= measurePeak()
  return peak
}

async function best(times: number, run: () => void): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < times; i++) {
    const start = performance.now()
    tidy(() => noGrad(run))
    await synchronize()
    least = Math.min(least, (performance.now() - start) / 1000)
  }
  return least
}

async function measurePeak(): Promise<MeasuredPeak> {
  const size = 768
  const length = 1 << 23
  using a = rand([size, size])
  using x = zeros([length])
  const product = await best(5, () => F.linear(a, a))
  const sum = await best(5, () => F.add(x, x))
  return { multiplyAdds: size ** 3 / product, bytes: (3 * 4 * length) / sum }
}

const figure = (value: number, digits = 1): string => value.toFixed(digits)

/**
 * Times, multiply-adds and bytes of every step of a compiled function; prints as a table by op. `compiled.profile(…)` makes one.
 * @example console.log(profile.toString())
 */
export class Profile {
  /** The kernels of the run, in their order. */
  readonly steps: readonly ProfiledStep[]
  /** What this machine reached in a product and in a sum. */
  readonly peak: MeasuredPeak

  /** @internal */
  constructor(steps: readonly ProfiledStep[], peak: MeasuredPeak) {
    this.steps = steps
    this.peak = peak
  }

  /** Of all steps together. */
  get seconds(): number {
    return this.steps.reduce((sum, step) => sum + step.seconds, 0)
  }
  /** Of all steps together. */
  get multiplyAdds(): number {
    return this.steps.reduce((sum, step) => sum + step.multiplyAdds, 0)
  }

  /**
   * The steps of each op together, the slowest first.
   * @example const [slowest] = profile.byOp()
   */
  byOp(): { name: string; count: number; seconds: number; multiplyAdds: number; bytes: number }[] {
    const groups = new Map<
      string,
      { name: string; count: number; seconds: number; multiplyAdds: number; bytes: number }
    >()
    for (const { name, seconds, multiplyAdds, bytes } of this.steps) {
      const group = groups.get(name) ?? { name, count: 0, seconds: 0, multiplyAdds: 0, bytes: 0 }
      group.count++
      group.seconds += seconds
      group.multiplyAdds += multiplyAdds
      group.bytes += bytes
      groups.set(name, group)
    }
    return [...groups.values()].sort((a, b) => b.seconds - a.seconds)
  }

  /**
   * A table: time, share of it, and the shares of the machine's measured peaks that were reached.
   * @example console.log(profile.toString())
   */
  toString(): string {
    const { seconds: total, peak } = this
    const rows = this.byOp().map(({ name, count, seconds, multiplyAdds, bytes }) => [
      name,
      String(count),
      figure(1000 * seconds, 3),
      `${figure((100 * seconds) / total)} %`,
      multiplyAdds > 0 ? figure((2 * multiplyAdds) / seconds / 1e9) : '',
      multiplyAdds > 0 ? `${figure((100 * multiplyAdds) / seconds / peak.multiplyAdds)} %` : '',
      figure(bytes / seconds / 1e9),
      `${figure((100 * bytes) / seconds / peak.bytes)} %`,
    ])
    const head = ['op', 'count', 'ms', 'of all', 'GFLOP/s', 'of peak', 'GB/s', 'of peak']
    const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]!.length)))
    const line = (cells: readonly string[]): string =>
      cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ')
    const sum = `${this.steps.length} steps, ${figure(1000 * total, 3)} ms, ${figure((2 * this.multiplyAdds) / total / 1e9)} GFLOP/s`
    return [line(head), ...rows.map(line), sum].join('\n')
  }

  /**
   * The run in the format of Chrome's trace viewer (chrome://tracing, https://ui.perfetto.dev): write it to a .json file.
   * @example const json = profile.toChromeTrace()
   */
  toChromeTrace(): string {
    let at = 0
    const traceEvents = this.steps.map(({ name, detail, seconds, multiplyAdds, bytes }) => {
      const event = {
        name,
        ph: 'X',
        ts: at * 1e6,
        dur: seconds * 1e6,
        pid: 1,
        tid: 1,
        args: { detail, multiplyAdds, bytes },
      }
      at += seconds
      return event
    })
    return JSON.stringify({ traceEvents, displayTimeUnit: 'ms' })
  }
}
