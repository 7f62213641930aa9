// Bad input to element-wise ops, reductions, losses, shape ops, indices and constructors.
import { type BadCase, bad, badLater } from '../support/bad-input.js'

const elementwise: BadCase[] = [
  bad('add of shapes that do not broadcast', 'ShapeError', ['add', '[3, 4]', '[3]'], ({ F, x }) =>
    F.add!(x(3, 4), x(3)),
  ),
  bad('mul of shapes that do not broadcast', 'ShapeError', ['mul', '[2, 3]', '[4, 3]'], ({ F, x }) =>
    F.mul!(x(2, 3), x(4, 3)),
  ),
  bad('add of two types', 'DTypeError', ['add', 'float32', 'int32'], ({ F, x, int }) => F.add!(x(3), int([3], 1))),
  bad('add of nothing', 'ValueError', ['add'], ({ F, x }) => F.add!(x(3))),
  bad('add of a string', 'ValueError', ['add', 'string'], ({ F, x }) => F.add!(x(3), '1')),
  bad('add of two numbers', 'ValueError', ['add'], ({ F }) => F.add!(1, 2)),
  bad('exp of integers', 'DTypeError', ['exp', 'int32'], ({ F, int }) => F.exp!(int([3], 1))),
  bad('sigmoid of bool', 'DTypeError', ['sigmoid', 'bool'], ({ F, x }) => F.sigmoid!(F.gt!(x(3), 0))),
  bad('where with a float condition', 'DTypeError', ['where', 'float32'], ({ F, x }) => F.where!(x(3), x(3), x(3))),
  bad('where of shapes that do not broadcast', 'ShapeError', ['where', '[3]', '[4]'], ({ F, x }) =>
    F.where!(F.gt!(x(3), 0), x(4), x(3)),
  ),
  bad('where of two types', 'DTypeError', ['where', 'int32'], ({ F, x, int }) =>
    F.where!(F.gt!(x(3), 0), x(3), int([3], 1)),
  ),
  bad('clamp with neither bound', 'ValueError', ['clamp', 'min'], ({ F, x }) => F.clamp!(x(3), {})),
  bad('clamp with a bound that is a string', 'ValueError', ['min', 'string'], ({ F, x }) =>
    F.clamp!(x(3), { min: '0' }),
  ),
  bad('pow of a string', 'ValueError', ['pow', 'string'], ({ F, x }) => F.pow!(x(3), '2')),
  bad('gelu of an unknown kind', 'ValueError', ['gelu', 'sigmoid'], ({ F, x }) =>
    F.gelu!(x(3), { approximate: 'sigmoid' }),
  ),
  bad('unary, natively, of an unknown function', 'ValueError', ['unary', 'swish'], ({ ops, h }) =>
    ops.unary!(h(3), 'swish', 0, 0),
  ),
  bad('binary, natively, of a function that is a number', 'ValueError', ['binary', 'number'], ({ ops, h }) =>
    ops.binary!(h(3), h(3), 3),
  ),
  bad('unaryBackward, natively, of shapes that differ', 'ShapeError', 'unaryBackward', ({ ops, h }) =>
    ops.unaryBackward!(h(3), h(4), 'relu', 0, 0),
  ),
  bad('unaryBackward, natively, without the value', ['ValueError', 'ShapeError'], 'unaryBackward', ({ ops, h }) =>
    ops.unaryBackward!(h(3), 0, 'relu', 0, 0),
  ),
  bad('cast, natively, to an unknown type', 'DTypeError', ['cast', 'float8'], ({ ops, h }) =>
    ops.cast!(h(3), 'float8'),
  ),
  bad('to an unknown device', 'DeviceError', ['tpu'], ({ x }) => x(3).to('tpu' as never)),
]

