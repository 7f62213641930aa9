// Foreign objects, disposed tensors, constructors, gradients, devices and memory.
import {
  arange,
  full,
  grad,
  memory,
  noGrad,
  ones,
  rand,
  randperm,
  setDefaultDevice,
  setMemoryLimit,
  tensor,
  tidy,
  zeros,
} from '../../lib/index.js'
import { native } from '../../lib/native.js'
import { wrap } from '../../lib/tensor.js'
import { type BadCase, bad, type ErrorName } from '../support/bad-input.js'

/** Whatever a careless program may pass for a tensor. */
const foreign: [string, unknown][] = [
  ['null', null],
  ['undefined', undefined],
  ['a string', 'tensor'],
  ['a number', 3],
  ['a plain object', { shape: [3], dtype: 'float32' }],
  ['an object with a made-up handle', { handle: 16777216 * 5000 + 12345, shape: [3] }],
  ['an array', [1, 2, 3]],
  ['a function', () => 0],
  ['a symbol', Symbol('x')],
  ['a bigint', 3n],
]

const square = { kind: 'unary', function: 'square' }
const add = { kind: 'binary', function: 'add', input: 1 }
const chain = (
  name: string,
  error: ErrorName,
  says: string[],
  links: unknown,
  others: number[][] = [],
  shape = [2, 3],
) =>
  bad(`a chain, natively, ${name}`, error, says, ({ ops, h }) =>
    ops.elementwiseChain!(
      h(...shape),
      others.map((other) => h(...other)),
      links,
    ),
  )
const chains: BadCase[] = [
  chain('without links', 'ValueError', ['elementwiseChain', 'links'], []),
  chain('with links that are no list', 'ValueError', ['elementwiseChain', 'links', 'a string'], 'square'),
  chain('with a link that is no object', 'ValueError', ['elementwiseChain', 'links', 'a number'], [3]),
  chain('of nine links', 'ValueError', ['elementwiseChain', '9', '8'], Array(9).fill(square)),
  chain('of a kind that does not exist', 'ValueError', ['elementwiseChain', 'kind', 'ternary'], [{ kind: 'ternary' }]),
  chain(
    'with a function that does not exist',
    'ValueError',
    ['elementwiseChain', 'function', 'cube'],
    [{ kind: 'unary', function: 'cube' }],
  ),
  chain(
    'with a function of two tensors as one of one',
    'ValueError',
    ['elementwiseChain', 'function', 'add'],
    [{ kind: 'unary', function: 'add' }],
  ),
  chain(
    'with a function that gives bool',
    'ValueError',
    ['elementwiseChain', 'isnan'],
    [{ kind: 'unary', function: 'isnan' }],
  ),
  chain('with a comparison', 'ValueError', ['elementwiseChain', 'lt'], [{ ...add, function: 'lt' }], [[2, 3]]),
  chain(
    'with a parameter that is NaN',
    'ValueError',
    ['clamp', 'min', 'nan'],
    [{ kind: 'unary', function: 'clamp', alpha: Number.NaN, beta: 1 }],
  ),
  chain('with a parameter that is a string', 'ValueError', ['elementwiseChain', 'alpha'], [{ ...square, alpha: '1' }]),
  chain(
    'that reads an input it has not',
    'ValueError',
    ['elementwiseChain', 'input', '2'],
    [{ ...add, input: 2 }],
    [[2, 3]],
  ),
  chain(
    'that reads no input',
    'ValueError',
    ['elementwiseChain', 'input', '-1'],
    [{ kind: 'binary', function: 'add' }],
  ),
  chain('that reads half an input', 'ValueError', ['elementwiseChain', 'input', '0.5'], [{ ...add, input: 0.5 }]),
  chain('with an input that no link reads', 'ValueError', ['elementwiseChain', 'others[0]'], [square], [[2, 3]]),
  chain('with shapes that do not broadcast', 'ShapeError', ['elementwiseChain', '[2, 3]', '[4]'], [add], [[4]]),
  chain('whose value would grow', 'ShapeError', ['elementwiseChain', '[2, 3]', '[4, 2, 3]'], [add], [[4, 2, 3]]),
  chain(
    'with a value of another shape',
    'ShapeError',
    ['unaryBackward', '[2, 3]', '[3]'],
    [{ kind: 'backward', function: 'gelu', input: 1 }],
    [[3]],
  ),
  chain(
    'without the value of a gradient',
    'ValueError',
    ['unaryBackward', 'gelu'],
    [{ kind: 'backward', function: 'gelu' }],
  ),
  chain(
    'with the gradient of a constant function',
    'ValueError',
    ['unaryBackward', 'floor'],
    [{ kind: 'backward', function: 'floor', input: 0 }],
  ),
  bad('a chain, natively, of int32', 'DTypeError', ['elementwiseChain', 'int32'], ({ ops, int }) =>
    ops.elementwiseChain!(int([3], 1).handle, [], [square]),
  ),
  bad('a chain, natively, of two types', 'DTypeError', ['elementwiseChain', 'int32', 'float32'], ({ ops, h, int }) =>
    ops.elementwiseChain!(h(3), [int([3], 1).handle], [add]),
  ),
  bad('a chain, natively, whose gradient is asked for', 'GradientError', ['elementwiseChain'], ({ ops, x }) =>
    wrap(ops.elementwiseChain!(x(3).requiresGrad_().handle, [], [square]))
      .sum()
      .backward(),
  ),
]

