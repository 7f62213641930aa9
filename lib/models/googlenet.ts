// GoogLeNet: inception modules as a table, with two auxiliary classifiers that help in training.

import { BasicConv2d, Inception, type InceptionOptions, NaiveInception } from '../blocks/inception.js'
import { factoryOf } from '../blocks/options.js'
import { type Checks, checkBoolean, checkNumber, checkOptions, integerFrom } from '../check.js'
import { checkTensor } from '../functional/arguments.js'
import * as F from '../functional/index.js'
import { Conv2d } from '../nn/conv.js'
import { Dropout } from '../nn/dropout.js'
import { normal_ } from '../nn/init.js'
import { Linear } from '../nn/linear.js'
import { Module } from '../nn/module.js'
import type { FactoryOptions } from '../nn/parameter.js'
import { AdaptiveAvgPool2d, GlobalAvgPool, MaxPool2d } from '../nn/pool.js'
import { Tensor } from '../tensor.js'
import { checkDropout, checkWidth, type ModelOptions, modelChecks, modelCounts } from './support.js'

// Keys of fields that `parameters()` and `children()` do not see, and `clone()` copies.
const ownRows = Symbol('rows')

export interface GoogLeNetOptions<Aux extends boolean = true> extends ModelOptions {
  /** Whether there are auxiliary classifiers, whose outputs `forward` returns in training mode. Default true. */
  auxLogits?: Aux
  /** Probability with which a feature is left out before the last layer in training. Default 0.2 (0.4 in the paper). */
  dropout?: number
  /** The same in the auxiliary classifiers. Default 0.7. */
  dropoutAux?: number
  /** The factor on all widths, which are then rounded, to at least 1. Default 1. */
  width?: number
  /** Of the inception modules' 5×5 paths. Default 3, as in torchvision, whose weights need it; 5 in the paper. */
  kernel5x5?: number
}

const googlenetChecks: Checks<GoogLeNetOptions<boolean>> = {
  ...modelChecks,
  auxLogits: checkBoolean,
  dropout: checkDropout,
  dropoutAux: checkDropout,
  width: checkWidth,
  kernel5x5: integerFrom(1),
}

/** What `forward` returns in training mode where there are auxiliary classifiers: [N, numClasses] each. */
export interface GoogLeNetOutput {
  logits: Tensor
  /** Of the classifier behind inception 4d. */
  auxLogits2: Tensor
  /** Of the classifier behind inception 4a. */
  auxLogits1: Tensor
}

type Widths = readonly [c1: number, r3: number, c3: number, r5: number, c5: number, pool: number]

/** Table 1 of the paper, by stages: 1×1, reduction and 3×3, reduction and 5×5, behind the pooling. */
const stages: { readonly [stage: string]: { readonly [letter: string]: Widths } } = {
  3: {
    a: [64, 96, 128, 16, 32, 32],
    b: [128, 128, 192, 32, 96, 64],
  },
  4: {
    a: [192, 96, 208, 16, 48, 64],
    b: [160, 112, 224, 24, 64, 64],
    c: [128, 128, 256, 24, 64, 64],
    d: [112, 144, 288, 32, 64, 64],
    e: [256, 160, 320, 32, 128, 128],
  },
  5: {
    a: [256, 160, 320, 32, 128, 128],
    b: [384, 192, 384, 48, 128, 128],
  },
}

/** A classifier on the maps in the middle of the network: 4×4 means, a 1×1 convolution, two linear layers (128 and 1024 wide). */
class InceptionAux extends Module {
  pool = new AdaptiveAvgPool2d(4)
  conv: BasicConv2d
  fc1: Linear
  fc2: Linear
  dropout: Dropout

  constructor(
    inChannels: number,
    [outChannels, units]: readonly [outChannels: number, units: number],
    numClasses: number,
    dropout: number,
    factory: FactoryOptions,
  ) {
    super()
    this.conv = new BasicConv2d(inChannels, outChannels, 1, factory)
    this.fc1 = new Linear(4 * 4 * outChannels, units, factory)
    this.fc2 = new Linear(units, numClasses, factory)
    this.dropout = new Dropout(dropout)
  }

  override forward(x: Tensor): Tensor {
    const maps = this.conv.forward(this.pool.forward(x)) // [N, outChannels, 4, 4]
    return this.fc2.forward(this.dropout.forward(this.fc1.forward(F.flatten(maps, 1)).relu()))
  }
}

