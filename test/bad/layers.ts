// Bad input to convolution, pooling, normalisation, linear layers and interpolation.
import { type BadCase, bad } from '../support/bad-input.js'

const conv: BadCase[] = [
  bad('conv2d of another number of channels', 'ShapeError', ['conv', '[2, 3, 7, 7]', '[8, 4, 3, 3]'], ({ F, x }) =>
    F.conv2d!(x(2, 3, 7, 7), x(8, 4, 3, 3)),
  ),
  bad('conv2d of channels last', 'ShapeError', ['conv2d', '[2, 7, 7, 3]', 'permute([0, 3, 1, 2])'], ({ F, x }) =>
    F.conv2d!(x(2, 7, 7, 3), x(8, 3, 3, 3)),
  ),
  bad('convTranspose1d of channels last', 'ShapeError', ['[2, 7, 3]', 'permute([0, 2, 1])'], ({ F, x }) =>
    F.convTranspose1d!(x(2, 7, 3), x(3, 4, 3)),
  ),
  bad('conv2d of rank 5', 'ShapeError', ['conv', '[2, 3, 7, 7, 7]'], ({ F, x }) =>
    F.conv2d!(x(2, 3, 7, 7, 7), x(8, 3, 3, 3)),
  ),
  bad('conv2d of rank 2', 'ShapeError', ['conv', '[7, 7]'], ({ F, x }) => F.conv2d!(x(7, 7), x(8, 3, 3, 3))),
  bad('conv1d with a weight of rank 4', 'ShapeError', ['conv', '[8, 3, 3, 3]'], ({ F, x }) =>
    F.conv1d!(x(2, 3, 7), x(8, 3, 3, 3)),
  ),
  bad('conv3d with a weight of rank 4', 'ShapeError', ['conv', '[8, 3, 3, 3]'], ({ F, x }) =>
    F.conv3d!(x(2, 3, 7, 7, 7), x(8, 3, 3, 3)),
  ),
  bad(
    'conv2d with a kernel larger than the padded image',
    'ShapeError',
    ['conv', '[2, 3, 4, 4]', '[8, 3, 7, 7]'],
    ({ F, x }) => F.conv2d!(x(2, 3, 4, 4), x(8, 3, 7, 7), null, { padding: 1 }),
  ),
  bad('conv2d with a dilated kernel larger than the image', 'ShapeError', ['conv', '[2, 3, 5, 5]'], ({ F, x }) =>
    F.conv2d!(x(2, 3, 5, 5), x(8, 3, 3, 3), null, { dilation: 3 }),
  ),
  bad('conv2d with a bias of another size', 'ShapeError', ['conv', '[7]', '8'], ({ F, x }) =>
    F.conv2d!(x(2, 3, 7, 7), x(8, 3, 3, 3), x(7)),
  ),
  bad('conv2d with a bias of rank 2', 'ShapeError', ['conv', '[8, 1]'], ({ F, x }) =>
    F.conv2d!(x(2, 3, 7, 7), x(8, 3, 3, 3), x(8, 1)),
  ),
  bad('conv2d with stride 0', ['ValueError', 'ShapeError'], ['conv', 'stride', '0'], ({ F, x }) =>
    F.conv2d!(x(2, 3, 7, 7), x(8, 3, 3, 3), null, { stride: 0 }),
  ),
  bad('conv2d with a negative stride', ['ValueError', 'ShapeError'], ['conv', 'stride', '-1'], ({ F, x }) =>
    F.conv2d!(x(2, 3, 7, 7), x(8, 3, 3, 3), null, { stride: -1 }),
  ),
  bad('conv2d with a fractional stride', 'ValueError', ['stride', '1.5'], ({ F, x }) =>
    F.conv2d!(x(2, 3, 7, 7), x(8, 3, 3, 3), null, { stride: 1.5 }),
  ),
  bad('conv2d with stride NaN', 'ValueError', ['stride', 'nan'], ({ F, x }) =>
    F.conv2d!(x(2, 3, 7, 7), x(8, 3, 3, 3), null, { stride: Number.NaN }),
  ),
  bad('conv2d with an infinite stride', 'ValueError', ['stride', 'inf'], ({ F, x }) =>
    F.conv2d!(x(2, 3, 7, 7), x(8, 3, 3, 3), null, { stride: Number.POSITIVE_INFINITY }),
  ),
  bad('conv2d with three strides', ['ValueError', 'ShapeError'], ['stride'], ({ F, x }) =>
    F.conv2d!(x(2, 3, 7, 7), x(8, 3, 3, 3), null, { stride: [1, 1, 1] }),
  ),
  bad('conv2d with a stride that is a string', 'ValueError', ['stride', 'string'], ({ F, x }) =>
    F.conv2d!(x(2, 3, 7, 7), x(8, 3, 3, 3), null, { stride: '2' }),
  ),
  bad('conv2d with negative padding', ['ValueError', 'ShapeError'], ['conv', 'padding', '-1'], ({ F, x }) =>
    F.conv2d!(x(2, 3, 7, 7), x(8, 3, 3, 3), null, { padding: -1 }),
  ),
  bad('conv2d with padding of an unknown name', 'ValueError', ['padding', 'full'], ({ F, x }) =>
    F.conv2d!(x(2, 3, 7, 7), x(8, 3, 3, 3), null, { padding: 'full' }),
  ),
  bad("conv2d with 'same' and a stride", 'ValueError', ['conv', 'same', 'stride'], ({ F, x }) =>
    F.conv2d!(x(2, 3, 7, 7), x(8, 3, 3, 3), null, { padding: 'same', stride: 2 }),
  ),
  bad('conv2d with an unknown padding mode', 'ValueError', ['mirror'], ({ F, x }) =>
    F.conv2d!(x(2, 3, 7, 7), x(8, 3, 3, 3), null, { padding: 1, paddingMode: 'mirror' }),
  ),
  bad('conv2d with dilation 0', ['ValueError', 'ShapeError'], ['conv', 'dilation', '0'], ({ F, x }) =>
    F.conv2d!(x(2, 3, 7, 7), x(8, 3, 3, 3), null, { dilation: 0 }),
  ),
  bad(
    'conv2d with groups that do not divide the channels',
    ['ValueError', 'ShapeError'],
    ['conv', 'groups', '2'],
    ({ F, x }) => F.conv2d!(x(2, 3, 7, 7), x(8, 3, 3, 3), null, { groups: 2 }),
  ),
  bad(
    'conv2d with groups that do not divide the outputs',
    ['ValueError', 'ShapeError'],
    ['conv', 'groups', '3'],
    ({ F, x }) => F.conv2d!(x(2, 3, 7, 7), x(8, 1, 3, 3), null, { groups: 3 }),
  ),
  bad('conv2d with groups 0', ['ValueError', 'ShapeError'], ['conv', 'groups', '0'], ({ F, x }) =>
    F.conv2d!(x(2, 3, 7, 7), x(8, 3, 3, 3), null, { groups: 0 }),
  ),
  bad('conv2d with negative groups', ['ValueError', 'ShapeError'], ['conv', 'groups', '-1'], ({ F, x }) =>
    F.conv2d!(x(2, 3, 7, 7), x(8, 3, 3, 3), null, { groups: -1 }),
  ),
  bad('conv2d of integers', 'DTypeError', ['conv', 'int32'], ({ F, x, int }) =>
    F.conv2d!(int([2, 3, 7, 7], 1), x(8, 3, 3, 3)),
  ),
  bad('conv2d with an integer weight', 'DTypeError', ['conv', 'int32'], ({ F, x, int }) =>
    F.conv2d!(x(2, 3, 7, 7), int([8, 3, 3, 3], 1)),
  ),
  bad('conv2d with an empty kernel', ['ValueError', 'ShapeError'], ['conv', '[8, 3, 0, 3]'], ({ F, x }) =>
    F.conv2d!(x(2, 3, 7, 7), x(8, 3, 0, 3)),
  ),
  bad('conv2d of no pixels', 'ShapeError', ['conv', '[2, 3, 0, 7]'], ({ F, x }) =>
    F.conv2d!(x(2, 3, 0, 7), x(8, 3, 3, 3)),
  ),
  bad('conv2d with a huge padding', ['ValueError', 'ShapeError', 'OutOfMemoryError'], '', ({ F, x }) =>
    F.conv2d!(x(2, 3, 7, 7), x(8, 3, 3, 3), null, { padding: 2 ** 52 }),
  ),
  bad('conv2d with a huge dilation', ['ValueError', 'ShapeError'], 'conv', ({ F, x }) =>
    F.conv2d!(x(2, 3, 7, 7), x(8, 3, 3, 3), null, { dilation: 2 ** 53 - 1 }),
  ),
  bad(
    'convTranspose2d of another number of channels',
    'ShapeError',
    ['conv', '[2, 3, 4, 4]', '[4, 6, 3, 3]'],
    ({ F, x }) => F.convTranspose2d!(x(2, 3, 4, 4), x(4, 6, 3, 3)),
  ),
  bad(
    'convTranspose2d with output padding not below the stride',
    ['ValueError', 'ShapeError'],
    'outputPadding',
    ({ F, x }) => F.convTranspose2d!(x(2, 3, 4, 4), x(3, 6, 3, 3), null, { stride: 2, outputPadding: 2 }),
  ),
  bad('convTranspose2d with negative output padding', ['ValueError', 'ShapeError'], 'outputPadding', ({ F, x }) =>
    F.convTranspose2d!(x(2, 3, 4, 4), x(3, 6, 3, 3), null, { stride: 2, outputPadding: -1 }),
  ),
  bad('convTranspose2d with a padding that leaves nothing', ['ValueError', 'ShapeError'], 'conv', ({ F, x }) =>
    F.convTranspose2d!(x(2, 3, 1, 1), x(3, 6, 3, 3), null, { padding: 2 }),
  ),
  bad('convTranspose2d with a huge stride', ['ValueError', 'ShapeError', 'OutOfMemoryError'], '', ({ F, x }) =>
    F.convTranspose2d!(x(2, 3, 4, 4), x(3, 6, 3, 3), null, { stride: 2 ** 40 }),
  ),
  bad('conv, natively, without strides', ['ValueError', 'ShapeError'], 'conv', ({ ops, h }) =>
    ops.conv!(h(2, 3, 7, 7), h(8, 3, 3, 3), 0, [], [0, 0], [0, 0], [1, 1], 1),
  ),
  bad('conv, natively, with one padding end', ['ValueError', 'ShapeError'], 'conv', ({ ops, h }) =>
    ops.conv!(h(2, 3, 7, 7), h(8, 3, 3, 3), 0, [1, 1], [0, 0], [0], [1, 1], 1),
  ),
  bad('convBackwardData, natively, of a size that does not fit', 'ShapeError', 'conv', ({ ops, h }) =>
    ops.convBackwardData!(h(2, 8, 5, 5), h(8, 3, 3, 3), 0, [1, 1], [0, 0], [0, 0], [1, 1], 1, [9, 9]),
  ),
  bad('convBackwardWeight, natively, of batches that differ', 'ShapeError', 'conv', ({ ops, h }) =>
    ops.convBackwardWeight!(h(2, 3, 7, 7), h(3, 8, 5, 5), [1, 1], [0, 0], [0, 0], [1, 1], 1, [3, 3], true),
  ),
  bad('convBackwardWeight, natively, of a kernel size that does not fit', 'ShapeError', 'conv', ({ ops, h }) =>
    ops.convBackwardWeight!(h(2, 3, 7, 7), h(2, 8, 5, 5), [1, 1], [0, 0], [0, 0], [1, 1], 1, [2, 3], true),
  ),
]

