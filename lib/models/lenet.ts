// LeNet-5: the first well-known convolutional network.
import { type Activation, checkActivation, factoryOf, makeActivation } from '../blocks/options.js'
import { among, type Checks, checkOptions } from '../check.js'
import { Sequential } from '../nn/containers.js'
import { Conv2d } from '../nn/conv.js'
import { Linear } from '../nn/linear.js'
import { AvgPool2d, MaxPool2d } from '../nn/pool.js'
import { Flatten } from '../nn/shape.js'
import { type ModelOptions, modelChecks, modelCounts } from './support.js'

export interface LeNet5Options extends ModelOptions {
  /** Default 10: digits. */
  numClasses?: number
  /** Default 1: grey. */
  inChannels?: number
  /** Default `'tanh'`, as in the paper; later versions have `'relu'`. */
  activation?: Activation
  /**
   * How S2 and S4 make pictures smaller. Default `'avg'`, as in the paper (there with a trained scale); later versions have
   * `'max'`.
   */
  pooling?: 'avg' | 'max'
}

const lenetChecks: Checks<LeNet5Options> = { ...modelChecks, activation: checkActivation, pooling: among('avg', 'max') }

/**
 * LeNet-5; `lenet5()` makes it. Its layers have the paper's names: C1, S2, C3, S4, C5, F6. Shapes: [N, inChannels, H, W] → [N,
 * numClasses].
 * @throws ValueError if a count is out of range, or the activation or pooling is unknown.
 * @see http://yann.lecun.com/exdb/publis/pdf/lecun-01a.pdf (LeCun, Bottou, Bengio, Haffner 1998)
 * @example const net = new models.LeNet5({ activation: 'relu', pooling: 'max' })
 */
export class LeNet5 extends Sequential {
  constructor(options: LeNet5Options = {}) {
    const { activation = 'tanh', pooling = 'avg' } = checkOptions('LeNet5', options, lenetChecks)
    const { numClasses, inChannels } = modelCounts('LeNet5', options, { numClasses: 10, inChannels: 1 })
    const Pool = pooling === 'avg' ? AvgPool2d : MaxPool2d
    const [act1, act3, act5, act6] = Array.from({ length: 4 }, () => makeActivation(activation)) as [
      never,
      never,
      never,
      never,
    ]
    const factory = factoryOf(options)
    super({
      c1: new Conv2d(inChannels, 6, 5, factory), // [N, 6, 28, 28]
      act1,
      s2: new Pool(2), // [N, 6, 14, 14]
      c3: new Conv2d(6, 16, 5, factory), // [N, 16, 10, 10]
      act3,
      s4: new Pool(2), // [N, 16, 5, 5]
      c5: new Conv2d(16, 120, 5, factory), // [N, 120, 1, 1]
      act5,
      flatten: new Flatten(),
      f6: new Linear(120, 84, factory),
      act6,
      output: new Linear(84, numClasses, factory),
    })
  }
}

/**
 * LeNet-5: [N, 1, 32, 32] → [N, numClasses]. `nn.summary`: 12 layers, 61,706 parameters, 416,520 multiply-adds at 1×32×32. C3 is
 * joined to all maps of S2 and the output layer is linear, as in all later versions.
 * @throws ValueError if a count is out of range, or the activation or pooling is unknown; ShapeError that names the layer for other
 * sizes.
 * @see http://yann.lecun.com/exdb/publis/pdf/lecun-01a.pdf (LeCun, Bottou, Bengio, Haffner 1998: Gradient-Based Learning Applied to
 * Document Recognition)
 * @example const net = models.lenet5()
 */
export function lenet5(options: LeNet5Options = {}): LeNet5 {
  return new LeNet5(options)
}
