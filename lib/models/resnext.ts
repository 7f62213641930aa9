// ResNeXt-50: ResNet-50 with grouped 3×3 convolutions.
import { factoryOf } from '../blocks/options.js'
import { ResNeXtBlock } from '../blocks/resnext.js'
import { type Checks, checkOptions, integerFrom } from '../check.js'
import { checkCounts, ResNet, type ResNetOptions, resnetChecks } from './resnet.js'

export interface ResNeXtNetworkOptions extends ResNetOptions {
  /** C of the paper: groups of every 3×3 convolution. Default 32. */
  cardinality?: number
  /** d of the paper: channels of a group in the first stage; they double from stage to stage. Default 4. */
  width?: number
}

const resnextChecks: Checks<ResNeXtNetworkOptions> = {
  ...resnetChecks,
  cardinality: integerFrom(1),
  width: integerFrom(1),
}

/**
 * ResNeXt; `resnext50()` makes it. Its tensors have the names of torchvision's ResNet. Shapes: [N, inChannels, H, W] → [N,
 * numClasses].
 * @throws ValueError if a count or the dropout is out of range.
 * @see https://arxiv.org/abs/1611.05431 (Xie, Girshick, Dollár, Tu, He: Aggregated Residual Transformations)
 * @example const net = new models.ResNeXt([3, 4, 6, 3], { numClasses: 10 })
 */
export class ResNeXt extends ResNet {
  constructor(counts: readonly [number, number, number, number], options: ResNeXtNetworkOptions = {}) {
    checkCounts('ResNeXt', counts)
    const { cardinality = 32, width = 4 } = checkOptions('ResNeXt', options, resnextChecks)
    super(
      {
        counts,
        expansion: 4,
        block: ({ inChannels, outChannels, stride, stage, ...factory }) =>
          new ResNeXtBlock(inChannels, {
            outChannels,
            stride,
            cardinality,
            width: width * 2 ** stage,
            ...factoryOf(factory),
          }),
      },
      options,
    )
  }
}

/**
 * ResNeXt-50 (32×4d): [N, 3, H, W] of any size → [N, numClasses]; 50 layers, 25,028,904 parameters, 4,230 million multiply-adds at
 * 224×224. Its tensors have the names of torchvision's `resnext50_32x4d`.
 * @throws ValueError if a count or the dropout is out of range.
 * @see https://arxiv.org/abs/1611.05431 (Xie, Girshick, Dollár, Tu, He: Aggregated Residual Transformations, table 1)
 * @example const net = models.resnext50({ cardinality: 8, width: 14 })
 */
export function resnext50(options: ResNeXtNetworkOptions = {}): ResNeXt {
  return new ResNeXt([3, 4, 6, 3], options)
}
