// AmoebaNet-A of mobile size: NASNet's arrangement with the cells that evolution found.
import { amoebanetANormal, amoebanetAReduction } from '../blocks/amoebanet.js'
import { CellNetwork, type CellNetworkDesign, type CellNetworkOptions } from './cell-network.js'

const mobile: CellNetworkDesign = {
  normal: amoebanetANormal,
  reduction: amoebanetAReduction,
  cells: 4,
  channels: 50,
  stemChannels: 32,
  skipsReductionInput: false,
  stemPrevious: 'conv',
  firstCells: [0, 6, 12],
}

/**
 * AmoebaNet-A; `amoebanetA()` makes it. Shapes: [N, inChannels, H, W] → [N, numClasses].
 * @throws ValueError if a count or the dropout is out of range.
 * @see https://arxiv.org/abs/1802.01548 (Real, Aggarwal, Huang, Le: Regularized Evolution)
 * @example const net: models.AmoebaNet = models.amoebanetA({ numClasses: 10 })
 */
export class AmoebaNet extends CellNetwork {}

/**
 * AmoebaNet-A of mobile size (N = 4, F = 50): [N, 3, H, W] → [N, numClasses]; 224×224 in the paper, 4,982,312 parameters with
 * NASNet's stem and no auxiliary head.
 * @throws ValueError if a count or the dropout is out of range.
 * @see https://arxiv.org/abs/1802.01548 (Real, Aggarwal, Huang, Le: Regularized Evolution for Image Classifier Architecture Search)
 * @example const net = models.amoebanetA({ numClasses: 10, channels: 24 })
 */
export function amoebanetA(options: CellNetworkOptions = {}): AmoebaNet {
  return new AmoebaNet('AmoebaNet', mobile, options)
}
