// NASNet-A in two sizes: the same cells, more or fewer and wider or narrower.
import { nasnetANormal, nasnetAReduction } from '../blocks/nasnet.js'
import { CellNetwork, type CellNetworkDesign, type CellNetworkOptions } from './cell-network.js'

const cells = {
  normal: nasnetANormal,
  reduction: nasnetAReduction,
  stemPrevious: 'none',
  firstCells: [0, 6, 12],
} as const satisfies Partial<CellNetworkDesign>

/** NASNet-A (4 @ 1056): the last stage puts out 24·44 = 1056 channels. */
const mobile: CellNetworkDesign = { ...cells, cells: 4, channels: 44, stemChannels: 32, skipsReductionInput: false }

/** NASNet-A (6 @ 4032). */
const large: CellNetworkDesign = { ...cells, cells: 6, channels: 168, stemChannels: 96, skipsReductionInput: true }

/**
 * NASNet-A; `nasnetAMobile()` and `nasnetALarge()` make it. Shapes: [N, inChannels, H, W] → [N, numClasses].
 * @throws ValueError if a count or the dropout is out of range.
 * @see https://arxiv.org/abs/1707.07012 (Zoph, Vasudevan, Shlens, Le: Learning Transferable Architectures)
 * @example const net: models.NASNet = models.nasnetAMobile({ numClasses: 10 })
 */
export class NASNet extends CellNetwork {}

/**
 * NASNet-A mobile (4 @ 1056): [N, 3, H, W] → [N, numClasses]; 224×224 in the paper, 5,289,978 parameters (no auxiliary head).
 * @throws ValueError if a count or the dropout is out of range.
 * @see https://arxiv.org/abs/1707.07012 (Zoph, Vasudevan, Shlens, Le: Learning Transferable Architectures)
 * @example const net = models.nasnetAMobile({ numClasses: 10, channels: 24 })
 */
export function nasnetAMobile(options: CellNetworkOptions = {}): NASNet {
  return new NASNet('NASNet', mobile, options)
}

/**
 * NASNet-A large (6 @ 4032): [N, 3, H, W] → [N, numClasses]; 331×331 in the paper, 88,753,150 parameters (no auxiliary head). Its
 * tensors have the names of timm's `nasnetalarge`.
 * @throws ValueError if a count or the dropout is out of range.
 * @see https://arxiv.org/abs/1707.07012
 * @example const net = models.nasnetALarge({ cells: 1, channels: 48 })
 */
export function nasnetALarge(options: CellNetworkOptions = {}): NASNet {
  return new NASNet('NASNet', large, options)
}
