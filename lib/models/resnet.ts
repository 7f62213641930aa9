// ResNet with 18, 34, 50, 101 and 152 layers: how many blocks of which kind, as a table.
import { BasicBlock } from '../blocks/basic.js'
import { Bottleneck } from '../blocks/bottleneck.js'
import type { Block } from '../blocks/layer.js'
import { factoryOf } from '../blocks/options.js'
import {
  type Checks,
  checkBoolean,
  checkFunction,
  checkList,
  checkObject,
  checkOptions,
  integerFrom,
  moduleCount,
  refuse,
} from '../check.js'
import { ReLU } from '../nn/activation.js'
import { Sequential } from '../nn/containers.js'
import { Conv2d } from '../nn/conv.js'
import { Dropout } from '../nn/dropout.js'
import { zeros_ } from '../nn/init.js'
import { Linear } from '../nn/linear.js'
import { type AnyModule, Module } from '../nn/module.js'
import { BatchNorm2d } from '../nn/norm.js'
import type { FactoryOptions } from '../nn/parameter.js'
import { GlobalAvgPool, MaxPool2d } from '../nn/pool.js'
import type { Tensor } from '../tensor.js'
import { checkDropout, initConvolutions, type ModelOptions, modelChecks, modelCounts } from './support.js'

export interface ResNetOptions extends ModelOptions {
  /** Channels of the first convolution, which those of all others are multiples of. Default 64. */
  baseChannels?: number
  /** Probability with which a feature is left out before the last layer in training. Default 0. */
  dropout?: number
  /**
   * Whether the last normalisation of each block starts with a weight of 0, so that the block starts as its shortcut. Default
   * false.
   */
  zeroInitResidual?: boolean
}

export const resnetChecks: Checks<ResNetOptions> = {
  ...modelChecks,
  baseChannels: integerFrom(1),
  dropout: checkDropout,
  zeroInitResidual: checkBoolean,
}

/** A block of a stage: what it reads, what it puts out, and the stage, from 0 on. */
export interface ResidualRow extends FactoryOptions {
  inChannels: number
  outChannels: number
  stride: number
  stage: number
}

/** What tells one residual network from another. */
export interface ResNetDesign {
  /** Blocks of the four stages. */
  counts: readonly [number, number, number, number]
  /** Output channels of a stage, in units of the stage's width. */
  expansion: 1 | 4
  block: (row: ResidualRow) => Block
}

const basic: Omit<ResNetDesign, 'counts'> = {
  expansion: 1,
  block: ({ inChannels, outChannels, stride, ...factory }) =>
    new BasicBlock(inChannels, { outChannels, stride, ...factoryOf(factory) }),
}

const bottleneck: Omit<ResNetDesign, 'counts'> = {
  expansion: 4,
  block: ({ inChannels, outChannels, stride, ...factory }) =>
    new Bottleneck(inChannels, { outChannels, stride, ...factoryOf(factory) }),
}

/** Table 1 of the paper. */
const designs = {
  18: { counts: [2, 2, 2, 2], ...basic },
  34: { counts: [3, 4, 6, 3], ...basic },
  50: { counts: [3, 4, 6, 3], ...bottleneck },
  101: { counts: [3, 4, 23, 3], ...bottleneck },
  152: { counts: [3, 8, 36, 3], ...bottleneck },
} as const satisfies Record<number, ResNetDesign>

/** Refuses what is no design, for callers without types. */
export function checkDesign(network: string, design: Pick<ResNetDesign, 'counts'> & Partial<ResNetDesign>): void {
  checkObject(network, 'design', design)
  checkCounts(network, design.counts)
  if (design.expansion !== 1 && design.expansion !== 4) refuse(network, 'design.expansion', design.expansion, '1 or 4')
  checkFunction(network, 'design.block', design.block)
}

/** How many blocks each of four stages has. */
export function checkCounts(network: string, counts: unknown): void {
  checkList(network, 'counts', counts)
  if (counts.length !== 4) refuse(network, 'counts', counts, 'four numbers, one a stage')
  for (const [i, count] of counts.entries()) moduleCount(network, `counts[${i}]`, count)
}

/** Blocks one after another, the first with the stride. */
export function residualStage(first: ResidualRow, count: number, make: (row: ResidualRow) => Block): Sequential {
  const stage = new Sequential(make(first))
  for (let i = 1; i < count; i++) stage.append(make({ ...first, inChannels: first.outChannels, stride: 1 }))
  return stage
}

/** The four stages: each doubles the width of the one before and halves its picture. */
export function residualStages(
  { counts, expansion, block }: ResNetDesign,
  width: number,
  factory: FactoryOptions,
): [Sequential, Sequential, Sequential, Sequential] {
  let inChannels = width
  const stages = counts.map((count, stage) => {
    const outChannels = expansion * width * 2 ** stage
    const row = { inChannels, outChannels, stride: stage === 0 ? 1 : 2, stage, ...factory }
    inChannels = outChannels
    return residualStage(row, count, block)
  })
  return stages as [Sequential, Sequential, Sequential, Sequential]
}

/** Sets the weight of each block's last normalisation to 0. */
export function zeroInit(network: AnyModule): void {
  for (const module of network.modules()) {
    const last = module instanceof Bottleneck ? module.bn3 : module instanceof BasicBlock ? module.bn2 : null
    if (last instanceof BatchNorm2d && last.weight) zeros_(last.weight)
  }
}

/** The options of a residual network with their defaults. @throws ValueError if one is out of range. */
export function residualOptions(
  network: string,
  options: ResNetOptions,
): Required<Omit<ResNetOptions, keyof FactoryOptions>> & { factory: FactoryOptions } {
  checkObject(network, 'options', options)
  const { baseChannels = 64, dropout = 0, zeroInitResidual = false } = options
  return { ...modelCounts(network, options), baseChannels, dropout, zeroInitResidual, factory: factoryOf(options) }
}

