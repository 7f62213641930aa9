// Draws a race: `node dist/benchmarks/plot.js RESULTS.json benchmarks/race.svg`. RESULTS is a list of workloads, each with the milliseconds a step
// of each contender; ours is `us`.
import { readFileSync, writeFileSync } from 'node:fs'
import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'

interface Row {
  readonly workload: string
  readonly rows: readonly { readonly name: string; readonly ms: number }[]
}

const [source, target] = process.argv.slice(2)
if (!source || !target) throw new Error('usage: node dist/benchmarks/plot.js RESULTS.json PICTURE.svg')
const rows = JSON.parse(readFileSync(source, 'utf8')) as Row[]
const { document } = parseHTML('<!doctype html><html><body></body></html>')

const points = rows.flatMap(({ workload, rows: contenders }) => {
  const ours = contenders.find(({ name }) => name === 'us')?.ms ?? Number.NaN
  const peers = contenders.filter(({ name }) => name !== 'us')
  return peers.map(({ name, ms }) => ({ workload, peer: name, ratio: ms / ours }))
})
const least = rows.map(({ workload }) => {
  const ratios = points.filter((point) => point.workload === workload).map(({ ratio }) => ratio)
  return { workload, ratio: Math.min(...ratios) }
})

const peers = [...new Set(points.map(({ peer }) => peer))].sort()
const colors = ['#0072b2', '#56b4e9', '#d55e00', '#009e73', '#cc79a7']

const chart = Plot.plot({
  document,
  width: 760,
  height: 60 + 26 * rows.length,
  marginLeft: 150,
  marginRight: 40,
  style: { fontSize: '12px', fontFamily: 'sans-serif', background: 'white' } as unknown as string,
  x: {
    type: 'log',
    domain: [0.4, Math.max(8, ...points.map(({ ratio }) => ratio))],
    label: 'our speed over theirs',
    grid: true,
    ticks: [0.5, 1, 2, 4, 8],
    tickFormat: (ratio: number) => String(ratio),
  },
  y: { label: null, domain: rows.map(({ workload }) => workload) },
  color: { legend: false, domain: peers, range: colors },
  symbol: { legend: false, domain: peers },
  marks: [
    Plot.ruleX([1], { strokeWidth: 1.5 }),
    Plot.dot(points, { x: 'ratio', y: 'workload', stroke: 'peer', symbol: 'peer', r: 4 }),
    Plot.text(least, { x: 'ratio', y: 'workload', text: ({ ratio }: { ratio: number }) => ratio.toFixed(2), dx: -22 }),
  ],
})
// The legend as text: a picture by itself has no page to stand beside it.
chart.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
const key = peers
  .map((peer, i) => `<text x="${180 + 130 * i}" y="14" fill="${colors[i]}" font-weight="bold">${peer}</text>`)
  .join('')
writeFileSync(target, `${chart.outerHTML.replace('</svg>', `${key}</svg>`)}\n`)
