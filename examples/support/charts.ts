// Charts as SVG text for reports, drawn by Observable Plot without a browser.
import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'

const { document } = parseHTML('<!doctype html><html><body></body></html>')
/** Told apart also by those who see colours otherwise (Okabe & Ito). */
export const palette = ['#0072b2', '#d55e00', '#009e73', '#cc79a7'] as const
const style = { fontSize: '12px', fontFamily: 'inherit', background: 'none' } as unknown as string

export interface Series {
  readonly name: string
  /** [x, y] */
  readonly points: readonly (readonly [number, number])[]
  /** Marks each point; for few points. Default false. */
  readonly dots?: boolean
}

export interface LineChartOptions {
  readonly x: string
  readonly y: string
  readonly width?: number
  readonly height?: number
  /** The ends of the x axis, whole numbers. */
  readonly xDomain: readonly [number, number]
  readonly percent?: boolean
}

interface Point {
  x: number
  y: number
  name: string
}

/** Lines over a common x axis, each named at its colour above the chart. */
export function lineChart(series: readonly Series[], options: LineChartOptions): string {
  const { x, y, width = 560, height = 300, xDomain, percent = false } = options
  const [first, last] = xDomain
  const names = series.map(({ name }) => name)
  const pointsOf = ({ name, points }: Series): Point[] => points.map(([x, y]) => ({ x, y, name }))
  const chart = Plot.plot({
    document,
    width,
    height,
    marginLeft: 48,
    marginBottom: 40,
    style,
    x: { label: x, domain: [first, last], ticks: Math.min(last - first, 10), tickFormat: 'd' },
    y: { label: y, grid: true, ticks: 6, percent, nice: true },
    color: { domain: names, range: [...palette] },
    marks: series.flatMap((one) => {
      const points = pointsOf(one)
      const line = Plot.lineY(points, { x: 'x', y: 'y', stroke: 'name', strokeWidth: one.dots ? 2 : 1.4 })
      return one.dots ? [line, Plot.dot(points, { x: 'x', y: 'y', fill: 'name', r: 3.5 })] : [line]
    }),
  })
  const keys = names.map((name, i) => `<span class="key" style="--color:${palette[i]}">${escapeHtml(name)}</span>`)
  return `<div class="keys">${keys.join('')}</div>${chart.outerHTML}`
}

/** Counts of [actual][predicted]; the colour is the share of the actual class. */
export function confusionMatrix(counts: readonly (readonly number[])[], names: readonly string[], width = 760): string {
  const cells = counts.flatMap((row, actual) => {
    const total = row.reduce((sum, count) => sum + count, 0)
    return row.map((count, predicted) => ({
      actual: names[actual]!,
      predicted: names[predicted]!,
      count,
      share: total === 0 ? 0 : count / total,
      isRight: actual === predicted,
    }))
  })
  return Plot.plot({
    document,
    width,
    height: Math.round(width * 0.78),
    marginLeft: 96,
    marginTop: 64,
    marginBottom: 8,
    marginRight: 8,
    style,
    padding: 0.04,
    x: { axis: 'top', label: 'predicted', domain: [...names], tickRotate: -28, tickSize: 0 },
    y: { label: 'actual', domain: [...names], tickSize: 0 },
    // Square root: the mistakes, a few in a hundred, must be seen beside the diagonal.
    color: { type: 'sqrt', domain: [0, 1], range: ['#f4f7fb', '#08519c'] },
    marks: [
      Plot.cell(cells, { x: 'predicted', y: 'actual', fill: 'share', rx: 3 }),
      Plot.text(cells, {
        x: 'predicted',
        y: 'actual',
        text: (cell: { count: number }) => (cell.count === 0 ? '' : String(cell.count)),
        fill: (cell: { share: number }) => (cell.share > 0.3 ? 'white' : '#33404d'),
        fontWeight: 600,
      }),
    ],
  }).outerHTML
}

/** One horizontal bar a name, with its value in per cent at the end. */
export function shareBars(shares: readonly (readonly [string, number])[], label: string, width = 360): string {
  const bars = shares.map(([name, share]) => ({ name, share }))
  return Plot.plot({
    document,
    width,
    height: 52 + bars.length * 30,
    marginLeft: 96,
    marginBottom: 40,
    marginRight: 52,
    style,
    x: { label, domain: [0, 100], percent: true, ticks: 5, grid: true },
    y: { label: null, domain: bars.map(({ name }) => name), tickSize: 0 },
    marks: [
      Plot.barX(bars, { x: 'share', y: 'name', fill: palette[0], insetTop: 4, insetBottom: 4, rx: 2 }),
      Plot.text(bars, {
        x: 'share',
        y: 'name',
        text: ({ share }: { share: number }) => `${(100 * share).toFixed(1)} %`,
        textAnchor: 'start',
        dx: 5,
      }),
    ],
  }).outerHTML
}

export interface DescentChartOptions {
  readonly x: string
  readonly y: string
  readonly xDomain: readonly [number, number]
  readonly yDomain: readonly [number, number]
  readonly width?: number
}