const reduce: BadCase[] = [
  bad('sum over a dimension that is not there', ['ValueError', 'ShapeError'], ['sum: dim is 2', '[3, 4]'], ({ F, x }) =>
    F.sum!(x(3, 4), 2),
  ),
  bad(
    'sum over a negative dimension that is not there',
    ['ValueError', 'ShapeError'],
    ['sum: dim is -3', '[3, 4]'],
    ({ F, x }) => F.sum!(x(3, 4), -3),
  ),
  bad('sum over a dimension twice', ['ValueError', 'ShapeError'], ['[3, 4]'], ({ F, x }) => F.sum!(x(3, 4), [0, 0])),
  bad('sum over a dimension twice, by two names', ['ValueError', 'ShapeError'], ['[3, 4]'], ({ F, x }) =>
    F.sum!(x(3, 4), [1, -1]),
  ),
  bad('sum over half a dimension', 'ValueError', ['0.5'], ({ F, x }) => F.sum!(x(3, 4), 0.5)),
  bad('sum over a dimension that is a string', 'ValueError', ['string'], ({ F, x }) => F.sum!(x(3, 4), '0')),
  bad('mean of integers', 'DTypeError', ['mean', 'int32'], ({ F, int }) => F.mean!(int([3], 1))),
  bad('max of nothing', ['ValueError', 'ShapeError'], ['max', '[0]'], ({ F, x }) => F.max!(x(0))),
  bad('max over an empty dimension', ['ValueError', 'ShapeError'], ['max', '[3, 0]'], ({ F, x }) => F.max!(x(3, 0), 1)),
  bad('argmax of nothing', ['ValueError', 'ShapeError'], ['[0]'], ({ F, x }) => F.argmax!(x(0))),
  bad(
    'argmax over a dimension that is not there',
    ['ValueError', 'ShapeError'],
    ['argmax: dim is 2', '[3, 4]'],
    ({ F, x }) => F.argmax!(x(3, 4), 2),
  ),
  bad(
    'softmax over a dimension that is not there',
    ['ValueError', 'ShapeError'],
    ['softmax: dim is 2', '[3, 4]'],
    ({ F, x }) => F.softmax!(x(3, 4), 2),
  ),
  bad('softmax of integers', 'DTypeError', ['softmax', 'int32'], ({ F, int }) => F.softmax!(int([3], 1), 0)),
  bad('reduce, natively, over more axes than a tensor can have', ['ValueError', 'ShapeError'], 'reduce', ({ ops, h }) =>
    ops.reduce!(h(3, 4), 'sum', [0, 1, 2, 3, 4, 5, 6, 7, 8], false),
  ),
  bad('softmaxBackward, natively, of shapes that differ', 'ShapeError', 'softmax', ({ ops, h }) =>
    ops.softmaxBackward!(h(3, 4), h(3, 5), 1, false),
  ),
]