const handles: BadCase[] = [
  ...foreign.map(([name, value]) => bad(`relu of ${name}`, 'ValueError', 'relu', ({ F }) => F.relu!(value))),
  ...foreign
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) =>
      bad(`conv2d with a bias that is ${name}`, 'ValueError', ['conv', 'bias'], ({ F, x }) =>
        F.conv2d!(x(2, 3, 7, 7), x(8, 3, 3, 3), value),
      ),
    ),
  ...[Number.NaN, -1, 0, 0.5, 1e300, Number.POSITIVE_INFINITY, 2 ** 53, 16777216 * 5000 + 0.5, 2 ** 52 + 1].map(
    (handle) =>
      bad(`relu, natively, of the handle ${handle}`, 'ValueError', 'unary', ({ ops }) =>
        ops.unary!(handle, 'relu', 0, 0),
      ),
  ),
  bad('an op, natively, without arguments', 'ValueError', 'conv', ({ ops }) => ops.conv!()),
  bad('a list, natively, that is no list', 'ValueError', ['concat', 'xs'], ({ ops, h }) => ops.concat!(h(3), 0)),
  bad('a list, natively, of strings', 'ValueError', ['concat', 'xs'], ({ ops }) => ops.concat!(['a'], 0)),
  ...chains,
  bad('dims, natively, of strings', 'ValueError', ['permute', 'axes'], ({ ops, h }) => ops.permute!(h(3), ['0'])),
  bad('dims, natively, of fractions', 'ValueError', ['permute', 'axes'], ({ ops, h }) => ops.permute!(h(3), [0.5])),
  bad('dims, natively, beyond 2^53', 'ValueError', ['reshape', 'shape'], ({ ops, h }) => ops.reshape!(h(3), [1e300])),
  bad('dims, natively, as a typed array', 'ValueError', ['permute', 'axes'], ({ ops, h }) =>
    ops.permute!(h(3), new Int32Array([0])),
  ),
  bad('dims, natively, with holes', 'ValueError', ['permute', 'axes'], ({ ops, h }) =>
    ops.permute!(h(3), new Array(1)),
  ),
  bad('a boolean, natively, that is a number', 'ValueError', ['matmul', 'transposeA'], ({ ops, h }) =>
    ops.matmul!(h(2, 2), h(2, 2), 1, 0),
  ),
  bad('a number, natively, that is an object', 'ValueError', ['unary', 'alpha'], ({ ops, h }) =>
    ops.unary!(h(3), 'relu', {}, 0),
  ),
  bad('a device, natively, that is a number', 'ValueError', ['fill', 'device'], ({ ops }) =>
    ops.fill!(3, [2], 'float32', 0),
  ),
  bad('a device, natively, that does not exist', 'DeviceError', ['quantum'], ({ ops }) =>
    ops.fill!('quantum', [2], 'float32', 0),
  ),
  bad('a device name of a thousand letters', ['DeviceError', 'ValueError'], 'device', ({ ops }) =>
    ops.fill!('x'.repeat(1000), [2], 'float32', 0),
  ),
  bad('an op on a disposed tensor', 'DisposedError', ['disposed'], ({ F, x }) => {
    const gone = x(3)
    gone.dispose()
    return F.relu!(gone)
  }),
  bad('an op, natively, on a disposed tensor', 'DisposedError', ['unary', 'disposed'], ({ ops, x }) => {
    const gone = x(3)
    const { handle } = gone
    gone.dispose()
    x(3)
    return ops.unary!(handle, 'relu', 0, 0)
  }),
  bad('reading a disposed tensor', 'DisposedError', 'disposed', ({ x }) => {
    const gone = x(3)
    gone.dispose()
    return gone.dataSync()
  }),
  bad('the shape of a disposed tensor', 'DisposedError', 'disposed', ({ x }) => {
    const gone = x(3)
    gone.dispose()
    return gone.shape
  }),
  bad('a tensor that its tidy freed', 'DisposedError', 'disposed', ({ F, x }) => {
    const holder: { y?: unknown } = {}
    tidy(() => {
      holder.y = x(3)
    })
    return F.relu!(holder.y)
  }),
  bad('backward of a disposed tensor', 'DisposedError', 'disposed', ({ x }) => {
    const loss = x(3).requiresGrad_().sum()
    loss.dispose()
    loss.backward()
  }),
  bad('copy_ from a disposed tensor', 'DisposedError', 'disposed', ({ x }) => {
    const gone = x(3)
    gone.dispose()
    x(3).copy_(gone)
  }),
  bad('tidy with an asynchronous function', 'ValueError', ['tidy', 'promise'], () => tidy(async () => 1)),
  bad('noGrad with an asynchronous function', 'ValueError', ['promise'], () => noGrad(async () => 1)),
]

