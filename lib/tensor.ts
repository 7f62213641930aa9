// Tensor: a handle of a native tensor. `functional/methods.ts` adds the functions of tensors as its methods.
import { inspect } from 'node:util'
import type { DataOf, DeviceName, DType, TensorData } from '../types/dtype.js'
import type { Handle } from '../types/native.js'
import type { NestedArray } from '../types/tensor.js'
import { type Checks, checkBoolean, checkFunction, checkOptions, checkString, refuse, textOf } from './check.js'
import { DeviceError, DisposedError, GradientError, ValueError } from './errors.js'
import { markClass, scoped } from './marks.js'
import { native } from './native.js'
import { disposedHow, enterScope, leaveScopes, onEscape } from './tidy.js'
import { tracing } from './tracing.js'
import { endItems, longest, valuesText } from './values-text.js'

// Frees tensors that were collected as garbage before they were disposed of.
const collected = new FinalizationRegistry<Handle>((handle) => {
  try {
    native.dispose(handle)
  } catch {
    // Not a valid handle: its first use has thrown, and an error thrown here could not be caught.
  }
})

/** Field that makes structuredClone and postMessage throw: they refuse symbols and quote this one in the error. */
const belongsToThread = Symbol('a tensor belongs to its thread: send the values that `await tensor.data()` gives')

/** Calls the constructor, which is not public. */
let construct: <D extends DType>(handle: Handle) => Tensor<D>

/**
 * A multidimensional array on a device. Ops are queued and return at once; `await t.data()` waits for the values.
 * Its memory is freed by `dispose()`, by `using`, at the end of the `tidy()` that made it, or (late) by the garbage collector.
 *
 * @example const y = tensor([[1, 2], [3, 4]]).relu().sum()
 */
export class Tensor<D extends DType = DType> {
  #handle: Handle
  /** How the tensor was disposed of, for the error of a later use. */
  #disposed: string | undefined
  #shape: readonly number[] | undefined
  #dtype: DType | undefined
  #device: DeviceName | undefined
  /** @internal */
  readonly [scoped] = true
  /** @internal */
  protected readonly thread: symbol = belongsToThread

  /**
   * Never there. It makes `Tensor<'int32'>` and `Tensor<'float32'>` two types, both of which fit `Tensor`, as that fits them: what is not
   * known of a tensor is no error.
   */
  protected elementsAre?(dtype: D): void

  /** `tensor()`, `zeros()` and their like make tensors. */
  protected constructor(handle: number) {
    this.#handle = checkedHandle('Tensor', handle)
    tracing()?.make(this)
    if (!enterScope(this)) collected.register(this, handle, this)
  }

  static {
    construct = (handle) => new Tensor(handle)
  }