/**
 * A residual network; `resnet18()` … `resnet152()` and `resnext50()` make such. Its tensors have the names of torchvision's
 * ResNet. Shapes: [N, inChannels, H, W] → [N, numClasses].
 * @throws ValueError if the design or a count is out of range, or the dropout is not a probability below 1.
 * @see https://arxiv.org/abs/1512.03385 (He, Zhang, Ren, Sun: Deep Residual Learning)
 * @see https://docs.pytorch.org/vision/stable/models/resnet.html
 * @example const net: models.ResNet = models.resnet18({ numClasses: 10 })
 */
export class ResNet extends Module {
  /** The 7×7 convolution of stride 2. */
  conv1: Conv2d
  /** Normalisation after conv1. */
  bn1: BatchNorm2d
  /** The activation. */
  relu = new ReLU()
  /** 3×3 max pooling of stride 2. */
  maxpool = new MaxPool2d(3, { stride: 2, padding: 1 })
  /** The first stage of blocks. */
  layer1: Sequential
  /** The second stage: half the height and width. */
  layer2: Sequential
  /** The third stage: half the height and width again. */
  layer3: Sequential
  /** The fourth stage: half the height and width again. */
  layer4: Sequential
  /** The mean of each plane: [N, C, H, W] → [N, C]. */
  avgpool = new GlobalAvgPool({ keepdim: false })
  /** Dropout before the last layer. */
  drop: Dropout
  /** The last layer: [N, C] → [N, numClasses]. */
  fc: Linear

  constructor(design: ResNetDesign, options: ResNetOptions = {}) {
    super()
    checkDesign('ResNet', design)
    if (new.target === ResNet) checkOptions('ResNet', options, resnetChecks)
    const { numClasses, inChannels, baseChannels, dropout, zeroInitResidual, factory } = residualOptions(
      'ResNet',
      options,
    )
    this.conv1 = new Conv2d(inChannels, baseChannels, 7, { stride: 2, padding: 3, bias: false, ...factory })
    this.bn1 = new BatchNorm2d(baseChannels, factory)
    const [layer1, layer2, layer3, layer4] = residualStages(design, baseChannels, factory)
    this.layer1 = layer1
    this.layer2 = layer2
    this.layer3 = layer3
    this.layer4 = layer4
    this.drop = new Dropout(dropout)
    this.fc = new Linear(8 * design.expansion * baseChannels, numClasses, factory)
    initConvolutions(this)
    if (zeroInitResidual) zeroInit(this)
  }

  override forward(x: Tensor): Tensor {
    let y = this.maxpool.forward(this.relu.forward(this.bn1.forward(this.conv1.forward(x))))
    for (const stage of [this.layer1, this.layer2, this.layer3, this.layer4]) y = stage.forward(y)
    return this.fc.forward(this.drop.forward(this.avgpool.forward(y)))
  }
}

/**
 * ResNet-18: [N, 3, H, W] of any size → [N, numClasses]; 18 layers, 11,689,512 parameters, 1,814 million multiply-adds at 224×224.
 * Its tensors have the names of torchvision's `resnet18`.
 * @throws ValueError if a count or the dropout is out of range.
 * @see https://arxiv.org/abs/1512.03385 (He, Zhang, Ren, Sun: Deep Residual Learning, table 1)
 * @example const net = models.resnet18({ numClasses: 10 })
 */
export function resnet18(options: ResNetOptions = {}): ResNet {
  return new ResNet(designs[18], options)
}

/**
 * ResNet-34: [N, 3, H, W] of any size → [N, numClasses]; 34 layers, 21,797,672 parameters, 3,664 million multiply-adds at 224×224.
 * Its tensors have the names of torchvision's `resnet34`.
 * @throws ValueError if a count or the dropout is out of range.
 * @see https://arxiv.org/abs/1512.03385
 * @example const net = models.resnet34({ numClasses: 10 })
 */
export function resnet34(options: ResNetOptions = {}): ResNet {
  return new ResNet(designs[34], options)
}

/**
 * ResNet-50: [N, 3, H, W] of any size → [N, numClasses]; 50 layers, 25,557,032 parameters, 4,089 million multiply-adds at 224×224.
 * As in torchvision's `resnet50`, whose names its tensors have, the 3×3 convolutions have the strides.
 * @throws ValueError if a count or the dropout is out of range.
 * @see https://arxiv.org/abs/1512.03385
 * @example const net = models.resnet50({ zeroInitResidual: true })
 */
export function resnet50(options: ResNetOptions = {}): ResNet {
  return new ResNet(designs[50], options)
}

/**
 * ResNet-101: [N, 3, H, W] of any size → [N, numClasses]; 101 layers, 44,549,160 parameters, 7,801 million multiply-adds at
 * 224×224. Its tensors have the names of torchvision's `resnet101`.
 * @throws ValueError if a count or the dropout is out of range.
 * @see https://arxiv.org/abs/1512.03385
 * @example const net = models.resnet101({ numClasses: 10 })
 */
export function resnet101(options: ResNetOptions = {}): ResNet {
  return new ResNet(designs[101], options)
}

/**
 * ResNet-152: [N, 3, H, W] of any size → [N, numClasses]; 152 layers, 60,192,808 parameters, 11,514 million multiply-adds at
 * 224×224. Its tensors have the names of torchvision's `resnet152`.
 * @throws ValueError if a count or the dropout is out of range.
 * @see https://arxiv.org/abs/1512.03385
 * @example const net = models.resnet152({ numClasses: 10 })
 */
export function resnet152(options: ResNetOptions = {}): ResNet {
  return new ResNet(designs[152], options)
}