const loose = (value: unknown) => value as never

const making: BadCase[] = [
  bad('a tensor of ragged arrays', 'ShapeError', ['tensor', 'ragged'], ({ device }) =>
    tensor([[1, 2], [3]], { device }),
  ),
  bad('a tensor of arrays that end too deep', ['ShapeError', 'ValueError'], 'tensor', ({ device }) =>
    tensor([1, [2]], { device }),
  ),
  bad('a tensor of strings', 'ValueError', 'tensor', ({ device }) => tensor(loose(['a']), { device })),
  bad('a tensor of null', 'ValueError', 'tensor', ({ device }) => tensor(loose(null), { device })),
  bad('a tensor of undefined', 'ValueError', 'tensor', ({ device }) => tensor(loose(undefined), { device })),
  bad('a tensor of an object', 'ValueError', 'tensor', ({ device }) => tensor(loose({ a: 1 }), { device })),
  bad('a tensor of a shape of another size', 'ShapeError', ['tensor', '[2, 2]'], ({ device }) =>
    tensor(new Float32Array(3), { shape: [2, 2], device }),
  ),
  bad('a tensor of a negative shape', ['ShapeError', 'ValueError'], ['tensor', '-2'], ({ device }) =>
    tensor(new Float32Array(4), { shape: [-2, -2], device }),
  ),
  bad('a tensor of an unknown type', ['ValueError', 'DTypeError'], ['tensor', 'float8'], ({ device }) =>
    tensor([1], { dtype: loose('float8'), device }),
  ),
  bad('a tensor of nine dimensions', ['ShapeError', 'ValueError'], '8', ({ device }) =>
    tensor([1], { shape: [1, 1, 1, 1, 1, 1, 1, 1, 1], device }),
  ),
  bad('a tensor, natively, of a string', 'ValueError', 'tensor', ({ device }) =>
    native.fromData(device, 'float32', [1], loose('0000')),
  ),
  bad('zeros of a fractional shape', ['ShapeError', 'ValueError'], ['1.5'], ({ device }) => zeros([1.5], { device })),
  bad('zeros of shape NaN', ['ShapeError', 'ValueError'], ['nan'], ({ device }) => zeros([Number.NaN], { device })),
  bad('zeros of an infinite shape', ['ShapeError', 'ValueError'], ['inf'], ({ device }) =>
    zeros([Number.POSITIVE_INFINITY], { device }),
  ),
  bad('zeros of a negative shape', ['ShapeError', 'ValueError'], ['-1'], ({ device }) => zeros([-1, 2], { device })),
  bad('zeros of a number', 'ValueError', ['shape'], ({ device }) => zeros(loose(3), { device })),
  bad('zeros without a shape', 'ValueError', ['shape'], ({ device }) => zeros(loose(undefined), { device })),
  bad('full with a string', 'ValueError', ['value'], ({ device }) => full([2], loose('1'), { device })),
  bad('zeros of 2^60 bytes', ['OutOfMemoryError', 'ShapeError', 'ValueError'], '', ({ device }) =>
    zeros([2 ** 29, 2 ** 29], { device }),
  ),
  bad('zeros whose size overflows 64 bits', ['ShapeError', 'ValueError', 'OutOfMemoryError'], '', ({ device }) =>
    zeros([2 ** 32, 2 ** 32, 2 ** 32], { device }),
  ),
  bad('zeros whose size overflows to 0', ['ShapeError', 'ValueError', 'OutOfMemoryError'], '', ({ device }) =>
    zeros([2 ** 32, 2 ** 32], { device }),
  ),
  bad('zeros whose bytes overflow', ['ShapeError', 'ValueError', 'OutOfMemoryError'], '', ({ device }) =>
    zeros([2 ** 31, 2 ** 31], { device }),
  ),
  bad('rand of integers', 'DTypeError', ['int32'], ({ device }) => rand([3], { dtype: 'int32', device })),
  bad('randperm of a negative number', ['ShapeError', 'ValueError'], ['-1'], ({ device }) => randperm(-1, { device })),
  bad('randperm of more than an int32 holds', ['ShapeError', 'ValueError', 'OutOfMemoryError'], '', ({ device }) =>
    randperm(2 ** 40, { device }),
  ),
  bad('arange with step 0', 'ValueError', ['arange', '0'], ({ device }) => arange(0, 3, { step: 0, device })),
  bad('ones on a device that does not exist', 'DeviceError', ['abacus'], () => ones([2], { device: loose('abacus') })),
  bad('a default device that does not exist', 'DeviceError', ['abacus'], () => setDefaultDevice(loose('abacus'))),
  bad('the memory of a device that does not exist', 'DeviceError', ['abacus'], () => memory(loose('abacus'))),
  bad('item of many elements', 'ValueError', ['item', '[2, 3]'], ({ x }) => x(2, 3).itemSync()),
  bad('copy_ of another shape', 'ShapeError', ['copy', '[3]', '[4]'], ({ x }) => x(3).copy_(x(4))),
]