/**
 * GoogLeNet; `googlenet()` and `googlenetNaive()` make it. Its tensors have torchvision's names. In training mode `forward`
 * returns a GoogLeNetOutput, in evaluation mode the logits; without auxiliary classifiers (`GoogLeNet<false>`) always the logits.
 * Shapes: [N, inChannels, H, W] → [N, numClasses].
 * @throws ValueError if a count, the width or a dropout is out of range.
 * @see https://arxiv.org/abs/1409.4842 (Szegedy et al.: Going Deeper with Convolutions)
 * @example const net: models.GoogLeNet<false> = models.googlenet({ auxLogits: false })
 */
export class GoogLeNet<Aux extends boolean = true> extends Module<
  [x: Tensor],
  Aux extends false ? Tensor : Tensor | GoogLeNetOutput
> {
  /** The 7×7 convolution of stride 2. */
  conv1: BasicConv2d
  /** Pooling that halves, rounding up. */
  maxpool1 = pool(3)
  /** The 1×1 convolution. */
  conv2: BasicConv2d
  /** The 3×3 convolution. */
  conv3: BasicConv2d
  /** Pooling that halves, rounding up. */
  maxpool2 = pool(3)
  /** The classifier behind inception 4a; null without auxiliary classifiers. */
  aux1: InceptionAux | null
  /** The classifier behind inception 4d; null without auxiliary classifiers. */
  aux2: InceptionAux | null
  /** The mean of each plane: [N, C, H, W] → [N, C]. */
  avgpool = new GlobalAvgPool({ keepdim: false })
  /** Dropout before the last layer. */
  dropout: Dropout
  /** The last layer: [N, C] → [N, numClasses]. */
  fc: Linear
  /** From inception 3a to 5b, with the poolings between the stages. */
  private readonly [ownRows]: [field: string, layer: Inception | NaiveInception | MaxPool2d][] = []

  constructor(isNaive: boolean, options: GoogLeNetOptions<Aux> = {}) {
    super()
    checkOptions('GoogLeNet', options, googlenetChecks)
    const { auxLogits = true, dropout = 0.2, dropoutAux = 0.7, width = 1, kernel5x5 = 3 } = options
    const { numClasses, inChannels } = modelCounts('GoogLeNet', options)
    const factory = factoryOf(options)
    const scaled = (count: number) => Math.max(1, Math.round(width * count))
    const [stem, wide] = [scaled(64), scaled(192)]
    this.conv1 = new BasicConv2d(inChannels, stem, 7, factory, 2)
    this.conv2 = new BasicConv2d(stem, stem, 1, factory)
    this.conv3 = new BasicConv2d(stem, wide, 3, factory)
    const widths: { [field: string]: number } = {}
    let channels = wide
    for (const [stage, modules] of Object.entries(stages)) {
      if (stage !== '3') {
        // The last pooling has windows of 2×2, as in torchvision.
        this[ownRows].push([`maxpool${Number(stage) - 1}`, pool(stage === '5' ? 2 : 3)])
      }
      for (const [letter, row] of Object.entries(modules)) {
        const field = `inception${stage}${letter}`
        const paths = pathsOf(row, scaled)
        const { channels1x1, channels3x3, channels5x5 } = paths
        const module = isNaive
          ? new NaiveInception(channels, { channels1x1, channels3x3, channels5x5, ...factory })
          : new Inception(channels, { ...paths, kernel5x5, ...factory })
        channels = module.outChannels
        widths[field] = channels
        this[ownRows].push([field, module])
      }
    }
    Object.assign(this, Object.fromEntries(this[ownRows]))
    const auxiliary = (field: string) =>
      new InceptionAux(widths[field]!, [scaled(128), scaled(1024)], numClasses, dropoutAux, factory)
    this.aux1 = auxLogits ? auxiliary('inception4a') : null
    this.aux2 = auxLogits ? auxiliary('inception4d') : null
    this.dropout = new Dropout(dropout)
    this.fc = new Linear(channels, numClasses, factory)
    for (const module of this.modules()) {
      if (module instanceof Conv2d || module instanceof Linear) normal_(module.weight, 0, 0.01)
    }
  }

  override forward(x: Tensor): Aux extends false ? Tensor : Tensor | GoogLeNetOutput
  override forward(x: Tensor): Tensor | GoogLeNetOutput {
    const { aux1, aux2, training } = this
    let y = this.conv2.forward(this.maxpool1.forward(this.conv1.forward(x)))
    y = this.maxpool2.forward(this.conv3.forward(y))
    let auxLogits1: Tensor | undefined
    let auxLogits2: Tensor | undefined
    for (const [field, layer] of this[ownRows]) {
      y = layer.forward(y)
      if (training && field === 'inception4a') auxLogits1 = aux1?.forward(y)
      if (training && field === 'inception4d') auxLogits2 = aux2?.forward(y)
    }
    const logits = this.fc.forward(this.dropout.forward(this.avgpool.forward(y)))
    return auxLogits1 && auxLogits2 ? { logits, auxLogits2, auxLogits1 } : logits
  }
}