/** Lines of equal loss over two weights, denser towards the least, and the way that was taken from weights to weights. */
export function descentChart(
  loss: (x: number, y: number) => number,
  way: readonly (readonly number[])[],
  { x, y, xDomain, yDomain, width = 420 }: DescentChartOptions,
): string {
  const points = way.map(([x, y], i) => ({ x, y, isEnd: i === way.length - 1 }))
  const [x1, x2] = xDomain
  const [y1, y2] = yDomain
  return Plot.plot({
    document,
    width,
    height: Math.round((width * (y2 - y1)) / (x2 - x1)),
    marginLeft: 48,
    marginBottom: 40,
    style,
    x: { label: x, domain: [x1, x2], ticks: 5 },
    y: { label: y, domain: [y1, y2], ticks: 5 },
    marks: [
      // The square root spreads a bowl's lines evenly.
      Plot.contour({
        fill: null,
        stroke: '#9fb3c6',
        x1,
        x2,
        y1,
        y2,
        interval: 1,
        value: (a: number, b: number) => Math.sqrt(loss(a, b)),
      } as Plot.ContourOptions),
      Plot.line(points, { x: 'x', y: 'y', stroke: palette[1], strokeWidth: 1.6 }),
      Plot.dot(points, { x: 'x', y: 'y', fill: (point) => (point.isEnd ? palette[0] : palette[1]), r: 3.5 }),
    ],
  }).outerHTML
}

/** A named point of a scatter chart. */
export interface NamedPoint {
  readonly name: string
  readonly x: number
  readonly y: number
}

export interface ScatterChartOptions {
  readonly x: string
  readonly y: string
  readonly width?: number
  readonly height?: number
  readonly percent?: boolean
}

/** Points with their names beside them, over a logarithmic x axis. */
export function scatterChart(named: readonly NamedPoint[], options: ScatterChartOptions): string {
  const { x, y, width = 760, height = 420, percent = false } = options
  const points = named.map(({ name, x, y }) => ({ name, x, y: percent ? 100 * y : y }))
  const ends = (values: readonly number[]) => [Math.min(...values), Math.max(...values)] as const
  const [[left, right], [low, high]] = [ends(points.map(({ x }) => x)), ends(points.map(({ y }) => y))]
  const room = 0.12 * (high - low || 1)
  const xScale = { type: 'log', domain: [left / 1.3, right * 1.3], range: [48, width - 16] } as const
  const yScale = { domain: [low - room, high + room], range: [height - 40, 12] } as const
  const [toX, toY] = [Plot.scale({ x: xScale }), Plot.scale({ y: yScale })]
  const places = points.map((point) => [toX.apply(point.x), toY.apply(point.y)] as const)
  const texts = labelPlaces(
    places,
    points.map(({ name }) => 6.6 * name.length),
    width,
  )
  const ticks = [0.1, 1, 10, 100, 1000].flatMap((power) => [1, 2, 5].map((digit) => Number((digit * power).toFixed(1))))
  return Plot.plot({
    document,
    width,
    height,
    marginLeft: 48,
    marginBottom: 40,
    style,
    x: {
      label: x,
      ...xScale,
      grid: true,
      ticks: ticks.filter((tick) => tick >= xScale.domain[0] && tick <= xScale.domain[1]),
      tickFormat: (value: number) => String(value),
    },
    y: { label: percent ? `${y} (%)` : y, ...yScale, grid: true, ticks: 6 },
    marks: [
      Plot.dot(points, { x: 'x', y: 'y', fill: palette[0], r: 4 }),
      ...points.map((point, i) => Plot.text([point], { x: 'x', y: 'y', text: 'name', ...texts[i]! })),
    ],
  }).outerHTML
}

interface LabelPlace {
  readonly textAnchor: 'start' | 'middle' | 'end'
  readonly dx: number
  readonly dy: number
}

const labelSides: readonly LabelPlace[] = [
  { textAnchor: 'start', dx: 8, dy: 0 },
  { textAnchor: 'end', dx: -8, dy: 0 },
  { textAnchor: 'middle', dx: 0, dy: -12 },
  { textAnchor: 'middle', dx: 0, dy: 12 },
]

/** For each name the side of its point where it covers least of the points, the names before it and what is outside the frame. */
function labelPlaces(
  points: readonly (readonly [number, number])[],
  widths: readonly number[],
  frame: number,
): LabelPlace[] {
  type Box = readonly [left: number, top: number, right: number, bottom: number]
  const taken: Box[] = points.map(([x, y]) => [x - 4, y - 4, x + 4, y + 4])
  const shared = (a: Box, b: Box) =>
    Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]))
  return points.map(([x, y], i) => {
    const width = widths[i]!
    const sides = labelSides.map((side) => {
      const left = x + side.dx - width * { start: 0, middle: 0.5, end: 1 }[side.textAnchor]
      const box: Box = [left, y + side.dy - 7, left + width, y + side.dy + 7]
      const outside = Math.max(0, 48 - left) + Math.max(0, left + width - frame)
      return { side, box, covered: taken.reduce((sum, other) => sum + shared(box, other), 14 * outside) }
    })
    const best = sides.reduce((a, b) => (b.covered < a.covered ? b : a))
    taken.push(best.box)
    return best.side
  })
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
