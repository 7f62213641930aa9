// A small network for CIFAR-10: three convolutions with pooling, two linear layers, nothing between them.
import { factoryOf } from '../blocks/options.js'
import { checkOptions } from '../check.js'
import { Sequential } from '../nn/containers.js'
import { Conv2d } from '../nn/conv.js'
import { Linear } from '../nn/linear.js'
import { MaxPool2d } from '../nn/pool.js'
import { Flatten } from '../nn/shape.js'
import { type ModelOptions, modelChecks, modelCounts } from './support.js'

export interface CIFAR10NetOptions extends ModelOptions {
  /** Default 10. */
  numClasses?: number
}

/** Output channels of the convolutions. */
const table = [32, 32, 64]

/**
 * The network for CIFAR-10; `cifar10Net()` makes it. Shapes: [N, inChannels, H, W] → [N, numClasses].
 * @throws ValueError if a count is not a positive integer.
 * @see https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf (Krizhevsky: the data set)
 * @example const net = new models.CIFAR10Net()
 */
export class CIFAR10Net extends Sequential {
  constructor(options: CIFAR10NetOptions = {}) {
    checkOptions('CIFAR10Net', options, modelChecks)
    const { numClasses, inChannels } = modelCounts('CIFAR10Net', options, { numClasses: 10, inChannels: 3 })
    super()
    const factory = factoryOf(options)
    let channels = inChannels
    for (const outChannels of table) {
      this.append(new Conv2d(channels, outChannels, 5, { padding: 2, ...factory }))
      this.append(new MaxPool2d(2)) // half the height and width
      channels = outChannels
    }
    this.append(new Flatten()) // [N, 64, 4, 4] → [N, 1024]
    this.append(new Linear(4 * 4 * channels, 64, factory))
    this.append(new Linear(64, numClasses, factory))
  }
}

/**
 * A small network for CIFAR-10: [N, 3, 32, 32] → [N, numClasses]. `nn.summary`: 9 layers, 145,578 parameters, 12,354,176
 * multiply-adds at 3×32×32. Its only non-linearity is the maximum pooling.
 * @throws ValueError if a count is not a positive integer; ShapeError that names the layer for other sizes of pictures.
 * @see https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf (Krizhevsky: the data set)
 * @example const net = models.cifar10Net()
 */
export function cifar10Net(options: CIFAR10NetOptions = {}): CIFAR10Net {
  return new CIFAR10Net(options)
}