  /**
   * The number by which native code knows the tensor.
   * @throws DisposedError after `dispose()`.
   * @internal
   */
  get handle(): Handle {
    if (this.#disposed !== undefined) {
      const text = native.disposedText(this.#handle)
      throw new DisposedError(`this tensor${text && `, ${text},`} was disposed: it was freed ${this.#disposed}`)
    }
    tracing()?.use(this, this.#handle)
    return this.#handle
  }
  /**
   * Whether that is its handle still.
   * @internal
   */
  has(handle: Handle): boolean {
    return this.#disposed === undefined && this.#handle === handle
  }

  /** Whether its memory was freed: using it throws DisposedError then. */
  get isDisposed(): boolean {
    return this.#disposed !== undefined
  }

  /** Sizes, in PyTorch's order: N, C, then spatial dimensions. */
  get shape(): readonly number[] {
    this.#shape ??= Object.freeze(native.shape(this.handle))
    return this.#shape
  }
  /** Type of the elements. */
  get dtype(): DType {
    this.#dtype ??= native.dtype(this.handle)
    return this.#dtype
  }
  /** The device that holds the elements, such as `cpu` or `cuda:0`. */
  get device(): DeviceName {
    this.#device ??= native.device(this.handle) as DeviceName
    return this.#device
  }
  /** Number of dimensions. */
  get rank(): number {
    return this.shape.length
  }
  /** Number of elements. */
  get size(): number {
    return this.shape.reduce((product, size) => product * size, 1)
  }

  /**
   * Frees the memory now. Disposing of a tensor twice does nothing; using it afterwards throws DisposedError.
   * @example x.dispose()
   */
  dispose(): void {
    this.#free(disposedHow())
  }
  [Symbol.dispose](): void {
    this.#free('at the end of the block that had it with `using`')
  }
  #free(how: string): void {
    if (this.#disposed !== undefined) return
    this.#disposed = how
    leaveScopes(this)
    collected.unregister(this)
    native.dispose(this.#handle)
  }

  // ---- values ----------------------------------------------------------------------------------------------------

  /**
   * The elements, row by row, when they are computed: a Float32Array of a `Tensor<'float32'>`, and of half precision. Gives bool as 0 and 1.
   * @throws (as a rejection, each time) the error of the op that failed where this tensor depends on one. The message ends with the op, its
   * shapes and, for an error in the values (a class number, an index), the line that called it.
   * @example const elements = await x.data()
   */
  async data<E extends DType = D>(this: Tensor<E>): Promise<DataOf[E]> {
    const wide = widened(this)
    const { dtype } = wide
    let reading: Promise<ArrayBuffer>
    try {
      reading = native.read(wide.handle)
    } finally {
      if (wide !== this) wide.dispose()
    }
    return viewOf(dtype, await reading) as DataOf[E]
  }
  /**
   * As `data()`, but blocks the event loop until the values are there.
   * @throws as `data()` rejects.
   * @example const elements = x.dataSync()
   */
  dataSync<E extends DType = D>(this: Tensor<E>): DataOf[E] {
    const wide = widened(this)
    try {
      return viewOf(wide.dtype, native.readSync(wide.handle)) as DataOf[E]
    } finally {
      if (wide !== this) wide.dispose()
    }
  }
  /**
   * The value of a tensor with one element.
   * @throws ValueError (as a rejection) for any other, and as `data()`.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.item.html
   * @example const value = await loss.item()
   */
  async item(): Promise<number> {
    this.#requireOne()
    return (await this.data())[0] as number
  }
  /**
   * As `item()`, but blocks the event loop.
   * @throws ValueError for a tensor of more or less than one element.
   * @example const value = loss.itemSync()
   */
  itemSync(): number {
    this.#requireOne()
    return this.dataSync()[0] as number
  }
  /**
   * The values as nested arrays; those of bool are booleans, a scalar is a number.
   * @throws (as a rejection) as `data()`.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.tolist.html
   * @example const rows = await x.toArray()
   */
  async toArray(): Promise<NestedArray> {
    const { shape, dtype } = this
    return nest(await this.data(), shape, dtype)
  }
  /**
   * As `toArray()`, but blocks the event loop.
   * @example const rows = x.toArraySync()
   */
  toArraySync(): NestedArray {
    return nest(this.dataSync(), this.shape, this.dtype)
  }
  #requireOne(): void {
    if (this.size !== 1) throw new ValueError(`item: the tensor is ${this.toString()}, expected one element`)
  }

  /**
   * Type, shape and device: `Tensor(float32[2, 3] on cpu)`.
   * @example console.log(x.toString())
   */
  toString(): string {
    if (this.isDisposed) return 'Tensor(disposed)'
    return `Tensor(${this.dtype}[${this.shape.join(', ')}] on ${this.device})`
  }
  /**
   * What `console.log` shows: the values as PyTorch prints them, then type, shape and device. It waits for the values. Of more than 1000 elements
   * only the ends of each axis are read; a tensor within another object shows no values.
   * @internal
   */
  [inspect.custom](depth: number | null, options: { depth?: number | null }): string {
    const isWithin = typeof depth === 'number' && typeof options?.depth === 'number' && depth < options.depth
    if (this.isDisposed || isWithin) return this.toString()
    const start = 'tensor('
    try {
      const values = this.#text(start.length)
      const suffix = `${this.dtype}[${this.shape.join(', ')}] on ${this.device}`
      return `${start}${values}, ${suffix}${this.requiresGrad ? ', requiresGrad' : ''})`
    } catch (error) {
      return `${this.toString()} without values: ${error instanceof Error ? error.message : String(error)}`
    }
  }
  #text(indent: number): string {
    if (tracing()) throw new ValueError('a function is being recorded')
    const { dtype, shape, size } = this
    const cut = shape.map((length) => size > longest && length > 2 * endItems)
    const kept = shape.map((length, axis) => (cut[axis] ? 2 * endItems : length))
    const kind = dtype === 'bool' ? 'bool' : dtype.includes('float') ? 'float' : 'integer'
    const values = noGrad(() => this.#ends(cut))
    return valuesText(values, kept, cut, kind, indent)
  }
  /** The elements, of the axes in `cut` only those at their ends. */
  #ends(cut: readonly boolean[]): number[] {
    const made: Handle[] = []
    const make = (handle: Handle): Handle => {
      made.push(handle)
      return handle
    }
    try {
      const [shape, zeros, ones] = [[...this.shape], cut.map(() => 0), cut.map(() => 1)]
      let handle = this.#handle
      for (const [axis, isCut] of cut.entries()) {
        if (!isCut) continue
        const first = make(native.ops.slice(handle, zeros, shape.with(axis, endItems), ones))
        const last = make(native.ops.slice(handle, zeros.with(axis, shape[axis]! - endItems), shape, ones))
        handle = make(native.ops.concat([first, last], axis))
        shape[axis] = 2 * endItems
      }
      const isHalf = this.dtype === 'bfloat16' || this.dtype === 'float16'
      if (isHalf) handle = make(native.ops.cast(handle, 'float32'))
      return Array.from(viewOf(isHalf ? 'float32' : this.dtype, native.readSync(handle)) as ArrayLike<number>)
    } finally {
      for (const handle of made) native.dispose(handle)
    }
  }

  // ---- gradients -------------------------------------------------------------------------------------------------

  /** Whether gradients flow to or through this tensor. */
  get requiresGrad(): boolean {
    if (tracing()?.hasMade(this) === false) tracing()?.observe(this, () => native.requiresGrad(this.handle))
    return native.requiresGrad(this.handle)
  }
  /**
   * Marks a leaf as one whose gradient is wanted (or not).
   * @throws GradientError on a result of an op, DTypeError on integers.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.requires_grad_.html
   * @example const w = randn([3]).requiresGrad_()
   */
  requiresGrad_(requiresGrad = true): this {
    native.setRequiresGrad(this.handle, requiresGrad)
    return this
  }
  /** Whether the tensor is a leaf: no recorded op made it. */
  get isLeaf(): boolean {
    return native.isLeaf(this.handle)
  }
  /** The gradient accumulated by `backward()`, or null. Each access makes a tensor of the same memory. */
  get grad(): Tensor<D> | null {
    const handle = native.grad(this.handle)
    return handle === 0 ? null : new Tensor<D>(handle)
  }
  set grad(gradient: Tensor | null) {
    if (gradient !== null && !(gradient instanceof Tensor)) {
      throw new ValueError(`grad: the gradient is ${textOf(gradient)}, expected a tensor or null`)
    }
    native.setGrad(this.handle, gradient?.handle)
  }

  /**
   * Adds the gradient of this tensor to `.grad` of every leaf that it depends on.
   * `gradient` is needed unless this is a scalar. What the graph saved is freed, unless `retainGraph`; `createGraph` records
   * the backward pass too, for second derivatives.
   * @throws GradientError where there is nothing to differentiate, or the graph was freed.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.backward.html
   * @example loss.backward()
   */
  backward(options: BackwardOptions = {}): void {
    const { gradient, retainGraph = false, createGraph = false } = checkOptions('backward', options, backwardChecks)
    native.backward(this.handle, gradient?.handle, retainGraph, createGraph)
  }

  /**
   * The same memory outside the gradient graph.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.detach.html
   * @example const value = loss.detach()
   */
  detach(): Tensor<D> {
    return wrap(native.detach(this.handle))
  }

  // ---- moving and overwriting --------------------------------------------------------------------------------------

  /**
   * The tensor with another element type, or on another device (there a new leaf, outside the gradient graph). Where it has them already, the same
   * memory.
   * @throws DeviceError for what is neither a type nor a device, or a device that does not exist.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.to.html
   * @example const y = x.to('int32')
   * @example const y = x.to('cuda:0')
   */
  to<To extends DType | DeviceName>(target: To): Tensor<To extends DType ? To : D> {
    checkString('to', 'target', target)
    if (dtypes.has(target)) {
      const isSame = target === this.dtype
      return wrap(isSame ? native.alias(this.handle) : native.ops.cast(this.handle, target as DType))
    }
    if (!/^(auto|cpu|reference|cuda(:.*)?)$/.test(target)) {
      const expected = `an element type (${[...dtypes].join(', ')}) or a device (cpu, cuda:0, …)`
      throw new DeviceError(`to: the target is ${textOf(target)}, expected ${expected}`)
    }
    return wrap(native.toDevice(this.handle, target))
  }
  /**
   * Takes over another handle (freeing its own), so that all who hold this object see that tensor.
   * @internal
   */
  become_(handle: Handle): this {
    const before = this.handle
    this.#handle = checkedHandle('become_', handle)
    this.#shape = undefined
    this.#dtype = undefined
    this.#device = undefined
    if (collected.unregister(this)) collected.register(this, handle, this)
    native.dispose(before)
    return this
  }
  /**
   * Overwrites the values with those of `source` (same shape; converted to this type and device). No gradient flows to source. Where `source` depends
   * on an op that failed, this tensor keeps its values. Until the program has got the error, what reads this tensor gets it, too; from then on the
   * tensor is as it was before: as if the failed op had thrown where it was called.
   * @throws ShapeError for another shape, GradientError on a tensor that requires a gradient, unless within `noGrad()`.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.copy_.html
   * @example x.copy_(y)
   */
  copy_(source: Tensor): this {
    if (!(source instanceof Tensor)) refuse('copy_', 'source', source, 'a tensor')
    this.#checkOverwritable('copy_')
    let moved = source
    let cast = source
    try {
      if (moved.device !== this.device) cast = moved = source.to(this.device)
      if (moved.dtype !== this.dtype) cast = moved.to(this.dtype)
      native.ops.copy(this.handle, cast.handle)
    } finally {
      if (cast !== moved) cast.dispose()
      if (moved !== source) moved.dispose()
    }
    return this
  }
  /**
   * Overwrites all values with `value`.
   * @throws GradientError as `copy_`; ValueError for a number that the type cannot hold.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.fill_.html
   * @example x.fill_(0.5)
   */
  fill_(value: number): this {
    this.#checkOverwritable('fill_')
    const filled = new Tensor(native.ops.fill(this.device, this.shape, this.dtype, value))
    try {
      native.ops.copy(this.handle, filled.handle)
    } finally {
      filled.dispose()
    }
    return this
  }
  /**
   * Overwrites all values with 0.
   * @throws GradientError as `copy_`.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.Tensor.zero_.html
   * @example x.zero_()
   */
  zero_(): this {
    return this.fill_(0)
  }
  /** Throws for a tensor that requires a gradient: the tape must not see its values change. */
  #checkOverwritable(op: string): void {
    if (!native.gradEnabled() || !this.requiresGrad) return
    throw new GradientError(
      `${op}: ${this.toString()} requires a gradient, expected one that doesn't; overwrite it within noGrad(), or its detach()`,
    )
  }
}

