// The values of a tensor as text, as PyTorch prints them: four digits, columns of one width, long axes cut to their ends.

/** How many elements a printed tensor may have before its long axes are cut, and how many each end then keeps. */
export const longest = 1000
export const endItems = 3
const lineWidth = 80
const digits = 4

type Kind = 'float' | 'integer' | 'bool'
/** The text of one element. */
type Format = (value: number) => string

function scientific(value: number): string {
  return value.toExponential(digits).replace(/e([+-])(\d)$/, 'e$10$2')
}

function special(value: number): string {
  return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
}

/** Floats are whole numbers with a point, decimals, or powers of ten, all of them alike, by the finite ones that are not 0. */
function floatFormat(values: readonly number[]): { format: Format; samples: readonly number[] } {
  const samples = values.filter((value) => Number.isFinite(value) && value !== 0)
  const sizes = samples.map(Math.abs)
  const [largest, smallest] = [Math.max(...sizes), Math.min(...sizes)]
  const areWhole = samples.every(Number.isInteger)
  const isWide = largest / smallest > 1000 || largest > 1e8 || (!areWhole && smallest < 1e-4)
  const finite: Format =
    samples.length > 0 && isWide
      ? scientific
      : areWhole
        ? (value) => `${Object.is(value, -0) ? '-0' : value.toFixed(0)}.`
        : (value) => (Object.is(value, -0) ? '-' : '') + value.toFixed(digits)
  return { format: (value) => (Number.isFinite(value) ? finite(value) : special(value)), samples }
}

/** The text of an element, and the width of a column. */
function columnsOf(values: readonly number[], kind: Kind): { format: Format; width: number } {
  const { format, samples } =
    kind === 'float'
      ? floatFormat(values)
      : { format: kind === 'bool' ? (value: number) => String(value !== 0) : String, samples: values }
  const width = samples.reduce((most, value) => Math.max(most, format(value).length), 1)
  return { format: (value) => format(value).padStart(width), width }
}

/**
 * The values, row by row, in brackets; lines after the first are indented by `indent`. `shape`: of `values`; the axes in `cut` have only their ends.
 */
export function valuesText(
  values: readonly number[],
  shape: readonly number[],
  cut: readonly boolean[],
  kind: Kind,
  indent: number,
): string {
  if (values.length === 0) return '[]'
  const { format, width } = columnsOf(values, kind)
  const perLine = (depth: number) => Math.max(1, Math.floor((lineWidth - indent - depth) / (width + 2)))
  const row = (texts: string[], depth: number): string => {
    const lines: string[] = []
    for (let i = 0; i < texts.length; i += perLine(depth)) lines.push(texts.slice(i, i + perLine(depth)).join(', '))
    return lines.join(`,\n${' '.repeat(indent + depth + 1)}`)
  }
  const walk = (axis: number, start: number, size: number): string => {
    if (axis === shape.length) return format(values[start]!)
    const length = shape[axis]!
    const step = length === 0 ? 0 : size / length
    const parts = Array.from({ length }, (_, i) => walk(axis + 1, start + i * step, step))
    const isRow = axis === shape.length - 1
    if (cut[axis]) parts.splice(endItems, 0, isRow ? ' ...' : '...')
    const between = `,${'\n'.repeat(shape.length - axis - 1)}${' '.repeat(indent + axis + 1)}`
    return `[${isRow ? row(parts, axis) : parts.join(between)}]`
  }
  return walk(0, 0, values.length)
}