const pool: BadCase[] = [
  bad('maxPool2d of rank 2', 'ShapeError', ['maxPool', '[7, 7]'], ({ F, x }) => F.maxPool2d!(x(7, 7), 2)),
  bad('maxPool2d with kernel 0', ['ValueError', 'ShapeError'], ['maxPool', 'kernelSize', '0'], ({ F, x }) =>
    F.maxPool2d!(x(2, 3, 7, 7), 0),
  ),
  bad('maxPool2d with kernel NaN', 'ValueError', ['kernelSize', 'nan'], ({ F, x }) =>
    F.maxPool2d!(x(2, 3, 7, 7), Number.NaN),
  ),
  bad('maxPool2d with kernel 2.5', 'ValueError', ['kernelSize', '2.5'], ({ F, x }) => F.maxPool2d!(x(2, 3, 7, 7), 2.5)),
  bad('maxPool2d with a kernel that is missing', 'ValueError', ['maxPool', 'kernelSize'], ({ F, x }) =>
    F.maxPool2d!(x(2, 3, 7, 7)),
  ),
  bad('maxPool2d with stride 0', ['ValueError', 'ShapeError'], ['maxPool', 'stride'], ({ F, x }) =>
    F.maxPool2d!(x(2, 3, 7, 7), 2, { stride: 0 }),
  ),
  bad(
    'maxPool2d with more padding than half the kernel',
    ['ValueError', 'ShapeError'],
    ['maxPool', 'padding', '2'],
    ({ F, x }) => F.maxPool2d!(x(2, 3, 7, 7), 3, { padding: 2 }),
  ),
  bad('maxPool2d with a kernel larger than the image', 'ShapeError', ['maxPool', '[2, 3, 4, 4]'], ({ F, x }) =>
    F.maxPool2d!(x(2, 3, 4, 4), 5),
  ),
  bad('maxPool2d with dilation 0', ['ValueError', 'ShapeError'], ['maxPool', 'dilation'], ({ F, x }) =>
    F.maxPool2d!(x(2, 3, 7, 7), 2, { dilation: 0 }),
  ),
  bad('maxPool2d of bool', 'DTypeError', ['maxPool', 'bool'], ({ F, x }) => F.maxPool2d!(F.gt!(x(2, 3, 4, 4), 0), 2)),
  bad('maxUnpool2d of shapes that differ', 'ShapeError', ['maxUnpool', '[1, 1, 2, 2]'], ({ F, x, int }) =>
    F.maxUnpool2d!(x(1, 1, 2, 2), int([1, 1, 2, 3], 0), 2),
  ),
  bad('maxUnpool2d with float indices', 'DTypeError', ['maxUnpool', 'float32'], ({ F, x }) =>
    F.maxUnpool2d!(x(1, 1, 2, 2), x(1, 1, 2, 2), 2),
  ),
  bad('avgPool2d with a negative divisor', ['ValueError', 'ShapeError'], ['avgPool', 'divisor'], ({ F, x }) =>
    F.avgPool2d!(x(2, 3, 7, 7), 2, { divisorOverride: -1 }),
  ),
  bad('avgPool2d with divisor 0', ['ValueError', 'ShapeError'], ['avgPool', 'divisor'], ({ F, x }) =>
    F.avgPool2d!(x(2, 3, 7, 7), 2, { divisorOverride: 0 }),
  ),
  bad(
    'avgPool2d with more padding than half the kernel',
    ['ValueError', 'ShapeError'],
    ['avgPool', 'padding'],
    ({ F, x }) => F.avgPool2d!(x(2, 3, 7, 7), 2, { padding: 2 }),
  ),
  bad('avgPool2d of integers', 'DTypeError', ['avgPool', 'int32'], ({ F, int }) =>
    F.avgPool2d!(int([2, 3, 4, 4], 1), 2),
  ),
  bad('adaptiveAvgPool2d to a negative size', ['ValueError', 'ShapeError'], ['adaptiveAvgPool', '-1'], ({ F, x }) =>
    F.adaptiveAvgPool2d!(x(2, 3, 7, 7), -1),
  ),
  bad('adaptiveAvgPool2d to three sizes', ['ValueError', 'ShapeError'], 'adaptiveAvgPool', ({ F, x }) =>
    F.adaptiveAvgPool2d!(x(2, 3, 7, 7), [1, 2, 3]),
  ),
  bad('adaptiveMaxPool2d of no pixels', 'ShapeError', ['adaptiveMaxPool', '[2, 3, 0, 7]'], ({ F, x }) =>
    F.adaptiveMaxPool2d!(x(2, 3, 0, 7), 2),
  ),
  bad('adaptiveAvgPool2d to a huge size', ['ValueError', 'ShapeError', 'OutOfMemoryError'], '', ({ F, x }) =>
    F.adaptiveAvgPool2d!(x(2, 3, 7, 7), 2 ** 45),
  ),
  bad('globalAvgPool of rank 2', 'ShapeError', ['[2, 3]'], ({ F, x }) => F.globalAvgPool!(x(2, 3))),
  bad('maxPoolBackward, natively, of a shape that does not fit', 'ShapeError', 'maxPool', ({ ops, h, int }) =>
    ops.maxPoolBackward!(
      h(1, 1, 3, 3),
      int([1, 1, 2, 2], 0).handle,
      [2, 2],
      [2, 2],
      [0, 0],
      [1, 1],
      false,
      true,
      [4, 4],
    ),
  ),
  bad('avgPoolBackward, natively, of a shape that does not fit', 'ShapeError', 'avgPool', ({ ops, h }) =>
    ops.avgPoolBackward!(h(1, 1, 3, 3), [2, 2], [2, 2], [0, 0], false, true, 0, [4, 4]),
  ),
]

