// Values, first and second derivatives at kinks, poles, ties and overflow against PyTorch's, element by element, in both types.
import { readFileSync } from 'node:fs'
import test from 'ava'
import { devices } from '../lib/index.js'
import { edges } from './cases/edges.js'
import { decoded, type Encoded, edgeName, runEdge } from './support/edges.js'

type Golden = { [part: string]: Encoded[] }
const file = new URL('../../test/golden/edges.json', import.meta.url)
const golden = (JSON.parse(readFileSync(file, 'utf8')) as { rows: { float32: Golden; float64: Golden }[] }).rows

/** Per element: a part of the value, and what is nothing beside 1. */
const tolerances = { float64: { relative: 1e-8, absolute: 1e-11 }, float32: { relative: 2e-5, absolute: 2e-6 } }

function isClose(a: number, b: number, { relative, absolute }: { relative: number; absolute: number }): boolean {
  if (Number.isNaN(b)) return Number.isNaN(a)
  return a === b || Math.abs(a - b) <= relative * Math.abs(b) + absolute
}

const places = devices().flatMap(({ name: device }) =>
  device.startsWith('cuda')
    ? [{ device, dtype: 'float32' as const }]
    : (['float64', 'float32'] as const).map((dtype) => ({ device, dtype })),
)

test('every row has golden values', (t) => {
  t.is(golden.length, edges.length)
})

for (const [i, row] of edges.entries()) {
  test.serial(`${i}: ${edgeName(row)}`, (t) => {
    const differences = places.flatMap(({ device, dtype }) => {
      const parts = runEdge(row, dtype, device)
      return Object.entries(golden[i]![dtype]).flatMap(([part, expected]) =>
        expected.flatMap((each, at) => {
          const ours = row.ours?.find(
            ([name, place, , type = dtype]) => name === part && place === at && type === dtype,
          )
          const [is, wanted] = [parts[part]![at]!, ours ? ours[2] : decoded(each)]
          return isClose(is, wanted, tolerances[dtype])
            ? []
            : [`${device} ${dtype} ${part}[${at}]: ${is}, ${ours ? 'expected' : 'PyTorch'} ${wanted}`]
        }),
      )
    })
    t.deepEqual(differences, [])
  })
}
