// Matrices of numbers as SVG, and expressions of several of them.
import type { Matrix } from './arrays.js'
import { escapeHtml } from './charts.js'

export interface GridOptions {
  /** Below the grid. */
  readonly caption?: string
  /** The colour of a cell. Default: blue below zero, white at it, orange above, by the largest magnitude. */
  readonly fill?: (row: number, column: number) => string | undefined
  /** What stands in a cell. Default: the number, with two decimals unless all are whole. */
  readonly text?: (row: number, column: number) => string
  /** Height of a cell in pixels; wide texts make it wider. Default 34. */
  readonly cell?: number
}

/** A matrix as coloured cells with their numbers. */
export function numberGrid(values: Matrix, options: GridOptions = {}): string {
  const { caption, cell = 34 } = options
  const largest = Math.max(...values.flat().map(Math.abs), 1e-12)
  const decimals = values.flat().every(Number.isInteger) ? 0 : 2
  const text = options.text ?? ((row, column) => numberText(values[row]![column]!, decimals))
  const [height, width] = [values.length, values[0]?.length ?? 0]
  const texts = values.map((row, i) => row.map((_, j) => text(i, j)))
  const longest = Math.max(...texts.flat().map(({ length }) => length))
  const fontSize = Math.round(cell * 0.4)
  const cellWidth = longest === 0 ? cell : Math.max(cell, Math.round(longest * fontSize * 0.62 + 10))
  const cells = values.flatMap((row, i) =>
    row.map((value, j) => {
      const [x, y] = [j * cellWidth + 1, i * cell + 1]
      const fill = options.fill?.(i, j) ?? tint(value / largest)
      const label = texts[i]![j]!
      const words = label === '' ? '' : `<text x="${x + cellWidth / 2}" y="${y + cell / 2}">${escapeHtml(label)}</text>`
      return `<rect x="${x}" y="${y}" width="${cellWidth}" height="${cell}" fill="${fill}"/>${words}`
    }),
  )
  const [w, h] = [width * cellWidth + 2, height * cell + 2]
  const svg = `<svg class="grid" viewBox="0 0 ${w} ${h}" width="${w}" height="${h}" font-size="${fontSize}">${cells.join('')}</svg>`
  return `<figure>${svg}${caption === undefined ? '' : `<figcaption>${escapeHtml(caption)}</figcaption>`}</figure>`
}

/** Grids with signs between them, side by side. @example expression(numberGrid(x), '⋆', numberGrid(k)) */
export function expression(...parts: readonly string[]): string {
  const html = parts.map((part) => (part.startsWith('<') ? part : `<span>${escapeHtml(part)}</span>`))
  return `<div class="expression">${html.join('')}</div>`
}

/** −1 … 1 to blue … white … orange, light enough for black text. */
export function tint(value: number): string {
  const end = value < 0 ? [120, 178, 214] : [240, 160, 92]
  const share = Math.min(1, Math.abs(value))
  return `rgb(${end.map((channel) => Math.round(255 + (channel - 255) * share)).join(',')})`
}

/** With a true minus sign, and none before 0. */
export function numberText(value: number, decimals = Number.isInteger(value) ? 0 : 2): string {
  const text = value.toFixed(decimals)
  return /^-0(\.0+)?$/.test(text) ? text.slice(1) : text.replace('-', '−')
}
