// Resizing by interpolation.
import type { DType } from '../../types/dtype.js'
import { checkOptions } from '../check.js'
import { ShapeError, ValueError } from '../errors.js'
import { native } from '../native.js'
import { type Tensor, wrap } from '../tensor.js'
import { checkTensor, type Size, shapeText, sizes, textOf } from './arguments.js'
import { interpolateChecks } from './checks.js'

export type InterpolationMode = 'nearest' | 'linear' | 'bilinear' | 'trilinear'

export interface InterpolateOptions {
  /** The spatial sizes of the result. Either this or scaleFactor. */
  size?: Size
  /** What the spatial sizes are multiplied by (rounded down). */
  scaleFactor?: Size
  /** 'linear' takes [N, C, L], 'bilinear' [N, C, H, W], 'trilinear' [N, C, D, H, W]. Default 'nearest'. */
  mode?: InterpolationMode
  /** Whether the corner pixels of input and output fall on each other (linear modes only). Default false. */
  alignCorners?: boolean
}

const spatialOf = { nearest: undefined, linear: 1, bilinear: 2, trilinear: 3 } as const

/**
 * Resizes x [N, C, spatial…] to `size`, or by `scaleFactor`. Positions follow from the ratio of the sizes, so a scale factor that
 * doesn't give a whole size means what `recompute_scale_factor=True` means in PyTorch.
 * @throws ValueError for none or both of size and scaleFactor, ShapeError when the mode is not for this many dimensions.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html
 * @example const y = functional.interpolate(x, { scaleFactor: 2, mode: 'bilinear' })
 */
export function interpolate<D extends DType>(x: Tensor<D>, options: InterpolateOptions): Tensor<D> {
  checkTensor('interpolate', 'x', x)
  checkOptions('interpolate', options, interpolateChecks)
  const { size, scaleFactor, mode = 'nearest', alignCorners = false } = options
  const spatial = x.rank - 2
  if (spatial < 1 || (spatialOf[mode] ?? spatial) !== spatial) {
    throw new ShapeError(`interpolate: x is ${shapeText(x.shape)}, which mode '${mode}' does not take`)
  }
  if ((size === undefined) === (scaleFactor === undefined)) {
    throw new ValueError('interpolate: expected either size or scaleFactor')
  }
  if (alignCorners && mode === 'nearest') {
    throw new ValueError("interpolate: alignCorners is for the linear modes, not for 'nearest'")
  }
  const scale = scaleFactor === undefined ? undefined : sizes('interpolate', 'scaleFactor', scaleFactor, spatial)
  const outputSize =
    size === undefined
      ? x.shape.slice(2).map((each, i) => Math.floor(each * (scale?.[i] ?? Number.NaN)))
      : sizes('interpolate', 'size', size, spatial)
  if (scale && outputSize.some((each) => !(each >= 1))) {
    const [came, gives] = [textOf(scaleFactor), shapeText(outputSize)]
    throw new ValueError(`interpolate: scaleFactor is ${came}, which gives sizes ${gives}, expected at least 1`)
  }
  return wrap(native.ops.upsample(x.handle, outputSize, mode === 'nearest' ? 'nearest' : 'linear', alignCorners))
}
