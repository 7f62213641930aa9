// Modules that hold others in order.
import { checkInteger, listOf } from '../check.js'
import { ValueError } from '../errors.js'
import { checkTensor } from '../functional/arguments.js'
import type { Tensor } from '../tensor.js'
import { disposeScoped } from '../tidy.js'
import { type AnyLayer, isLayer, type Layer, Module } from './module.js'

/**
 * A list whose elements are own fields of the module, named by their position, so that they are found as all fields are:
 * `list[i]` reads and replaces an element.
 */
abstract class LayerList<
  Element extends AnyLayer,
  Inputs extends readonly unknown[] = [x: Tensor],
  Output = Tensor,
> extends Module<Inputs, Output> {
  [index: number]: Element

  /**
   * Adds elements at the end, and returns the list.
   * @throws ValueError for what has no method forward.
   * @example new nn.Sequential().append(new nn.Flatten(), new nn.Linear(784, 10))
   */
  append(...elements: Element[]): this {
    for (const element of elements) {
      if (!isLayer(element)) {
        throw new ValueError(`${this.constructor.name}: element ${this.length} has no method forward, expected a layer`)
      }
      this[this.length] = element
    }
    return this
  }

  /**
   * The elements, in order.
   * @example const [first] = new nn.Sequential(new nn.ReLU()).layers()
   */
  layers(): Element[] {
    return this.children() as Element[]
  }

  /** Number of elements. */
  get length(): number {
    return this.layers().length
  }

  /**
   * The element at a position, undefined where there is none; negative positions count from the end.
   * @throws ValueError if the position is not a whole number.
   * @example const last = new nn.ModuleList([new nn.ReLU()]).at(-1)
   */
  at(index: number): Element | undefined {
    checkInteger(this.constructor.name, 'index', index)
    return this.layers().at(index)
  }

  [Symbol.iterator](): IterableIterator<Element> {
    return this.layers().values()
  }
}

/**
 * The layer at a position: of its own type where the layers' types are known one by one; behind them, and from the end, any or
 * none.
 */
export type LayerAt<Layers extends readonly Layer[], Index extends number> = [
  ...Layers,
  ...(Layer | undefined)[],
][`${Index}` extends `-${string}` ? number : Index]

/**
 * Layers that are called one after another. It takes layers, or one record of named layers. `net[i]` reads and replaces a layer;
 * `net.at(i)` reads one and has its type: in `new Sequential(new Conv2d(…), new ReLU())` `at(0)` is a Conv2d.
 * @throws ValueError for what has no method forward, and a name that the module has already.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Sequential.html
 * @example const net = new nn.Sequential(new nn.Flatten(), new nn.Linear(784, 10)) // net.at(1).weight is a Parameter
 */
export class Sequential<Layers extends readonly Layer[] = Layer[]> extends LayerList<Layer> {
  constructor(...layers: Layers)
  constructor(layers: Readonly<Record<string, Layer>>)
  constructor(...layers: readonly Layer[] | [Readonly<Record<string, Layer>>]) {
    super()
    const [only] = layers
    if (layers.length !== 1 || isLayer(only) || typeof only !== 'object' || only === null) {
      this.append(...(layers as Layer[]))
      return
    }
    for (const [name, layer] of Object.entries(only)) {
      if (name in this) throw new ValueError(`Sequential: a layer cannot be named '${name}'`)
      if (!isLayer(layer)) throw new ValueError(`Sequential: '${name}' has no method forward, expected a layer`)
      Object.assign(this, { [name]: layer })
    }
  }

  /**
   * The layer at a position, with its own type where the constructor was given the layers; negative positions count from the end.
   * @throws ValueError if the position is not a whole number.
   * @example const first = new nn.Sequential(new nn.Conv2d(1, 8, 3), new nn.ReLU()).at(0) // a Conv2d
   */
  override at<Index extends number>(index: Index): LayerAt<Layers, Index>
  override at(index: number): Layer | undefined {
    return super.at(index)
  }

  override forward(x: Tensor): Tensor {
    let value = x
    for (const layer of this.layers()) {
      const next = layer.forward(value)
      // The tensor between two layers is no longer needed; the gradient graph keeps what it needs.
      if (next !== value && value !== x) disposeScoped(value)
      value = next
    }
    return value
  }
}

/**
 * A list of layers that are called by hand, in whatever order. It has no forward of its own.
 * @throws ValueError for what has no method forward.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleList.html
 * @example const heads = new nn.ModuleList([new nn.Linear(64, 10), new nn.Linear(64, 2)])
 */
export class ModuleList<Element extends AnyLayer = Layer> extends LayerList<Element, never[], never> {
  constructor(elements: Iterable<Element> = []) {
    super()
    this.append(...(listOf('ModuleList', 'elements', elements, 'layers') as Element[]))
  }

  override forward(): never {
    throw new ValueError('ModuleList: it has no forward; call its elements')
  }
}

/**
 * Returns its input. Any shape.
 * @throws ValueError by `forward` for what is not a tensor.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Identity.html
 * @example new nn.Identity().forward(x) // x itself
 */
export class Identity extends Module {
  override forward(x: Tensor): Tensor {
    checkTensor('Identity', 'x', x)
    return x
  }
}
