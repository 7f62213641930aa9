// What all networks share: their options, and how their weights are first drawn.
import { checkCount } from '../blocks/options.js'
import { ValueError } from '../errors.js'
import { textOf } from '../functional/arguments.js'
import { Conv2d } from '../nn/conv.js'
import { kaimingNormal_, normal_, zeros_ } from '../nn/init.js'
import { Linear } from '../nn/linear.js'
import type { AnyModule } from '../nn/module.js'
import type { FactoryOptions } from '../nn/parameter.js'

/** What every network can be given. */
export interface ModelOptions extends FactoryOptions {
  /** Outputs of the last layer. Default 1000, ImageNet's. */
  numClasses?: number
  /** Channels of the input. Default 3. */
  inChannels?: number
}

interface ModelCounts {
  numClasses: number
  inChannels: number
}

/** ImageNet's, in colour. */
const imageNet: ModelCounts = { numClasses: 1000, inChannels: 3 }

/** The two counts with their defaults. @throws ValueError for what is no whole number of at least 1. */
export function modelCounts(network: string, options: ModelOptions, byDefault = imageNet): ModelCounts {
  const { numClasses = byDefault.numClasses, inChannels = byDefault.inChannels } = options
  checkCount(network, 'numClasses', numClasses)
  checkCount(network, 'inChannels', inChannels)
  return { numClasses, inChannels }
}

/** Refuses what is no probability below 1. */
export function checkDropout(network: string, dropout: number, name = 'dropout'): void {
  if (!(dropout >= 0 && dropout < 1)) {
    throw new ValueError(`${network}: ${name} is ${textOf(dropout)}, expected a number in [0, 1)`)
  }
}

/** Refuses what is no factor on the widths of layers. */
export function checkWidth(network: string, width: number): void {
  if (!(width > 0 && Number.isFinite(width))) {
    throw new ValueError(`${network}: width is ${textOf(width)}, expected a positive number`)
  }
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