/** Halves, rounding up. */
function pool(kernel: number): MaxPool2d {
  return new MaxPool2d(kernel, { stride: 2, ceilMode: true })
}

function pathsOf(row: Widths, scaled: (count: number) => number): Omit<InceptionOptions, 'kernel5x5'> {
  const [channels1x1, reduce3x3, channels3x3, reduce5x5, channels5x5, channelsPool] = row.map(scaled) as [...Widths]
  return { channels1x1, reduce3x3, channels3x3, reduce5x5, channels5x5, channelsPool }
}

/**
 * The loss that GoogLeNet is trained with: cross-entropy of the logits plus `weight` (0.3 in the paper) times that of each auxiliary
 * classifier; of the logits alone where `output` is a tensor, as in evaluation mode. Logits are [N, numClasses], `target` int32 [N]
 * class numbers; the loss is a scalar.
 * @throws ValueError if the output is no such output, or weight not a number; ShapeError if logits and target do not fit.
 * @see https://arxiv.org/abs/1409.4842 (section 5)
 * @example const loss = models.googlenetLoss(net.forward(x), y)
 */
export function googlenetLoss(output: Tensor | GoogLeNetOutput, target: Tensor, weight = 0.3): Tensor {
  if (output instanceof Tensor) return F.crossEntropy(output, target)
  checkNumber('googlenetLoss', 'weight', weight)
  const { logits, auxLogits1, auxLogits2 } = output ?? {}
  for (const [name, each] of Object.entries({ logits, auxLogits1, auxLogits2 }))
    checkTensor('googlenetLoss', name, each)
  const auxiliary = F.crossEntropy(auxLogits1, target).add(F.crossEntropy(auxLogits2, target))
  return F.crossEntropy(logits, target).add(auxiliary.mul(weight))
}

/**
 * GoogLeNet (Inception v1) with batch normalisation, as torchvision has it: [N, 3, H, W] → [N, numClasses] for pictures of at
 * least 15×15; in training mode the logits of the auxiliary classifiers come as well. `nn.summary`: 187 layers, 13,004,888
 * parameters (6,624,904 without the auxiliary classifiers), 1,498,376,192 multiply-adds at 224×224.
 * @throws ValueError if a count, the width or a dropout is out of range; ShapeError that names the layer for smaller pictures.
 * @see https://arxiv.org/abs/1409.4842 (Szegedy et al.: Going Deeper with Convolutions)
 * @see https://docs.pytorch.org/vision/stable/models/googlenet.html
 * @example const net = models.googlenet({ numClasses: 10, auxLogits: false })
 */
export function googlenet<Aux extends boolean = true>(options: GoogLeNetOptions<Aux> = {}): GoogLeNet<Aux> {
  return new GoogLeNet(false, options)
}

/**
 * GoogLeNet of naive inception modules: the same widths of the 1×1, 3×3 and 5×5 paths, no reductions, and poolings that add all
 * their channels: [N, 3, H, W] → [N, numClasses]. `nn.summary`: 106 layers, 104,279,704 parameters (97,531,080 without the
 * auxiliary classifiers), 12,568,061,056 multiply-adds at 224×224: beside those of `googlenet()`, what the reductions save.
 * @throws ValueError if a count, the width or a dropout is out of range; ShapeError that names the layer for smaller pictures.
 * @see https://arxiv.org/abs/1409.4842 (section 4, figure 2a)
 * @example const net = models.googlenetNaive({ numClasses: 10, auxLogits: false })
 */
export function googlenetNaive<Aux extends boolean = true>(
  options: Omit<GoogLeNetOptions<Aux>, 'kernel5x5'> = {},
): GoogLeNet<Aux> {
  return new GoogLeNet(true, options)
}
