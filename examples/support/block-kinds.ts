// The kinds of block that are compared, each as a stage of two, with its parameters counted by hand.
import { blocks, nn, type Tensor } from '../../lib/index.js'

/** A kind of block, as one stage of the network: [N, inChannels, H, W] → [N, about width, H, W]. */
export interface BlockKind {
  readonly name: string
  /** Where it was published. */
  readonly paper: string
  readonly stage: (inChannels: number, width: number) => blocks.Block
  /** The stage's parameters, counted from the paper's drawing of the block. */
  readonly params: (inChannels: number, width: number) => number
}

/** The same block twice, the first from `inChannels` to `width`. */
function twice(make: (inChannels: number, width: number) => blocks.Block): BlockKind['stage'] {
  return (inChannels, width) => blocks.stack(inChannels, [(c) => make(c, width), (c) => make(c, width)])
}

/** A searched cell reads the outputs of the two cells before it; the first has only one input to read. */
class TwoCells extends nn.Module {
  first: blocks.Cell
  second: blocks.Cell
  readonly outChannels: number

  constructor(table: blocks.CellTable, inChannels: number, channels: number) {
    super()
    this.first = new blocks.Cell(table, [inChannels, inChannels], 1, { channels })
    this.second = new blocks.Cell(table, [inChannels, this.first.outChannels], 1, { channels })
    this.outChannels = this.second.outChannels
  }

  override forward(x: Tensor): Tensor {
    return this.second.forward(this.first.forward(x), x)
  }
}

// ---- parameters by hand ---------------------------------------------------------------------------------------------

/** A k×k convolution without bias, and the factor and summand of each channel of its batch normalisation. */
const unit = (c: number, f: number, k: number, groups = 1) => (k * k * c * f) / groups + 2 * f
const bottleneck = (c: number, f: number, inner: number, groups = 1) =>
  unit(c, inner, 1) + unit(inner, inner, 3, groups) + unit(inner, f, 1)
/** The 1×1 convolution around a block whose width changes. */
const projection = (c: number, f: number) => (c === f ? 0 : unit(c, f, 1))
const basicResidual = (c: number, f: number) => unit(c, f, 3) + unit(f, f, 3) + projection(c, f)
/** Two layers with biases and a sixteenth of the channels between them. */
const excitation = (f: number) => (2 * f + 1) * Math.max(1, Math.floor(f / 16)) + f

const ofTwo =
  (count: (c: number, f: number) => number): BlockKind['params'] =>
  (c, f) =>
    count(c, f) + count(f, f)

/** Two 1×1 convolutions bring the inputs to f channels; each separable convolution of the drawing is applied twice. */
function ofCell(previous: number, last: number, f: number, kernels: readonly number[]): number {
  const separable = (k: number) => k * k * f + unit(f, f, 1)
  return unit(previous, f, 1) + unit(last, f, 1) + kernels.reduce((sum, k) => sum + 2 * separable(k), 0)
}

/** Two cells that each concatenate `parts` results. NASNet-A's also concatenates an input: 6 parts of f channels. */
function ofCells(c: number, f: number, parts: number, kernels: readonly number[]): number {
  return ofCell(c, c, f, kernels) + ofCell(c, parts * f, f, kernels)
}

// ---- the blocks -----------------------------------------------------------------------------------------------------

/** A quarter of 1×1, half of 3×3, a quarter of 5×5. */
const naiveWidths = (width: number) => ({ channels1x1: width / 4, channels3x3: width / 2, channels5x5: width / 4 })

/** GoogLeNet's first module by its output's 256 channels. */
const inceptionWidths = (width: number) => ({
  channels1x1: width / 4,
  reduce3x3: (3 * width) / 8,
  channels3x3: width / 2,
  reduce5x5: width / 16,
  channels5x5: width / 8,
  channelsPool: width / 8,
})

