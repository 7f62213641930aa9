// The op suite as data: one row a case, one file a family.
import { type Case, caseOf, type Row } from './cases/case.js'
import { conv } from './cases/conv.js'
import { elementwise } from './cases/elementwise.js'
import { index } from './cases/index-ops.js'
import { linear } from './cases/linear.js'
import { loss } from './cases/loss.js'
import { norm } from './cases/norm.js'
import { pool } from './cases/pool.js'
import { random } from './cases/random.js'
import { reduce } from './cases/reduce.js'
import { resample } from './cases/resample.js'
import { shape } from './cases/shape.js'

const families: { [name: string]: Row[] } = {
  conv,
  pool,
  norm,
  linear,
  elementwise,
  reduce,
  loss,
  shape,
  index,
  resample,
  random,
}

export const cases: Case[] = Object.entries(families).flatMap(([family, rows]) =>
  rows.map((row) => caseOf(family, row)),
)
