// What careless or hostile programs do, as data: each case must end in a typed error that names the op and the shapes.
import { others } from './bad/handles.js'
import { layers } from './bad/layers.js'
import { tensors } from './bad/tensors.js'
import type { BadCase } from './support/bad-input.js'

export const badCases: BadCase[] = [...layers, ...tensors, ...others]
