// Types that tensors and the functions of them share.
import type { Tensor } from '../lib/tensor.js'

/** What binary functions take beside a tensor: another tensor, or a number for all elements. */
export type Operand = Tensor | number

/** One or several dimensions; negative ones count from the end. Left out: all. */
export type Dim = number | readonly number[]

/** One number for every spatial dimension, or one number each. */
export type Size = number | readonly number[]

/** What becomes of the losses of all elements. */
export type ReductionName = 'none' | 'mean' | 'sum'

/** A tensor as nested arrays; a scalar is a plain number. */
export type NestedArray = number | boolean | readonly NestedArray[]

/** Options of reductions over dimensions. */
export interface ReduceOptions {
  /** Keep the reduced dimensions with size 1. Default false. */
  keepdim?: boolean
}
