// Interpolation of one, two and three dimensions. Scale factors divide evenly, where the ratio of the sizes is the factor.
import type { Row } from './case.js'

export const resample: Row[] = [
  { fn: 'interpolate', inputs: [[2, 3, 5]], options: { size: 8, mode: 'nearest' } },
  { fn: 'interpolate', inputs: [[2, 3, 4, 5]], options: { scaleFactor: 2, mode: 'nearest' } },
  { fn: 'interpolate', inputs: [[2, 3, 4, 5]], options: { scaleFactor: 2 }, note: 'nearest by default' },
  { fn: 'interpolate', inputs: [[2, 3, 4, 5]], options: { scaleFactor: [3, 2], mode: 'nearest' } },
  { fn: 'interpolate', inputs: [[2, 3, 4, 5]], options: { size: [7, 9], mode: 'nearest' } },
  { fn: 'interpolate', inputs: [[2, 3, 8, 9]], options: { size: [3, 4], mode: 'nearest' }, note: 'smaller' },
  { fn: 'interpolate', inputs: [[2, 3, 2, 3, 4]], options: { scaleFactor: 2, mode: 'nearest' } },
  { fn: 'interpolate', inputs: [[1, 2, 3, 3, 4]], options: { size: [2, 5, 7], mode: 'nearest' } },
  ...[false, true].flatMap((alignCorners): Row[] => [
    { fn: 'interpolate', inputs: [[2, 3, 5]], options: { size: 8, mode: 'linear', alignCorners } },
    { fn: 'interpolate', inputs: [[2, 3, 5]], options: { size: 3, mode: 'linear', alignCorners } },
    { fn: 'interpolate', inputs: [[2, 3, 4, 5]], options: { size: [7, 9], mode: 'bilinear', alignCorners } },
    { fn: 'interpolate', inputs: [[2, 3, 4, 6]], options: { scaleFactor: 2, mode: 'bilinear', alignCorners } },
    { fn: 'interpolate', inputs: [[2, 3, 4, 6]], options: { scaleFactor: 1.5, mode: 'bilinear', alignCorners } },
    {
      fn: 'interpolate',
      inputs: [[2, 3, 8, 9]],
      options: { size: [3, 4], mode: 'bilinear', alignCorners },
      note: 'smaller',
    },
    { fn: 'interpolate', inputs: [[2, 3, 4, 5]], options: { size: [1, 1], mode: 'bilinear', alignCorners } },
    { fn: 'interpolate', inputs: [[2, 3, 1, 1]], options: { size: [4, 5], mode: 'bilinear', alignCorners } },
    { fn: 'interpolate', inputs: [[1, 2, 3, 3, 4]], options: { size: [4, 5, 6], mode: 'trilinear', alignCorners } },
    { fn: 'interpolate', inputs: [[1, 2, 4, 4, 4]], options: { scaleFactor: 0.5, mode: 'trilinear', alignCorners } },
  ]),
  { fn: 'interpolate', inputs: [[2, 16, 7, 7]], options: { scaleFactor: 2, mode: 'bilinear' } },
  { fn: 'interpolate', inputs: [[2, 16, 7, 7]], options: { scaleFactor: 2, mode: 'nearest' } },
]