const gradients: BadCase[] = [
  bad('backward of a tensor that is no scalar', 'GradientError', ['backward', '[3]'], ({ x }) =>
    x(3).requiresGrad_().relu().backward(),
  ),
  bad('backward of a tensor without a graph', 'GradientError', 'backward', ({ x }) => x(3).sum().backward()),
  bad('backward twice', 'GradientError', ['freed', 'retainGraph'], ({ x }) => {
    const y = x(3).requiresGrad_().exp()
    const loss = y.mul(y).sum()
    loss.backward()
    loss.backward()
  }),
  bad('backward with a gradient of another shape', 'ShapeError', ['backward', '[3]', '[4]'], ({ x }) =>
    x(3)
      .requiresGrad_()
      .relu()
      .backward({ gradient: x(4) }),
  ),
  bad('backward with a gradient of another type', ['ShapeError', 'DTypeError'], ['backward', 'int32'], ({ x, int }) =>
    x(3)
      .requiresGrad_()
      .relu()
      .backward({ gradient: int([3], 1) }),
  ),
  bad('backward with a gradient that is a number', 'ValueError', 'backward', ({ x }) =>
    x(3)
      .requiresGrad_()
      .relu()
      .backward({ gradient: loose(1) }),
  ),
  bad('backward through a tensor that was overwritten', 'GradientError', ['mul', 'overwritten', '[3]'], ({ x }) => {
    const a = x(3).requiresGrad_()
    const b = x(3)
    const loss = a.mul(b).sum()
    b.copy_(x(3))
    loss.backward()
  }),
  bad(
    'backward through a convolution whose weight was overwritten',
    'GradientError',
    ['conv', 'weight', 'overwritten'],
    ({ F, x }) => {
      const weight = x(4, 2, 3, 3).requiresGrad_()
      const loss = F.conv2d!(x(1, 2, 5, 5).requiresGrad_(), weight).sum()
      weight.detach().zero_()
      loss.backward()
    },
  ),
  bad('copy_ into a leaf that requires a gradient', 'GradientError', ['copy_', 'noGrad', '[3]'], ({ x }) =>
    x(3).requiresGrad_().copy_(x(3)),
  ),
  bad('fill_ of a result that requires a gradient', 'GradientError', ['fill_', 'noGrad', '[3]'], ({ x }) =>
    x(3).requiresGrad_().relu().fill_(1),
  ),
  bad('backward through an output that was overwritten', 'GradientError', ['overwritten'], ({ x }) => {
    const y = x(3).requiresGrad_().exp()
    const loss = y.sum()
    y.detach().zero_()
    loss.backward()
  }),
  bad('requiresGrad of integers', 'DTypeError', ['int32'], ({ int }) => int([3], 1).requiresGrad_()),
  bad('requiresGrad_ of a result', 'GradientError', '', ({ x }) => x(3).requiresGrad_().relu().requiresGrad_(false)),
  bad('a gradient of another shape', 'ShapeError', ['[3]', '[4]'], ({ x }) => {
    x(3).requiresGrad_().grad = x(4)
  }),
  bad('grad of a function that returns no tensor', 'GradientError', 'grad', ({ x }) => grad(() => loose(3))(x(3))),
  bad('grad of a function that returns no scalar', 'GradientError', ['grad', '[3]'], ({ x }) =>
    grad((a) => a.relu())(x(3)),
  ),
  bad('the second derivative of an op that has none', 'GradientError', 'second derivative', ({ F, x }) => {
    const a = x(2, 3, 4, 4).requiresGrad_()
    F.maxPool2d!(a, 2).sum().backward({ createGraph: true })
    a.grad!.sum().backward()
  }),
]

