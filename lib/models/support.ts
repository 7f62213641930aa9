// What all networks share: their options, and how their weights are first drawn.
import { type Activation, checkActivation, checkCount } from '../blocks/options.js'
import { type Checks, checkObject, integerFrom, numberThat } from '../check.js'
import { Conv2d } from '../nn/conv.js'
import { kaimingNormal_, normal_, zeros_ } from '../nn/init.js'
import { Linear } from '../nn/linear.js'
import type { AnyModule } from '../nn/module.js'
import { type FactoryOptions, factoryChecks } from '../nn/parameter.js'

/** What every network can be given. */
export interface ModelOptions extends FactoryOptions {
  /** Outputs of the last layer. Default 1000, ImageNet's. */
  numClasses?: number
  /** Channels of the input. Default 3. */
  inChannels?: number
}

export const modelChecks: Checks<ModelOptions> = {
  ...factoryChecks,
  numClasses: integerFrom(1),
  inChannels: integerFrom(1),
}

/** A probability below 1. */
export const checkDropout = numberThat('a number in [0, 1)', (value) => value >= 0 && value < 1)
/** A factor on the widths of layers. */
export const checkWidth = numberThat('a positive number', (value) => value > 0 && Number.isFinite(value))

/** The options that both MobileNets take. */
export const mobilenetChecks: Checks<ModelOptions & { width?: number; dropout?: number; activation?: Activation }> = {
  ...modelChecks,
  width: checkWidth,
  dropout: checkDropout,
  activation: checkActivation,
}

interface ModelCounts {
  numClasses: number
  inChannels: number
}

/** ImageNet's, in colour. */
const imageNet: ModelCounts = { numClasses: 1000, inChannels: 3 }

/** The two counts with their defaults. @throws ValueError if one is not a positive integer. */
export function modelCounts(network: string, options: ModelOptions, byDefault = imageNet): ModelCounts {
  checkObject(network, 'options', options)
  const { numClasses = byDefault.numClasses, inChannels = byDefault.inChannels } = options
  checkCount(network, 'numClasses', numClasses)
  checkCount(network, 'inChannels', inChannels)
  return { numClasses, inChannels }
}

/** The nearest multiple of 8, but not less than nine tenths of the width: how MobileNets round what a factor makes. */
export function roundedWidth(width: number): number {
  const near = Math.max(8, 8 * Math.floor((width + 4) / 8))
  return near < 0.9 * width ? near + 8 : near
}

/** Draws all convolutions by Kaiming's rule for what comes out of them (mode fanOut, ReLU), with biases 0: torchvision's way. */
export function initConvolutions(network: AnyModule): void {
  for (const module of network.modules()) {
    if (!(module instanceof Conv2d)) continue
    kaimingNormal_(module.weight, { mode: 'fanOut', nonlinearity: 'relu' })
    if (module.bias) zeros_(module.bias)
  }
}

/** Draws all linear layers from a normal distribution of deviation 0.01, with biases 0: torchvision's way for wide classifiers. */
export function initLinears(network: AnyModule): void {
  for (const module of network.modules()) {
    if (!(module instanceof Linear)) continue
    normal_(module.weight, 0, 0.01)
    if (module.bias) zeros_(module.bias)
  }
}
