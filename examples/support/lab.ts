// Lab: what an experiment prints, checks and draws; on the console at once, and kept for the page.
import type { DeviceName } from '../../lib/index.js'
import { escapeHtml } from './charts.js'

/** What an experiment said, in order. */
export type Item =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'table'; readonly headers: readonly string[]; readonly rows: readonly (readonly string[])[] }
  | { readonly kind: 'section'; readonly title: string; readonly html: string; readonly text?: string }
  | { readonly kind: 'check'; readonly claim: string; readonly isTrue: boolean; readonly measured?: string }

/** Numbers, alone or in arrays of any depth. */
export type Numbers = number | ArrayLike<number> | readonly Numbers[]

export interface LabOptions {
  readonly isShort: boolean
  readonly device: DeviceName
  readonly dataFolder?: string | undefined
  /** Where the experiment's own options are found by name. */
  readonly options?: Readonly<Record<string, unknown>>
}

/** What an experiment works with. */
export class Lab {
  /** Whether seconds must do: same code, fewer steps, generated pictures where real ones would have to be fetched. */
  readonly isShort: boolean
  /** The device that tensors are made on. */
  readonly device: DeviceName
  /** The folder that holds `cifar-10-batches-bin/` and `cats-vs-dogs/`; without it loaders use their caches. */
  readonly dataFolder: string | undefined
  readonly items: Item[] = []
  readonly figures: [value: string, what: string][] = []
  readonly #options: Readonly<Record<string, unknown>>

  constructor({ isShort, device, dataFolder, options = {} }: LabOptions) {
    this.isShort = isShort
    this.device = device
    this.dataFolder = dataFolder
    this.#options = options
  }

  /** The value of an option that the experiment declared, such as `picture` for `--picture <file>`. */
  option(name: string): string | undefined {
    const value = this.#options[name]
    return typeof value === 'string' ? value : undefined
  }

  /** Says something. */
  print(text = ''): void {
    console.log(text)
    this.items.push({ kind: 'text', text })
  }

  /** Shows rows below their headers; numbers are aligned at the right. */
  table(headers: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
    const cells = rows.map((row) => row.map(String))
    console.log(alignedTable(headers, cells))
    this.items.push({ kind: 'table', headers, rows: cells })
  }

  /** A chart or pictures, for the page only: HTML of this module's neighbours below a heading. */
  section(title: string, html: string, text?: string): void {
    this.items.push({ kind: 'section', title, html, ...(text === undefined ? {} : { text }) })
  }

  /** One of the few numbers that matter. */
  figure(value: string | number, what: string): void {
    this.figures.push([String(value), what])
  }

  /** States a claim that was measured; an untrue one makes the experiment fail. */
  check(claim: string, isTrue: boolean, measured?: string): void {
    console.log(`${isTrue ? '✓' : '✗'} ${claim}${measured === undefined ? '' : ` (${measured})`}`)
    this.items.push({ kind: 'check', claim, isTrue, ...(measured === undefined ? {} : { measured }) })
  }

  /** States that numbers agree: the largest absolute difference is at most `tolerance`; sizes must agree, NaN never does. */
  close(claim: string, actual: Numbers, expected: Numbers, tolerance: number): void {
    const [a, b] = [flatten(actual), flatten(expected)]
    if (a.length !== b.length) {
      this.check(claim, false, `${a.length} numbers, expected ${b.length}`)
      return
    }
    let largest = 0
    for (const [i, value] of a.entries()) {
      const difference = Math.abs(value - b[i]!)
      if (!(difference <= largest)) largest = difference
      if (Number.isNaN(difference)) break
    }
    const isClose = a.length > 0 && largest <= tolerance
    this.check(claim, isClose, `${a.length} numbers, largest difference ${largest.toPrecision(2)}`)
  }

  /** A generator of even numbers in [0, 1), the same for the same seed (Mulberry32). */
  random(seed: number): () => number {
    let state = seed >>> 0
    return () => {
      state = (state + 0x6d2b79f5) >>> 0
      let x = Math.imul(state ^ (state >>> 15), state | 1)
      x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
      return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
    }
  }

  get checks(): Extract<Item, { kind: 'check' }>[] {
    return this.items.filter((item) => item.kind === 'check')
  }
}

function flatten(numbers: Numbers): number[] {
  if (typeof numbers === 'number') return [numbers]
  return Array.from(numbers as ArrayLike<Numbers>).flatMap(flatten)
}

const isNumber = (text: string) => /^[-+]?[\d.,]+(e[-+]?\d+)?( ?(%|ms|s|M|k|×))?$/.test(text)

function alignedTable(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headers, ...rows]
  const columns = headers.map((_, column) => ({
    width: Math.max(...lines.map((line) => (line[column] ?? '').length)),
    isRight: isNumericColumn(rows, column),
  }))
  const text = lines.map((line) =>
    columns
      .map(({ width, isRight }, column) => {
        const cell = line[column] ?? ''
        return isRight ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('  ')
      .trimEnd(),
  )
  text.splice(1, 0, columns.map(({ width }) => '─'.repeat(width)).join('──'))
  return text.join('\n')
}

function isNumericColumn(rows: readonly (readonly string[])[], column: number): boolean {
  return rows.length > 0 && rows.every((row) => isNumber(row[column] ?? ''))
}

/** Items as HTML for a page. */
export function itemsHtml(items: readonly Item[]): string {
  let html = ''
  let printed: string[] = []
  const flush = () => {
    const text = printed.join('\n').replace(/^\n+|\n+$/g, '')
    if (text !== '') html += `<pre class="printed">${escapeHtml(text)}</pre>`
    printed = []
  }
  for (const item of items) {
    if (item.kind === 'text') {
      printed.push(item.text)
      continue
    }
    flush()
    if (item.kind === 'table') html += tableHtml(item.headers, item.rows)
    if (item.kind === 'section') {
      html += `<h3>${escapeHtml(item.title)}</h3>${item.text ? `<p>${escapeHtml(item.text)}</p>` : ''}${item.html}`
    }
    if (item.kind === 'check') {
      const measured = item.measured === undefined ? '' : ` <span class="measured">${escapeHtml(item.measured)}</span>`
      const [mark, name] = item.isTrue ? ['✓', 'true'] : ['✗', 'untrue']
      html += `<p class="check ${name}"><span class="mark">${mark}</span> ${escapeHtml(item.claim)}${measured}</p>`
    }
  }
  flush()
  return html
}

function tableHtml(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const classes = headers.map((_, column) => (isNumericColumn(rows, column) ? ' class="number"' : ''))
  const head = headers.map((header, column) => `<th scope="col"${classes[column]}>${escapeHtml(header)}</th>`)
  const body = rows.map(
    (row) => `<tr>${row.map((cell, column) => `<td${classes[column] ?? ''}>${escapeHtml(cell)}</td>`).join('')}</tr>`,
  )
  return `<div class="scroll"><table><thead><tr>${head.join('')}</tr></thead><tbody>${body.join('')}</tbody></table></div>`
}