export const blockKinds: readonly BlockKind[] = [
  {
    name: 'plain convolution',
    paper: 'Simonyan, Zisserman 2014',
    stage: twice((c, outChannels) => new blocks.ConvNormActivation(c, { outChannels })),
    params: ofTwo((c, f) => unit(c, f, 3)),
  },
  {
    name: 'bottleneck',
    paper: 'He et al. 2015',
    stage: twice((c, outChannels) => new blocks.PlainBottleneck(c, { outChannels })),
    params: ofTwo((c, f) => bottleneck(c, f, f / 4)),
  },
  {
    name: 'naive inception',
    paper: 'Szegedy et al. 2014',
    // The pooling puts out all that comes in, so that each module is wider than the one before.
    stage: twice((c, width) => new blocks.NaiveInception(c, naiveWidths(width))),
    params: (c, f) => {
      const one = (c: number) => unit(c, f / 4, 1) + unit(c, f / 2, 3) + unit(c, f / 4, 5)
      return one(c) + one(c + f)
    },
  },
  {
    name: 'inception',
    paper: 'Szegedy et al. 2014',
    stage: twice((c, width) => new blocks.Inception(c, inceptionWidths(width))),
    params: ofTwo(
      (c, f) =>
        unit(c, f / 4, 1) +
        (unit(c, (3 * f) / 8, 1) + unit((3 * f) / 8, f / 2, 3)) +
        (unit(c, f / 16, 1) + unit(f / 16, f / 8, 5)) +
        unit(c, f / 8, 1),
    ),
  },
  {
    name: 'residual bottleneck',
    paper: 'He et al. 2015',
    stage: twice((c, outChannels) => new blocks.Bottleneck(c, { outChannels })),
    params: ofTwo((c, f) => bottleneck(c, f, f / 4) + projection(c, f)),
  },
  {
    name: 'basic residual',
    paper: 'He et al. 2015',
    stage: twice((c, outChannels) => new blocks.BasicBlock(c, { outChannels })),
    params: ofTwo(basicResidual),
  },
  {
    name: 'ResNeXt',
    paper: 'Xie et al. 2016',
    stage: twice((c, outChannels) => new blocks.ResNeXtBlock(c, { outChannels, cardinality: 8 })),
    params: ofTwo((c, f) => bottleneck(c, f, f / 2, 8) + projection(c, f)),
  },
  {
    name: 'dense block',
    paper: 'Huang et al. 2016',
    // Four layers, as many 3×3 convolutions as two residual blocks have.
    stage: (c, width) => new blocks.DenseBlock(c, { layers: 4, growthRate: (width - c) / 4 }),
    params: (c, f) => {
      const growth = (f - c) / 4
      const inputs = [0, 1, 2, 3].map((i) => c + i * growth)
      return inputs.reduce((sum, wide) => sum + 2 * wide + 9 * wide * growth, 0)
    },
  },
  {
    name: 'basic residual, excited',
    paper: 'Hu et al. 2017',
    stage: twice((c, outChannels) => new blocks.BasicBlock(c, { outChannels, excite: true })),
    params: ofTwo((c, f) => basicResidual(c, f) + excitation(f)),
  },
  {
    name: 'depthwise separable',
    paper: 'Howard et al. 2017',
    stage: twice((c, outChannels) => new blocks.SeparableConv(c, { outChannels })),
    params: ofTwo((c, f) => unit(c, c, 3, c) + unit(c, f, 1)),
  },
  {
    name: 'inverted residual',
    paper: 'Sandler et al. 2018',
    stage: twice((c, outChannels) => new blocks.InvertedResidual(c, { outChannels })),
    params: ofTwo((c, f) => unit(c, 6 * c, 1) + unit(6 * c, 6 * c, 3, 6 * c) + unit(6 * c, f, 1)),
  },
  {
    name: 'NASNet-A cell',
    paper: 'Zoph et al. 2017',
    stage: (c, width) => new TwoCells(blocks.nasnetANormal, c, Math.round(width / 6)),
    params: (c, f) => ofCells(c, Math.round(f / 6), 6, [3, 3, 3, 5, 5]),
  },
  {
    name: 'AmoebaNet-A cell',
    paper: 'Real et al. 2018',
    stage: (c, width) => new TwoCells(blocks.amoebanetANormal, c, Math.round(width / 3)),
    params: (c, f) => ofCells(c, Math.round(f / 3), 3, [3, 3, 3, 5]),
  },
]