const loss: BadCase[] = [
  bad('crossEntropy with another batch', 'ShapeError', ['[4, 5]', '[3]'], ({ F, x, int }) =>
    F.crossEntropy!(x(4, 5), int([3], 0)),
  ),
  bad(
    'crossEntropy with class numbers of floats',
    'DTypeError',
    ['float32[4]', 'int32[4]', "to('int32')"],
    ({ F, x }) => F.crossEntropy!(x(4, 5), x(4)),
  ),
  bad('crossEntropy of images with class numbers of floats', 'DTypeError', ['int32[2, 3, 3]'], ({ F, x }) =>
    F.crossEntropy!(x(2, 5, 3, 3), x(2, 3, 3)),
  ),
  bad(
    'binaryCrossEntropy with a target of whole numbers',
    'DTypeError',
    ['binaryCrossEntropy', 'target is int32[4]'],
    ({ F, x, int }) => F.binaryCrossEntropy!(x(4), int([4], 0)),
  ),
  bad('mseLoss with a target of whole numbers', 'DTypeError', ['mseLoss', "target.to('float32')"], ({ F, x, int }) =>
    F.mseLoss!(x(4), int([4], 0)),
  ),
  bad('crossEntropy of images with a flat target', 'ShapeError', ['[2, 5, 3, 3]', '[2, 9]'], ({ F, x, int }) =>
    F.crossEntropy!(x(2, 5, 3, 3), int([2, 9], 0)),
  ),
  bad('nllLoss with float targets', 'DTypeError', ['nllLoss', 'float32'], ({ F, x }) => F.nllLoss!(x(4, 5), x(4))),
  bad('nllLoss with weights of another size', 'ShapeError', ['nllLoss', '[4]'], ({ F, x, int }) =>
    F.nllLoss!(x(4, 5), int([4], 0), { weight: x(4) }),
  ),
  bad('crossEntropy with an unknown reduction', 'ValueError', ['reduction', 'max'], ({ F, x, int }) =>
    F.crossEntropy!(x(4, 5), int([4], 0), { reduction: 'max' }),
  ),
  bad('crossEntropy with label smoothing above 1', 'ValueError', ['labelSmoothing', '1.5'], ({ F, x, int }) =>
    F.crossEntropy!(x(4, 5), int([4], 0), { labelSmoothing: 1.5 }),
  ),
  bad('mseLoss of shapes that do not broadcast', 'ShapeError', ['[4, 5]', '[3, 5]'], ({ F, x }) =>
    F.mseLoss!(x(4, 5), x(3, 5)),
  ),
  bad('mseLoss with an unknown reduction', 'ValueError', ['reduction', 'median'], ({ F, x }) =>
    F.mseLoss!(x(4), x(4), { reduction: 'median' }),
  ),
  bad('binaryCrossEntropy of shapes that differ', 'ShapeError', ['[4]', '[5]'], ({ F, x }) =>
    F.binaryCrossEntropy!(x(4), x(5)),
  ),
  bad('smoothL1Loss with a negative beta', 'ValueError', ['beta', '-1'], ({ F, x }) =>
    F.smoothL1Loss!(x(4), x(4), { beta: -1 }),
  ),
  badLater('nllLoss with a target beyond the classes', 'ValueError', ['nllLoss', '5', '[4, 5]'], ({ F, x, int }) =>
    F.nllLoss!(x(4, 5), int([4], 0, 1, 2, 5)),
  ),
  badLater('nllLoss with a negative target', 'ValueError', ['nllLoss', '-1', '[4, 5]'], ({ F, x, int }) =>
    F.nllLoss!(x(4, 5), int([4], 0, 1, 2, -1), { reduction: 'none' }),
  ),
  badLater(
    'crossEntropy with a target beyond the classes',
    'ValueError',
    ['nllLoss', '99', '[4, 5]'],
    ({ F, x, int }) => F.crossEntropy!(x(4, 5), int([4], 0, 99)),
  ),
  badLater(
    'crossEntropy of images with a target beyond the classes',
    'ValueError',
    ['nllLoss', '7', '[2, 5, 3, 3]'],
    ({ F, x, int }) => F.crossEntropy!(x(2, 5, 3, 3), int([2, 3, 3], 0, 7)),
  ),
  bad('nllLossBackward, natively, of shapes that differ', 'ShapeError', 'nllLoss', ({ ops, h, int }) =>
    ops.nllLossBackward!(h(3), int([4], 0).handle, 0, h(), 'none', -100, 5),
  ),
]

