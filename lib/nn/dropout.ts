// Dropout as modules: active in training mode only.
import { numberThat } from '../check.js'
import { dropout, dropout2d } from '../functional/random.js'
import type { Tensor } from '../tensor.js'
import { Module } from './module.js'

const isProbability = numberThat('a probability in [0, 1]', (value) => value >= 0 && value <= 1)

abstract class DropoutBase extends Module {
  readonly p: number

  constructor(p: number) {
    super()
    isProbability(new.target.name, 'p', p)
    this.p = p
  }

  protected override describe(): string {
    return `${this.p}`
  }
}

/**
 * In training, sets elements to 0 with probability p and multiplies the others by 1 / (1 − p). Any shape.
 * @throws ValueError when p is not in [0, 1].
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Dropout.html
 * @example new nn.Dropout(0.2)
 */
export class Dropout extends DropoutBase {
  constructor(p = 0.5) {
    super(p)
  }
  override forward(x: Tensor): Tensor {
    return dropout(x, { p: this.p, training: this.training })
  }
}

/**
 * In training, sets whole planes of [N, C, spatial…] to 0 with probability p and multiplies the others by 1 / (1 − p).
 * @throws ValueError when p is not in [0, 1].
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Dropout2d.html
 * @example new nn.Dropout2d(0.2)
 */
export class Dropout2d extends DropoutBase {
  constructor(p = 0.5) {
    super(p)
  }
  override forward(x: Tensor): Tensor {
    return dropout2d(x, { p: this.p, training: this.training })
  }
}
