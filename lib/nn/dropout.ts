// Dropout as modules: active in training mode only.
import { checkBoolean, numberThat } from '../check.js'
import { dropout, dropout2d } from '../functional/random.js'
import type { Tensor } from '../tensor.js'
import { Module } from './module.js'

const checkProbability = numberThat('a probability in [0, 1]', (value) => value >= 0 && value <= 1)

abstract class DropoutBase extends Module {
  /** The probability of an element, or a plane, to become 0. */
  readonly p: number

  constructor(p = 0.5, inplace = false) {
    super()
    checkProbability(new.target.name, 'p', p)
    checkBoolean(new.target.name, 'inplace', inplace)
    this.p = p
  }

  protected abstract readonly drop: typeof dropout

  override forward(x: Tensor): Tensor {
    return this.drop(x, { p: this.p, training: this.training })
  }

  protected override describe(): string {
    return `${this.p}`
  }
}

/**
 * In training, sets elements to 0 with probability p and multiplies the others by 1 / (1 − p). Any shape.
 * p is 0.5 by default. `inplace` is accepted as in PyTorch and changes nothing: x keeps its values.
 * @throws ValueError if p is not in [0, 1], or inplace is not a boolean.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Dropout.html
 * @example new nn.Dropout(0.2)
 */
export class Dropout extends DropoutBase {
  protected override get drop() {
    return dropout
  }
}

/**
 * In training, sets whole planes of [N, C, spatial…] to 0 with probability p and multiplies the others by 1 / (1 − p).
 * p is 0.5 by default. `inplace` is accepted as in PyTorch and changes nothing: x keeps its values.
 * @throws ValueError if p is not in [0, 1], or inplace is not a boolean.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Dropout2d.html
 * @example new nn.Dropout2d(0.2)
 */
export class Dropout2d extends DropoutBase {
  protected override get drop() {
    return dropout2d
  }
}
