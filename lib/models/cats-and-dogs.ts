// A small network for photographs of two kinds: convolutions with batch normalisation, and one linear layer.
import { checkCount, factoryOf } from '../blocks/options.js'
import { type Checks, checkNumbers, checkOptions, integerFrom } from '../check.js'
import { ValueError } from '../errors.js'
import { ReLU } from '../nn/activation.js'
import { Sequential } from '../nn/containers.js'
import { Conv2d } from '../nn/conv.js'
import { Dropout } from '../nn/dropout.js'
import { Linear } from '../nn/linear.js'
import { BatchNorm2d } from '../nn/norm.js'
import { MaxPool2d } from '../nn/pool.js'
import { Flatten } from '../nn/shape.js'
import { checkDropout, type ModelOptions, modelChecks, modelCounts } from './support.js'

export interface CatsAndDogsNetOptions extends ModelOptions {
  /** Default 2. */
  numClasses?: number
  /** Output channels of the convolutions, each of which is followed by a pooling that halves the picture. Default [16, 32, 64, 128]. */
  widths?: readonly number[]
  /** Height and width of the pictures. Default 64. */
  size?: number
  /** Probability with which a feature is left out before the last layer in training. Default 0.5. */
  dropout?: number
}

const catsChecks: Checks<CatsAndDogsNetOptions> = {
  ...modelChecks,
  widths: checkNumbers,
  size: integerFrom(1),
  dropout: checkDropout,
}

/**
 * The network for cats and dogs; `catsAndDogsNet()` makes it. Shapes: [N, inChannels, H, W] → [N, numClasses].
 * @throws ValueError if a count, a size or the dropout is out of range.
 * @see https://arxiv.org/abs/1502.03167 (Ioffe, Szegedy: Batch Normalization)
 * @example const net = new models.CatsAndDogsNet({ size: 128 })
 */
export class CatsAndDogsNet extends Sequential {
  constructor(options: CatsAndDogsNetOptions = {}) {
    checkOptions('CatsAndDogsNet', options, catsChecks)
    const { widths = [16, 32, 64, 128], size = 64, dropout = 0.5 } = options
    const { numClasses, inChannels } = modelCounts('CatsAndDogsNet', options, { numClasses: 2, inChannels: 3 })
    for (const [i, width] of widths.entries()) checkCount('CatsAndDogsNet', `widths[${i}]`, width)
    const side = Math.floor(size / 2 ** widths.length)
    if (side === 0) {
      throw new ValueError(
        `CatsAndDogsNet: size is ${size}, expected at least ${2 ** widths.length} for ${widths.length} poolings`,
      )
    }
    super()
    const factory = factoryOf(options)
    let channels = inChannels
    for (const width of widths) {
      this.append(new Conv2d(channels, width, 3, { padding: 1, bias: false, ...factory }))
      this.append(new BatchNorm2d(width, factory))
      this.append(new ReLU())
      this.append(new MaxPool2d(2)) // half the height and width
      channels = width
    }
    this.append(new Flatten())
    this.append(new Dropout(dropout))
    this.append(new Linear(channels * side * side, numClasses, factory))
  }
}

/**
 * Convolution, batch normalisation, ReLU and maximum pooling, four times, then one fully connected layer: [N, 3, 64, 64] → [N,
 * numClasses]. `nn.summary`: 19 layers, 101,778 parameters, 15,929,344 multiply-adds at 3×64×64.
 * @throws ValueError if a count, a size or the dropout is out of range; ShapeError that names the layer for pictures of another size.
 * @see https://arxiv.org/abs/1502.03167 (Ioffe, Szegedy: Batch Normalization)
 * @example const net = models.catsAndDogsNet({ size: 128 })
 */
export function catsAndDogsNet(options: CatsAndDogsNetOptions = {}): CatsAndDogsNet {
  return new CatsAndDogsNet(options)
}