markClass(Tensor, 'a tensor')

export interface BackwardOptions {
  /** Gradient of the tensor itself, of its shape. Default 1, for scalars only. */
  gradient?: Tensor
  /** Keep the tensors that the graph saved. Default false. */
  retainGraph?: boolean
  /** Record the backward pass too. Default false. */
  createGraph?: boolean
}

const backwardChecks: Checks<BackwardOptions> = {
  gradient: (op, name, value) => {
    if (!(value instanceof Tensor)) refuse(op, `the ${name}`, value, 'a tensor')
  },
  retainGraph: checkBoolean,
  createGraph: checkBoolean,
}

onEscape((tensor) => {
  if (tensor instanceof Tensor && !tensor.isDisposed) collected.register(tensor, tensor.handle, tensor)
})

const dtypes: ReadonlySet<string> = new Set<DType>([
  'float32',
  'float64',
  'bfloat16',
  'float16',
  'int32',
  'uint8',
  'bool',
])

function checkedHandle(of: string, handle: Handle): Handle {
  if (typeof handle === 'number' && handle > 0) return handle
  throw new ValueError(
    `${of}: the handle is ${textOf(handle)}, expected one of native code; tensor() and zeros() make tensors`,
  )
}

/**
 * The tensor of a handle that native code returned.
 * @internal
 */