const shape: BadCase[] = [
  bad('reshape to another number of elements', ['ShapeError', 'ValueError'], ['[3, 4]', '[5, 2]'], ({ F, x }) =>
    F.reshape!(x(3, 4), [5, 2]),
  ),
  bad('reshape with two unknown sizes', ['ShapeError', 'ValueError'], ['-1'], ({ F, x }) =>
    F.reshape!(x(3, 4), [-1, -1]),
  ),
  bad('reshape to a size that does not divide', ['ShapeError', 'ValueError'], ['[3, 4]', '5'], ({ F, x }) =>
    F.reshape!(x(3, 4), [5, -1]),
  ),
  bad('reshape to a negative size', ['ShapeError', 'ValueError'], ['-3'], ({ F, x }) => F.reshape!(x(3, 4), [-3, -4])),
  bad('reshape to nine dimensions', ['ShapeError', 'ValueError'], ['8'], ({ F, x }) =>
    F.reshape!(x(1), [1, 1, 1, 1, 1, 1, 1, 1, 1]),
  ),
  bad('reshape to a number', 'ValueError', ['reshape', '12'], ({ F, x }) => F.reshape!(x(12), 12)),
  bad('reshape, natively, to sizes whose product overflows', ['ShapeError', 'ValueError'], 'reshape', ({ ops, h }) =>
    ops.reshape!(h(3), [2 ** 32, 2 ** 32, 3]),
  ),
  bad('reshape, natively, to -1', ['ShapeError', 'ValueError'], 'reshape', ({ ops, h }) => ops.reshape!(h(3), [-1])),
  bad('flatten backwards', ['ShapeError', 'ValueError'], ['flatten', 'startDim 2', 'endDim 1'], ({ F, x }) =>
    F.flatten!(x(2, 3, 4), 2, 1),
  ),
  bad('permute with a dimension missing', ['ShapeError', 'ValueError'], ['permute', '[2, 3, 4]'], ({ F, x }) =>
    F.permute!(x(2, 3, 4), [0, 1]),
  ),
  bad('permute with a dimension twice', ['ShapeError', 'ValueError'], ['permute', '[2, 3, 4]'], ({ F, x }) =>
    F.permute!(x(2, 3, 4), [0, 1, 1]),
  ),
  bad(
    'transpose of a dimension that is not there',
    ['ShapeError', 'ValueError'],
    ['transpose: dim is 2', '[2, 3]'],
    ({ F, x }) => F.transpose!(x(2, 3), 0, 2),
  ),
  bad(
    'squeeze of a dimension that is not there',
    ['ShapeError', 'ValueError'],
    ['squeeze: dim is 4', '[2, 3]'],
    ({ F, x }) => F.squeeze!(x(2, 3), 4),
  ),
  bad('unsqueeze beyond the end', ['ShapeError', 'ValueError'], ['unsqueeze: dim is 3', '[2, 3]'], ({ F, x }) =>
    F.unsqueeze!(x(2, 3), 3),
  ),
  bad('cat of nothing', ['ShapeError', 'ValueError'], 'c', ({ F }) => F.cat!([], 0)),
  bad('cat of shapes that differ', 'ShapeError', ['[2, 3]', '[2, 4]'], ({ F, x }) => F.cat!([x(2, 3), x(2, 4)], 0)),
  bad('cat of ranks that differ', 'ShapeError', ['[2, 3]', '[2]'], ({ F, x }) => F.cat!([x(2, 3), x(2)], 0)),
  bad('cat of types that differ', 'DTypeError', ['int32', 'float32'], ({ F, x, int }) =>
    F.cat!([x(2), int([2], 1)], 0),
  ),
  bad('cat of scalars', 'ShapeError', '', ({ F, x }) => F.cat!([x(), x()], 0)),
  bad('cat of one tensor, not in an array', 'ValueError', '', ({ F, x }) => F.cat!(x(2, 3), 0)),
  bad('cat with a hole', 'ValueError', '', ({ F, x }) => F.cat!([x(2, 3), undefined], 0)),
  bad('stack of shapes that differ', 'ShapeError', ['[2, 3]', '[3, 2]'], ({ F, x }) => F.stack!([x(2, 3), x(3, 2)], 0)),
  bad('split into sizes that do not add up', ['ShapeError', 'ValueError'], ['split', '7'], ({ F, x }) =>
    F.split!(x(7), [3, 3], 0),
  ),
  bad('split into parts of 0', ['ShapeError', 'ValueError'], ['split', '0'], ({ F, x }) => F.split!(x(7), 0, 0)),
  bad('chunk into 0', ['ShapeError', 'ValueError'], ['chunk', '0'], ({ F, x }) => F.chunk!(x(7), 0, 0)),
  bad('narrow beyond the end', ['ShapeError', 'ValueError'], ['[5]', '4'], ({ F, x }) => F.narrow!(x(5), 0, 4, 2)),
  bad('narrow to a negative length', ['ShapeError', 'ValueError'], ['-1'], ({ F, x }) => F.narrow!(x(5), 0, 0, -1)),
  bad('slice with step 0', ['ShapeError', 'ValueError'], ['step', '0'], ({ F, x }) => F.slice!(x(5), 0, 0, 5, 0)),
  bad('slice with a negative step', ['ShapeError', 'ValueError'], ['step', '-1'], ({ F, x }) =>
    F.slice!(x(5), 0, 0, 5, -1),
  ),
  bad('slice, natively, that ends before it starts', ['ShapeError', 'ValueError'], 'slice', ({ ops, h }) =>
    ops.slice!(h(5), [3], [2], [1]),
  ),
  bad('slice, natively, beyond the end', ['ShapeError', 'ValueError'], 'slice', ({ ops, h }) =>
    ops.slice!(h(5), [0], [6], [1]),
  ),
  bad('slice, natively, from a negative start', ['ShapeError', 'ValueError'], 'slice', ({ ops, h }) =>
    ops.slice!(h(5), [-1], [3], [1]),
  ),
  bad('sliceBackward, natively, of a shape that does not fit', ['ShapeError', 'ValueError'], 'slice', ({ ops, h }) =>
    ops.sliceBackward!(h(3), [0], [2], [1], [5]),
  ),
  bad('expand of a size that is not 1', ['ShapeError', 'ValueError'], ['[3, 2]', '[3, 4]'], ({ F, x }) =>
    F.expand!(x(3, 2), [3, 4]),
  ),
  bad('expand to fewer dimensions', ['ShapeError', 'ValueError'], ['[3, 1]', '[3]'], ({ F, x }) =>
    F.expand!(x(3, 1), [3]),
  ),
  bad('expand with an unknown new size', ['ShapeError', 'ValueError'], '-1', ({ F, x }) => F.expand!(x(3), [-1, 3])),
  bad('expand to a huge shape', ['ShapeError', 'ValueError', 'OutOfMemoryError'], '', ({ F, x }) =>
    F.expand!(x(1), [2 ** 40, 2 ** 40]),
  ),
  bad('pad with an odd number of entries', ['ShapeError', 'ValueError'], 'pad', ({ F, x }) => F.pad!(x(2, 3), [1])),
  bad('pad of more dimensions than there are', ['ShapeError', 'ValueError'], ['pad', '[3]'], ({ F, x }) =>
    F.pad!(x(3), [1, 1, 1, 1]),
  ),
  bad('pad that crops all away', ['ShapeError', 'ValueError'], ['pad', '[2, 3]'], ({ F, x }) =>
    F.pad!(x(2, 3), [-2, -2]),
  ),
  bad('pad by reflection of more than the size', ['ShapeError', 'ValueError'], ['pad', '[1, 2, 3]', '3'], ({ F, x }) =>
    F.pad!(x(1, 2, 3), [3, 0], { mode: 'reflect' }),
  ),
  bad('pad in a circle of more than the size', ['ShapeError', 'ValueError'], ['pad', '[1, 2, 3]', '4'], ({ F, x }) =>
    F.pad!(x(1, 2, 3), [4, 0], { mode: 'circular' }),
  ),
  bad('pad in an unknown mode', 'ValueError', ['mode', 'wrap'], ({ F, x }) =>
    F.pad!(x(1, 2, 3), [1, 1], { mode: 'wrap' }),
  ),
  bad('pad to a huge shape', ['ShapeError', 'ValueError', 'OutOfMemoryError'], '', ({ F, x }) =>
    F.pad!(x(1, 2, 3), [2 ** 52, 2 ** 52, 2 ** 52, 2 ** 52]),
  ),
  bad('flip of a dimension that is not there', ['ShapeError', 'ValueError'], ['flip: dim is 2', '[2, 3]'], ({ F, x }) =>
    F.flip!(x(2, 3), [2]),
  ),
  bad('flip of a dimension twice', ['ShapeError', 'ValueError'], ['[2, 3]'], ({ F, x }) => F.flip!(x(2, 3), [0, 0])),
]

