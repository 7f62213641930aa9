// Every op of one tensor as its method; `functional` says what each does.
import * as F from './functional/index.js'
import type { Tensor } from './tensor.js'

/** What binary functions take beside a tensor: another tensor, or a number for all elements. */
export type Operand = Tensor | number

export interface ReduceOptions {
  /** Keep reduced dimensions with size 1. Default false. */
  keepdim?: boolean
}

/** One or several dimensions; negative ones count from the end. Left out: all. */
export type Dim = number | readonly number[]

/** The part of Tensor that is made of ops. */
export abstract class TensorOps {
  add(this: Tensor, other: Operand): Tensor {
    return F.add(this, other)
  }
  sub(this: Tensor, other: Operand): Tensor {
    return F.sub(this, other)
  }
  mul(this: Tensor, other: Operand): Tensor {
    return F.mul(this, other)
  }
  div(this: Tensor, other: Operand): Tensor {
    return F.div(this, other)
  }
  pow(this: Tensor, exponent: Operand): Tensor {
    return F.pow(this, exponent)
  }
  maximum(this: Tensor, other: Operand): Tensor {
    return F.maximum(this, other)
  }
  minimum(this: Tensor, other: Operand): Tensor {
    return F.minimum(this, other)
  }
  eq(this: Tensor, other: Operand): Tensor {
    return F.eq(this, other)
  }
  ne(this: Tensor, other: Operand): Tensor {
    return F.ne(this, other)
  }
  lt(this: Tensor, other: Operand): Tensor {
    return F.lt(this, other)
  }
  le(this: Tensor, other: Operand): Tensor {
    return F.le(this, other)
  }
  gt(this: Tensor, other: Operand): Tensor {
    return F.gt(this, other)
  }
  ge(this: Tensor, other: Operand): Tensor {
    return F.ge(this, other)
  }
  logicalAnd(this: Tensor, other: Operand): Tensor {
    return F.logicalAnd(this, other)
  }
  logicalOr(this: Tensor, other: Operand): Tensor {
    return F.logicalOr(this, other)
  }
  logicalNot(this: Tensor): Tensor {
    return F.logicalNot(this)
  }
  isnan(this: Tensor): Tensor {
    return F.isnan(this)
  }

  neg(this: Tensor): Tensor {
    return F.neg(this)
  }
  abs(this: Tensor): Tensor {
    return F.abs(this)
  }
  sign(this: Tensor): Tensor {
    return F.sign(this)
  }
  exp(this: Tensor): Tensor {
    return F.exp(this)
  }
  expm1(this: Tensor): Tensor {
    return F.expm1(this)
  }
  log(this: Tensor): Tensor {
    return F.log(this)
  }
  log1p(this: Tensor): Tensor {
    return F.log1p(this)
  }
  sqrt(this: Tensor): Tensor {
    return F.sqrt(this)
  }
  rsqrt(this: Tensor): Tensor {
    return F.rsqrt(this)
  }
  square(this: Tensor): Tensor {
    return F.square(this)
  }
  reciprocal(this: Tensor): Tensor {
    return F.reciprocal(this)
  }
  sin(this: Tensor): Tensor {
    return F.sin(this)
  }
  cos(this: Tensor): Tensor {
    return F.cos(this)
  }
  erf(this: Tensor): Tensor {
    return F.erf(this)
  }
  floor(this: Tensor): Tensor {
    return F.floor(this)
  }
  ceil(this: Tensor): Tensor {
    return F.ceil(this)
  }
  round(this: Tensor): Tensor {
    return F.round(this)
  }
  clamp(this: Tensor, bounds: { min?: number; max?: number }): Tensor {
    return F.clamp(this, bounds)
  }

  relu(this: Tensor): Tensor {
    return F.relu(this)
  }
  sigmoid(this: Tensor): Tensor {
    return F.sigmoid(this)
  }
  tanh(this: Tensor): Tensor {
    return F.tanh(this)
  }
  softmax(this: Tensor, dim: number): Tensor {
    return F.softmax(this, dim)
  }
  logSoftmax(this: Tensor, dim: number): Tensor {
    return F.logSoftmax(this, dim)
  }

  matmul(this: Tensor, other: Tensor): Tensor {
    return F.matmul(this, other)
  }
  sum(this: Tensor, dim?: Dim, options?: ReduceOptions): Tensor {
    return F.sum(this, dim, options)
  }
  mean(this: Tensor, dim?: Dim, options?: ReduceOptions): Tensor {
    return F.mean(this, dim, options)
  }
  max(this: Tensor, dim?: Dim, options?: ReduceOptions): Tensor {
    return F.max(this, dim, options)
  }
  min(this: Tensor, dim?: Dim, options?: ReduceOptions): Tensor {
    return F.min(this, dim, options)
  }
  prod(this: Tensor, dim?: Dim, options?: ReduceOptions): Tensor {
    return F.prod(this, dim, options)
  }
  argmax(this: Tensor, dim?: number, options?: ReduceOptions): Tensor {
    return F.argmax(this, dim, options)
  }
  argmin(this: Tensor, dim?: number, options?: ReduceOptions): Tensor {
    return F.argmin(this, dim, options)
  }
  var(this: Tensor, dim?: Dim, options?: ReduceOptions & { correction?: number }): Tensor {
    return F.variance(this, dim, options)
  }
  std(this: Tensor, dim?: Dim, options?: ReduceOptions & { correction?: number }): Tensor {
    return F.std(this, dim, options)
  }

  reshape(this: Tensor, shape: readonly number[]): Tensor {
    return F.reshape(this, shape)
  }
  view(this: Tensor, shape: readonly number[]): Tensor {
    return F.view(this, shape)
  }
  flatten(this: Tensor, startDim?: number, endDim?: number): Tensor {
    return F.flatten(this, startDim, endDim)
  }
  squeeze(this: Tensor, dim?: Dim): Tensor {
    return F.squeeze(this, dim)
  }
  unsqueeze(this: Tensor, dim: number): Tensor {
    return F.unsqueeze(this, dim)
  }
  permute(this: Tensor, dims: readonly number[]): Tensor {
    return F.permute(this, dims)
  }
  transpose(this: Tensor, dim0: number, dim1: number): Tensor {
    return F.transpose(this, dim0, dim1)
  }
  expand(this: Tensor, shape: readonly number[]): Tensor {
    return F.expand(this, shape)
  }
  narrow(this: Tensor, dim: number, start: number, length: number): Tensor {
    return F.narrow(this, dim, start, length)
  }
  slice(this: Tensor, dim: number, start?: number, end?: number, step?: number): Tensor {
    return F.slice(this, dim, start, end, step)
  }
  split(this: Tensor, sizeOrSizes: number | readonly number[], dim?: number): Tensor[] {
    return F.split(this, sizeOrSizes, dim)
  }
  chunk(this: Tensor, chunks: number, dim?: number): Tensor[] {
    return F.chunk(this, chunks, dim)
  }
  flip(this: Tensor, dims: Dim): Tensor {
    return F.flip(this, dims)
  }
  gather(this: Tensor, dim: number, index: Tensor): Tensor {
    return F.gather(this, dim, index)
  }
  indexSelect(this: Tensor, dim: number, index: Tensor): Tensor {
    return F.indexSelect(this, dim, index)
  }
}