export function wrap<D extends DType = DType>(handle: Handle): Tensor<D> {
  return construct<D>(handle)
}
/**
 * The tensors of handles that native code returned.
 * @internal
 */
export function wrapAll(handles: readonly Handle[]): Tensor[] {
  return handles.map(wrap)
}

/** Half precision has no JavaScript array: it is read as float32. */
function widened(tensor: Tensor): Tensor {
  const isHalf = tensor.dtype === 'bfloat16' || tensor.dtype === 'float16'
  return isHalf ? wrap(native.ops.cast(tensor.handle, 'float32')) : tensor
}

function viewOf<D extends DType>(dtype: D, buffer: ArrayBuffer): DataOf[D]
function viewOf(dtype: DType, buffer: ArrayBuffer): TensorData {
  if (dtype === 'float64') return new Float64Array(buffer)
  if (dtype === 'int32') return new Int32Array(buffer)
  if (dtype === 'uint8' || dtype === 'bool') return new Uint8Array(buffer)
  return new Float32Array(buffer)
}

function nest(data: TensorData, shape: readonly number[], dtype: DType): NestedArray {
  const at = (axis: number, offset: number, stride: number): NestedArray => {
    if (axis === shape.length) return dtype === 'bool' ? data[offset] === 1 : (data[offset] as number)
    const size = shape[axis] as number
    const step = size === 0 ? 0 : stride / size
    return Array.from({ length: size }, (_, i) => at(axis + 1, offset + i * step, step))
  }
  return at(0, 0, data.length)
}