const index: BadCase[] = [
  bad('oneHot of floats', 'DTypeError', ['oneHot', 'float32'], ({ F, x }) => F.oneHot!(x(3), 4)),
  bad('oneHot of 0 classes', ['ShapeError', 'ValueError'], ['oneHot', '0'], ({ F, int }) => F.oneHot!(int([3], 0), 0)),
  bad('oneHot of a huge number of classes', ['ShapeError', 'ValueError', 'OutOfMemoryError'], '', ({ F, int }) =>
    F.oneHot!(int([3], 0), 2 ** 53 - 1),
  ),
  bad('gather with float indices', 'DTypeError', ['gather', 'float32'], ({ F, x }) => F.gather!(x(3, 4), 0, x(3, 4))),
  bad('gather with indices of another rank', 'ShapeError', ['gather', '[3, 4]', '[3]'], ({ F, x, int }) =>
    F.gather!(x(3, 4), 0, int([3], 0)),
  ),
  bad('gather with more rows than there are', 'ShapeError', ['gather', '[3, 4]', '[5, 4]'], ({ F, x, int }) =>
    F.gather!(x(3, 4), 1, int([5, 4], 0)),
  ),
  bad(
    'gather along a dimension that is not there',
    ['ShapeError', 'ValueError'],
    ['gather: dim is 2', '[3, 4]'],
    ({ F, x, int }) => F.gather!(x(3, 4), 2, int([3, 4], 0)),
  ),
  bad('indexSelect with indices of rank 2', 'ShapeError', ['indexSelect', '[1, 2]'], ({ F, x, int }) =>
    F.indexSelect!(x(3, 4), 0, int([1, 2], 0)),
  ),
  badLater('oneHot of a class beyond', 'ValueError', ['oneHot', '4', '[3]'], ({ F, int }) =>
    F.oneHot!(int([3], 0, 4), 4),
  ),
  badLater('oneHot of a negative class', 'ValueError', ['oneHot', '-1', '[3]'], ({ F, int }) =>
    F.oneHot!(int([3], -1), 4),
  ),
  badLater('gather with an index beyond', 'ValueError', ['gather', '3', '[3, 4]'], ({ F, x, int }) =>
    F.gather!(x(3, 4), 0, int([3, 4], 0, 3)),
  ),
  badLater('gather with a negative index', 'ValueError', ['gather', '-1', '[3, 4]'], ({ F, x, int }) =>
    F.gather!(x(3, 4), 0, int([3, 4], -1)),
  ),
  badLater('indexSelect with an index beyond', 'ValueError', ['indexSelect', '3', '[3, 4]'], ({ F, x, int }) =>
    F.indexSelect!(x(3, 4), 0, int([2], 0, 3)),
  ),
  badLater('indexSelect with the largest index', 'ValueError', ['indexSelect', '2147483647'], ({ F, x, int }) =>
    F.indexSelect!(x(3, 4), 0, int([1], 2147483647)),
  ),
  badLater('maxUnpool2d with an index beyond', 'ValueError', ['maxUnpool', '16', '[1, 1, 2, 2]'], ({ F, x, int }) =>
    F.maxUnpool2d!(x(1, 1, 2, 2), int([1, 1, 2, 2], 0, 5, 10, 16), 2),
  ),
  badLater('maxUnpool2d with a negative index', 'ValueError', ['maxUnpool', '-1'], ({ F, x, int }) =>
    F.maxUnpool2d!(x(1, 1, 2, 2), int([1, 1, 2, 2], -1), 2),
  ),
  bad(
    'scatterAdd, natively, into a shape of another rank',
    ['ShapeError', 'ValueError'],
    'scatterAdd',
    ({ ops, h, int }) => ops.scatterAdd!(h(3, 4), int([3, 4], 0).handle, 0, [3]),
  ),
  bad('indexAdd, natively, into a negative size', ['ShapeError', 'ValueError'], 'indexAdd', ({ ops, h, int }) =>
    ops.indexAdd!(h(3, 4), int([3], 0).handle, 0, -1),
  ),
]

export const tensors: BadCase[] = [...elementwise, ...reduce, ...loss, ...shape, ...index]