const limits: BadCase[] = [
  bad('more memory than the limit', 'OutOfMemoryError', ['out of memory', '4194304', 'limit'], ({ device }) => {
    setMemoryLimit(memory(device).reserved + 1024 * 1024, device)
    try {
      zeros([1024 * 1024], { device })
    } finally {
      setMemoryLimit(0, device)
    }
  }),
  bad(
    'more memory than the limit, in the middle of a gradient',
    'OutOfMemoryError',
    ['out of memory', 'limit'],
    ({ device, x }) => {
      const a = x(64, 1024).requiresGrad_()
      const loss = a.exp().mul(3).square().sum()
      setMemoryLimit(1024, device)
      try {
        loss.backward()
      } finally {
        setMemoryLimit(0, device)
      }
    },
  ),
  bad('a negative memory limit', 'ValueError', ['setMemoryLimit', '-1'], ({ device }) => setMemoryLimit(-1, device)),
  bad('a memory limit of NaN', 'ValueError', ['setMemoryLimit'], ({ device }) => setMemoryLimit(Number.NaN, device)),
  bad('sgd, natively, of lists that differ', ['ShapeError', 'ValueError'], 'sgd', ({ ops, h }) =>
    ops.sgd!([h(3)], [h(3), h(3)], [], 1, false, 0.1, 0, 0, 0, 1),
  ),
  bad('sgd, natively, of shapes that differ', 'ShapeError', ['sgd', '[3]', '[4]'], ({ ops, h }) =>
    ops.sgd!([h(3)], [h(4)], [], 1, false, 0.1, 0, 0, 0, 1),
  ),
  bad('sgd, natively, with a count that is no count', ['ShapeError', 'ValueError'], 'sgd', ({ ops, h }) =>
    ops.sgd!([h(3)], [h(3)], [], -1, false, 0.1, 0, 0, 0, 1),
  ),
  bad('sgd, natively, with a count larger than the list', ['ShapeError', 'ValueError'], 'sgd', ({ ops, h }) =>
    ops.sgd!([h(3)], [h(3)], [], 1000, false, 0.1, 0, 0, 0, 1),
  ),
  bad('adam, natively, without its averages', ['ShapeError', 'ValueError'], 'adam', ({ ops, h }) =>
    ops.adam!([h(3)], [h(3)], [], [], [], 1, false, 0.1, 0.9, 0.999, 1e-8, 0, 1),
  ),
  bad('rmsProp, natively, without its squares', ['ShapeError', 'ValueError'], 'rmsProp', ({ ops, h }) =>
    ops.rmsProp!([h(3)], [h(3)], [], [], [], 1, false, 0.1, 0.9, 1e-8, 0, 0),
  ),
  bad('clipGradNorm, natively, of nothing', ['ShapeError', 'ValueError', 'DeviceError'], 'clipGradNorm', ({ ops }) =>
    ops.clipGradNorm!([], 1, 2),
  ),
  bad('copy, natively, of types that differ', ['DTypeError', 'ShapeError'], 'copy', ({ ops, h, int }) =>
    ops.copy!(h(3), int([3], 1).handle),
  ),
]

export const others: BadCase[] = [...handles, ...making, ...gradients, ...limits]