/**
 * Runs `fn` without recording gradients.
 * @throws ValueError when fn returns a promise: what it awaits would run outside.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.no_grad.html
 * @example const logits = noGrad(() => net.forward(x))
 */
export function noGrad<Result>(fn: () => Result): Result {
  return withGrad('noGrad', false, fn)
}
/**
 * Runs `fn` with gradients recorded, also inside `noGrad`.
 * @throws ValueError when fn returns a promise: what it awaits would run outside.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.enable_grad.html
 * @example const y = noGrad(() => enableGrad(() => net.forward(x)))
 */
export function enableGrad<Result>(fn: () => Result): Result {
  return withGrad('enableGrad', true, fn)
}
/**
 * Whether ops are recorded for gradients now.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.is_grad_enabled.html
 * @example const isTraining = isGradEnabled()
 */
export function isGradEnabled(): boolean {
  return native.gradEnabled()
}

function withGrad<Result>(op: string, enabled: boolean, fn: () => Result): Result {
  checkFunction(op, 'fn', fn)
  const before = native.gradEnabled()
  native.setGradEnabled(enabled)
  try {
    const result = fn()
    if (result instanceof Promise) {
      result.catch(() => {})
      throw new ValueError(
        `${op}: the function returned a promise, expected a synchronous function; await outside of it`,
      )
    }
    return result
  } finally {
    native.setGradEnabled(before)
  }
}

/**
 * The gradients of a scalar function: `grad(f)(x, y)` is [df/dx, df/dy], zeros where f does not depend on an input.
 * With `createGraph` (default false) they can be differentiated again.
 * @throws GradientError when fn returns no scalar, ValueError for an input that is no tensor.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.func.grad.html
 * @example const [dx] = grad((x: Tensor) => x.square().sum())(tensor([1, 2, 3]))
 */
export function grad(
  fn: (...inputs: Tensor[]) => Tensor,
  options: { createGraph?: boolean } = {},
): (...inputs: Tensor[]) => Tensor[] {
  checkFunction('grad', 'fn', fn)
  const { createGraph = false } = checkOptions('grad', options, { createGraph: checkBoolean })
  return (...inputs) => {
    for (const [i, x] of inputs.entries()) if (!(x instanceof Tensor)) refuse('grad', `input ${i}`, x, 'a tensor')
    const leaves = inputs.map((x) => (createGraph && x.requiresGrad ? x : x.detach().requiresGrad_()))
    const y = enableGrad(() => fn(...leaves))
    if (!(y instanceof Tensor))
      throw new GradientError('grad: the function did not return a tensor, expected a scalar tensor')
    if (y.size !== 1) throw new GradientError(`grad: the function returned ${y.toString()}, expected a scalar`)
    const handles = native.gradients(
      y.handle,
      undefined,
      leaves.map((x) => x.handle),
      createGraph,
      createGraph,
    )
    return handles.map((handle, i) => {
      const x = inputs[i] as Tensor
      return wrap(handle === 0 ? native.ops.fill(x.device, x.shape, x.dtype, 0) : handle)
    })
  }
}