const norm: BadCase[] = [
  bad('batchNorm with a weight of another size', 'ShapeError', ['batchNorm', '[2, 3, 4, 4]', '[4]'], ({ F, x }) =>
    F.batchNorm!(x(2, 3, 4, 4), null, null, { weight: x(4), bias: x(4), training: true }),
  ),
  bad('batchNorm with running statistics of another size', 'ShapeError', ['batchNorm', '[4]'], ({ F, x }) =>
    F.batchNorm!(x(2, 3, 4, 4), x(4), x(4)),
  ),
  bad(
    'batchNorm in evaluation without running statistics',
    ['ValueError', 'ShapeError'],
    ['batchNorm', 'running'],
    ({ F, x }) => F.batchNorm!(x(2, 3, 4, 4), null, null, { training: false }),
  ),
  bad(
    'batchNorm in training of one value a channel',
    ['ValueError', 'ShapeError'],
    ['batchNorm', 'x is float32[1, 3, 1, 1]', 'dropLast'],
    ({ F, x }) => F.batchNorm!(x(1, 3, 1, 1), null, null, { training: true }),
  ),
  bad('batchNorm of rank 1', 'ShapeError', ['batchNorm', '[3]'], ({ F, x }) => F.batchNorm!(x(3), x(3), x(3))),
  bad('batchNorm of integers', 'DTypeError', ['batchNorm', 'int32'], ({ F, x, int }) =>
    F.batchNorm!(int([2, 3], 1), x(3), x(3)),
  ),
  bad('batchNorm with a negative eps', 'ValueError', ['batchNorm', 'eps'], ({ F, x }) =>
    F.batchNorm!(x(2, 3, 4, 4), null, null, { training: true, eps: -1 }),
  ),
  bad('batchNorm with eps NaN', 'ValueError', ['batchNorm', 'eps'], ({ F, x }) =>
    F.batchNorm!(x(2, 3, 4, 4), null, null, { training: true, eps: Number.NaN }),
  ),
  bad('layerNorm over another shape', ['ValueError', 'ShapeError'], ['layerNorm', '[2, 3, 4]', '5'], ({ F, x }) =>
    F.layerNorm!(x(2, 3, 4), [5]),
  ),
  bad(
    'layerNorm over more dimensions than there are',
    ['ValueError', 'ShapeError'],
    ['layerNorm', '[3, 4]'],
    ({ F, x }) => F.layerNorm!(x(3, 4), [2, 3, 4]),
  ),
  bad('layerNorm with a weight of another shape', 'ShapeError', ['layerNorm', '[5]'], ({ F, x }) =>
    F.layerNorm!(x(3, 4), [4], { weight: x(5), bias: x(5) }),
  ),
  bad(
    'groupNorm with groups that do not divide',
    ['ValueError', 'ShapeError'],
    ['groupNorm', '[2, 6, 4, 4]', '4'],
    ({ F, x }) => F.groupNorm!(x(2, 6, 4, 4), 4),
  ),
  bad('groupNorm with groups 0', ['ValueError', 'ShapeError'], ['groupNorm', '0'], ({ F, x }) =>
    F.groupNorm!(x(2, 6, 4, 4), 0),
  ),
  bad('groupNorm with a weight of another size', 'ShapeError', ['groupNorm', '[3]'], ({ F, x }) =>
    F.groupNorm!(x(2, 6, 4, 4), 3, { weight: x(3), bias: x(3) }),
  ),
  bad('instanceNorm of one value a channel', ['ValueError', 'ShapeError'], ['norm', '[2, 3, 1, 1]'], ({ F, x }) =>
    F.instanceNorm!(x(2, 3, 1, 1)),
  ),
  bad('localResponseNorm with size 0', ['ValueError', 'ShapeError'], ['localResponseNorm', 'size', '0'], ({ F, x }) =>
    F.localResponseNorm!(x(2, 3, 4, 4), 0),
  ),
  bad('localResponseNorm of rank 2', 'ShapeError', ['localResponseNorm', '[2, 3]'], ({ F, x }) =>
    F.localResponseNorm!(x(2, 3), 3),
  ),
  bad('batchNormBackward, natively, of shapes that differ', 'ShapeError', 'batchNorm', ({ ops, h }) =>
    ops.batchNormBackward!(h(2, 3, 4, 4), h(2, 3, 4, 5), h(3), h(3), h(3), true, 1e-5),
  ),
  bad('groupNormBackward, natively, with statistics of another shape', 'ShapeError', 'groupNorm', ({ ops, h }) =>
    ops.groupNormBackward!(h(2, 6, 4), h(2, 6, 4), h(6), h(2, 2), h(2, 3), 3, 1e-5),
  ),
  bad('layerNormBackward, natively, over too many axes', ['ValueError', 'ShapeError'], 'layerNorm', ({ ops, h }) =>
    ops.layerNormBackward!(h(3, 4), h(3, 4), h(4), h(3), h(3), 5, 1e-5),
  ),
]

