// Module: the base class of layers and networks; it finds what its fields hold and knows nothing of any layer.
import { inspect } from 'node:util'
import type { DeviceName, DType } from '../../types/dtype.js'
import { checkBoolean, checkFunction, checkOptions, checkString } from '../check.js'
import { type Compiled, type CompileOptions, compile, compileChecks } from '../compile.js'
import { addHolder } from '../holders.js'
import { markClass } from '../marks.js'
import { native } from '../native.js'
import { noGrad, Tensor } from '../tensor.js'
import { tidy } from '../tidy.js'
import { tracing } from '../tracing.js'
import { wrapForward } from './calls.js'
import { cloned } from './clone.js'
import { type AnyLayer, members } from './fields.js'
import { Buffer, Parameter } from './parameter.js'
import { checkInto, type LoadOptions, type LoadResult, loadInto, type StateDict } from './state-dict.js'

export type { AnyLayer, Layer } from './fields.js'
export { isLayer } from './fields.js'

/** A module of any number of inputs and outputs. */
export type AnyModule = Module<never[], unknown>

function join(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}.${name}`
}

/** All parameters and buffers below an object, by dotted name; a shared one comes under each of its names. */
function* tensorsOf(
  owner: AnyLayer,
  prefix = '',
  above: readonly AnyLayer[] = [],
): Generator<[string, Parameter | Buffer]> {
  if (above.includes(owner)) return
  const here: [string, Tensor][] = []
  const below: [string, AnyLayer][] = []
  for (const [name, member] of members(owner)) {
    if (member instanceof Tensor) here.push([name, member])
    else below.push([name, member])
  }
  // As in PyTorch's files: a module's parameters, its buffers, then its children.
  for (const Kind of [Parameter, Buffer]) {
    for (const [name, tensor] of here) {
      if (tensor instanceof Kind) yield [join(prefix, name), tensor]
    }
  }
  for (const [name, layer] of below) yield* tensorsOf(layer, join(prefix, name), [...above, owner])
}

/** The tensors of a kind below an object, each once, under its first name. */
function namedOf<Kind extends Tensor>(
  owner: AnyLayer,
  Class: abstract new (...args: never[]) => Kind,
): [string, Kind][] {
  const found = new Map<Kind, string>()
  for (const [name, tensor] of tensorsOf(owner)) {
    if (tensor instanceof Class && !found.has(tensor)) found.set(tensor, name)
  }
  return [...found].map(([tensor, name]) => [name, tensor])
}

function* modulesOf(owner: AnyLayer, prefix: string, seen: Set<AnyLayer>): Generator<[string, AnyModule]> {
  if (seen.has(owner)) return
  seen.add(owner)
  if (owner instanceof Module) yield [prefix, owner]
  for (const [name, member] of members(owner)) {
    if (!(member instanceof Tensor)) yield* modulesOf(member, join(prefix, name), seen)
  }
}

const floats: ReadonlySet<string> = new Set<DType>(['float32', 'float64', 'bfloat16', 'float16'])

/** The same tensor object with its memory on another device or in another floating type. */
function move(tensor: Tensor, target: DeviceName | DType): void {
  if (floats.has(target) && !floats.has(tensor.dtype)) return
  if (target === tensor.device || target === tensor.dtype) return
  noGrad(() =>
    tidy(() => {
      const { requiresGrad, grad } = tensor
      const gradient = grad?.to(target)
      tensor.become_(native.detach(tensor.to(target).handle))
      if (requiresGrad) tensor.requiresGrad_()
      if (gradient) tensor.grad = gradient
    }),
  )
}

/** Whether a module is in training mode: the key of a field that only `clone()` sees. */
const mode = Symbol('training')

/**
 * The base of all layers and networks. A subclass declares fields (parameters, buffers, other modules, arrays of these) and a
 * method `forward`; what the fields hold is found by `parameters()`, `stateDict()` and the like, under PyTorch's names.
 *
 * A call of `forward` frees the intermediate tensors that it made and says in an error which layer failed. `Inputs` and `Output`
 * are for modules that take or return something else than one tensor.
 *
 * @throws whatever `forward` throws, with the path of the layer before the message.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html
 * @example
 * class Net extends nn.Module {
 *   conv = new nn.Conv2d(3, 8, 3)
 *   fc = new nn.Linear(8, 10)
 *   forward(x: Tensor) {
 *     return this.fc.forward(this.conv.forward(x).relu().mean([2, 3]))
 *   }
 * }
 */
export abstract class Module<Inputs extends readonly unknown[] = [x: Tensor], Output = Tensor> {
  private [mode] = true

  /** Whether layers such as dropout and batch normalisation behave as in training. Set by `train()` and `eval()`. Default true. */
  get training(): boolean {
    tracing()?.observe(this, () => this[mode])
    return this[mode]
  }
  set training(training: boolean) {
    tracing()?.observe(this, () => this[mode])
    checkBoolean(this.constructor.name, 'training', training)
    this[mode] = training
  }

  constructor() {
    wrapForward(this, Module.prototype)
    addHolder(this)
  }

  /**
   * What the module computes: its class says of which shapes.
   * @throws whatever a layer below throws, with the path of the layer before the message.
   * @example const y = net.forward(x)
   */
  abstract forward(...inputs: Inputs): Output

  /**
   * The module as a compiled function for inference, without gradients. Call `eval()` before: the mode is taken as it is.
   * @throws ValueError for an unknown option.
   * @see compile
   * @example const predict = net.eval().compile()
   */
  compile(options: CompileOptions = {}): Compiled<Inputs, Output> {
    checkOptions('compile', options, compileChecks)
    return compile((...inputs: Inputs) => noGrad(() => this.forward(...inputs)), options)
  }

  /**
   * All trained tensors, each once, in the order of the fields.
   * @example const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
   */
  parameters(): Parameter[] {
    return this.namedParameters().map(([, parameter]) => parameter)
  }

  /**
   * All trained tensors with their dotted names, such as `features.0.weight`; each once, under its first name.
   * @example for (const [name, parameter] of net.namedParameters()) console.log(name, parameter.shape)
   */
  namedParameters(): [string, Parameter][] {
    return namedOf(this, Parameter)
  }

  /**
   * All tensors that are saved but not trained, each once.
   * @example const statistics = net.buffers()
   */
  buffers(): Buffer[] {
    return this.namedBuffers().map(([, buffer]) => buffer)
  }

  /**
   * All tensors that are saved but not trained, with their dotted names, such as `bn.running_mean`.
   * @example for (const [name, buffer] of net.namedBuffers()) console.log(name, buffer.shape)
   */
  namedBuffers(): [string, Buffer][] {
    return namedOf(this, Buffer)
  }

  /**
   * This module (named '') and all below it with their dotted names, each once.
   * @example const names = net.namedModules().map(([name]) => name)
   */
  namedModules(): [string, AnyModule][] {
    return [...modulesOf(this, '', new Set())]
  }

  /**
   * This module and all below it, each once.
   * @example const convolutions = net.modules().filter((module) => module instanceof nn.Conv2d)
   */
  modules(): AnyModule[] {
    return this.namedModules().map(([, module]) => module)
  }

  /**
   * The layers that this module's own fields hold, by name.
   * @example for (const [name, child] of net.namedChildren()) console.log(name, child)
   */
  namedChildren(): [string, AnyLayer][] {
    const children: [string, AnyLayer][] = []
    for (const [name, member] of members(this)) {
      if (!(member instanceof Tensor)) children.push([name, member])
    }
    return children
  }

  /**
   * The layers that this module's own fields hold.
   * @example const [first] = net.children()
   */
  children(): AnyLayer[] {
    return this.namedChildren().map(([, child]) => child)
  }

  /**
   * Calls `fn` with every module below this one, then with this one.
   * @throws ValueError if fn is not a function.
   * @example net.apply((module) => module.eval())
   */
  apply(fn: (module: AnyModule) => void): this {
    checkFunction('apply', 'fn', fn)
    // Parents come before children in the walk, so backwards every child comes before its parent.
    for (const module of this.modules().reverse()) fn(module)
    return this
  }

  /**
   * Sets training mode (with false: evaluation mode) here and below, and returns the module.
   * @throws ValueError if training is not a boolean.
   * @example net.train()
   */
  train(training = true): this {
    checkBoolean('train', 'training', training)
    for (const module of this.modules()) module.training = training
    return this
  }

  /**
   * Sets evaluation mode here and below, and returns the module.
   * @example net.eval()
   */
  eval(): this {
    return this.train(false)
  }

  /**
   * Sets whether all parameters want gradients, and returns the module. Default true.
   * @example net.requiresGrad_(false)
   */
  requiresGrad_(requiresGrad = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad_(requiresGrad)
    return this
  }

  /**
   * Keeps all parameters as they are: they want no gradients. Running statistics still move in training mode.
   * @example net.freeze()
   */
  freeze(): this {
    return this.requiresGrad_(false)
  }

  /**
   * Lets all parameters be trained again.
   * @example net.unfreeze()
   */
  unfreeze(): this {
    return this.requiresGrad_(true)
  }

  /**
   * Moves all parameters, buffers and gradients to a device, or converts the floating ones to a floating type. The tensor objects
   * stay the same, so optimizers made before go on working (their own state does not move). Returns the module.
   * @throws DeviceError for a device that is not there, and for a name of neither a device nor a type.
   * @example net.to('cpu')
   */
  to(target: DeviceName | DType): this {
    checkString('to', 'target', target)
    const tensors = new Set([...tensorsOf(this)].map(([, tensor]) => tensor))
    for (const tensor of tensors) move(tensor, target)
    return this
  }

  /**
   * Sets the gradients of all parameters to null.
   * @example net.zeroGrad()
   */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.grad = null
  }

  /**
   * All parameters and buffers by the dotted names that PyTorch gives them. They are the module's own tensors, not copies.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.state_dict
   * @example await saveSafetensors('net.safetensors', net.stateDict())
   */
  stateDict(): StateDict {
    return Object.fromEntries(tensorsOf(this))
  }

  /**
   * Whether `loadStateDict` would take the tensors, and which names it would leave; nothing is changed. A module that reads other names
   * overrides it together with `loadStateDict`.
   * @throws ValueError, ShapeError as {@link loadStateDict}.
   * @example const { missingKeys } = net.checkStateDict(net.stateDict(), { strict: false })
   */
  checkStateDict(state: StateDict | ReadonlyMap<string, Tensor>, options: LoadOptions = {}): LoadResult {
    const { missingKeys, unexpectedKeys } = checkInto(this.constructor.name, new Map(tensorsOf(this)), state, options)
    return { missingKeys, unexpectedKeys }
  }

  /**
   * Copies the tensors of a state dict (of any device and floating type) into the module. Nothing is changed where it throws. The
   * result lists what was missing and unexpected.
   * @throws ValueError for missing and unexpected names, with `strict: false` only where no name is the module's; ShapeError for a
   * tensor of another shape.
   * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.load_state_dict
   * @example net.loadStateDict(await loadSafetensors('net.safetensors'))
   */
  loadStateDict(state: StateDict | ReadonlyMap<string, Tensor>, options: LoadOptions = {}): LoadResult {
    return loadInto(this.constructor.name, new Map(tensorsOf(this)), state, options)
  }

  /**
   * A module of its own with copies of all parameters, buffers and layers, in the same mode and on the same device; what is
   * shared within it is shared within the copy. Gradients and compiled functions are not copied, and neither are `#private`
   * members of a class: one that has any overrides `clone`. (`structuredClone` refuses modules: it would make plain objects of
   * them.)
   * @throws ValueError while a function is recorded.
   * @see https://docs.python.org/3/library/copy.html#copy.deepcopy
   * @example const average = net.clone().freeze()
   */
  clone(): this {
    return cloned(this)
  }

  /**
   * Frees all parameters and buffers now; the module cannot be used after it.
   * @example net.dispose()
   */
  dispose(): void {
    for (const [, tensor] of tensorsOf(this)) tensor.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  /** The text in brackets behind the class name when a module is printed: the arguments it was made with. */
  protected describe(): string {
    return ''
  }

  /**
   * The module and all below it, a line each.
   * @example console.log(net.toString())
   */
  toString(): string {
    const head = `${this.constructor.name}(${this.describe()}`
    const children = this.namedChildren()
    if (children.length === 0) return `${head})`
    const lines = children.map(([name, child]) => {
      const text = child instanceof Module ? child.toString() : `${child.constructor.name}()`
      return `  (${name}): ${text.replaceAll('\n', '\n  ')}\n`
    })
    return `${head}\n${lines.join('')})`
  }

  /** @internal */
  [inspect.custom](): string {
    return this.toString()
  }
}

markClass(Module, 'a module')