const linear: BadCase[] = [
  bad('linear of another number of features', 'ShapeError', ['linear', '[4, 5]', '[3, 6]'], ({ F, x }) =>
    F.linear!(x(4, 5), x(3, 6)),
  ),
  bad('linear with a weight of rank 1', 'ShapeError', ['linear', '[5]'], ({ F, x }) => F.linear!(x(4, 5), x(5))),
  bad('linear of a scalar', 'ShapeError', ['linear'], ({ F, x }) => F.linear!(x(), x(3, 5))),
  bad('linear with a bias of another size', 'ShapeError', ['linear', '[4]'], ({ F, x }) =>
    F.linear!(x(4, 5), x(3, 5), x(4)),
  ),
  bad('linear of integers', 'DTypeError', ['linear', 'int32'], ({ F, x, int }) => F.linear!(int([4, 5], 1), x(3, 5))),
  bad('matmul of sizes that differ', 'ShapeError', ['matmul', '[3, 4]', '[5, 2]'], ({ F, x }) =>
    F.matmul!(x(3, 4), x(5, 2)),
  ),
  bad('matmul of batches that do not broadcast', 'ShapeError', ['matmul', '[2, 3, 4]', '[3, 4, 5]'], ({ F, x }) =>
    F.matmul!(x(2, 3, 4), x(3, 4, 5)),
  ),
  bad('matmul of a scalar', 'ShapeError', ['matmul'], ({ F, x }) => F.matmul!(x(), x(3, 5))),
  bad('matmul of integers', 'DTypeError', ['matmul', 'int32'], ({ F, int }) =>
    F.matmul!(int([2, 2], 1), int([2, 2], 1)),
  ),
  bad('bmm of matrices', 'ShapeError', ['[3, 4]'], ({ F, x }) => F.bmm!(x(3, 4), x(4, 5))),
  bad('bmm of batches that differ', 'ShapeError', ['[2, 3, 4]', '[1, 4, 5]'], ({ F, x }) =>
    F.bmm!(x(2, 3, 4), x(1, 4, 5)),
  ),
  bad('interpolate without a size', 'ValueError', ['interpolate', 'size'], ({ F, x }) =>
    F.interpolate!(x(2, 3, 4, 4), {}),
  ),
  bad('interpolate with size and scale', 'ValueError', ['interpolate', 'size', 'scale'], ({ F, x }) =>
    F.interpolate!(x(2, 3, 4, 4), { size: 3, scaleFactor: 2 }),
  ),
  bad('interpolate to size 0', ['ValueError', 'ShapeError'], ['size', '0'], ({ F, x }) =>
    F.interpolate!(x(2, 3, 4, 4), { size: 0 }),
  ),
  bad('interpolate by a negative factor', ['ValueError', 'ShapeError'], ['interpolate', '-2'], ({ F, x }) =>
    F.interpolate!(x(2, 3, 4, 4), { scaleFactor: -2 }),
  ),
  bad('interpolate bilinearly in one dimension', ['ValueError', 'ShapeError'], ['bilinear', '[2, 3, 4]'], ({ F, x }) =>
    F.interpolate!(x(2, 3, 4), { size: 8, mode: 'bilinear' }),
  ),
  bad('interpolate with an unknown mode', 'ValueError', ['mode', 'cubic'], ({ F, x }) =>
    F.interpolate!(x(2, 3, 4, 4), { size: 8, mode: 'cubic' }),
  ),
  bad('interpolate to a huge size', ['ValueError', 'ShapeError', 'OutOfMemoryError'], '', ({ F, x }) =>
    F.interpolate!(x(2, 3, 4, 4), { size: 2 ** 50 }),
  ),
  bad('dropout with p above 1', 'ValueError', ['dropout', 'p', '1.5'], ({ F, x }) =>
    F.dropout!(x(3), { p: 1.5, training: true }),
  ),
  bad('dropout with p NaN', 'ValueError', ['dropout', 'p'], ({ F, x }) =>
    F.dropout!(x(3), { p: Number.NaN, training: true }),
  ),
  bad('dropout2d of rank 1', 'ShapeError', ['dropout', '[3]'], ({ F, x }) =>
    F.dropout2d!(x(3), { p: 0.5, training: true }),
  ),
]

export const layers: BadCase[] = [...conv, ...pool, ...norm, ...linear]
