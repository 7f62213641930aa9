// Modules made with arguments by position, in PyTorch's order, beside the same by name; and what Sequential knows of its layers.
import test from 'ava'
import { manualSeed, nn, ones, randn, type Tensor, ValueError } from '../lib/index.js'

/** The same module by position and by name, and the shape of its input. */
const pairs: [byPosition: () => nn.Module, byName: () => nn.Module, shape: number[]][] = [
  [
    () => new nn.Conv1d(4, 6, 3, 2, 1, 1, 2, false),
    () => new nn.Conv1d(4, 6, 3, { stride: 2, padding: 1, groups: 2, bias: false }),
    [2, 4, 9],
  ],
  [
    () => new nn.Conv2d(4, 6, [3, 2], [2, 1], [1, 0], 2, 2, true, 'reflect'),
    () =>
      new nn.Conv2d(4, 6, [3, 2], {
        stride: [2, 1],
        padding: [1, 0],
        dilation: 2,
        groups: 2,
        bias: true,
        paddingMode: 'reflect',
      }),
    [1, 4, 9, 8],
  ],
  [() => new nn.Conv2d(1, 2, 3, undefined, 'same'), () => new nn.Conv2d(1, 2, 3, { padding: 'same' }), [1, 1, 5, 4]],
  [() => new nn.Conv3d(1, 2, 2, 2), () => new nn.Conv3d(1, 2, 2, { stride: 2 }), [1, 1, 4, 4, 4]],
  [
    () => new nn.ConvTranspose1d(2, 4, 3, 3, 1, 2, 2, false, 2),
    () =>
      new nn.ConvTranspose1d(2, 4, 3, { stride: 3, padding: 1, outputPadding: 2, groups: 2, bias: false, dilation: 2 }),
    [1, 2, 4],
  ],
  [() => new nn.ConvTranspose2d(2, 3, 2, 2), () => new nn.ConvTranspose2d(2, 3, 2, { stride: 2 }), [1, 2, 3, 4]],
  [
    () => new nn.ConvTranspose3d(2, 1, 3, 2, 1, 1),
    () => new nn.ConvTranspose3d(2, 1, 3, { stride: 2, padding: 1, outputPadding: 1 }),
    [1, 2, 3, 2, 2],
  ],
  [
    () => new nn.MaxPool1d(3, 2, 1, 2, false, true),
    () => new nn.MaxPool1d(3, { stride: 2, padding: 1, dilation: 2, returnIndices: false, ceilMode: true }),
    [1, 2, 10],
  ],
  [() => new nn.MaxPool2d(3, 2, 1), () => new nn.MaxPool2d(3, { stride: 2, padding: 1 }), [1, 2, 8, 7]],
  [() => new nn.MaxPool3d(2, 1), () => new nn.MaxPool3d(2, { stride: 1 }), [1, 1, 3, 3, 3]],
  [
    () => new nn.AvgPool1d(3, 2, 1, true, false),
    () => new nn.AvgPool1d(3, { stride: 2, padding: 1, ceilMode: true, countIncludePad: false }),
    [1, 2, 8],
  ],
  [
    () => new nn.AvgPool2d(2, undefined, 1, false, true, 3),
    () => new nn.AvgPool2d(2, { padding: 1, divisorOverride: 3 }),
    [1, 2, 6, 6],
  ],
  [() => new nn.AvgPool3d(2, 2), () => new nn.AvgPool3d(2, { stride: 2 }), [1, 1, 4, 4, 4]],
  [() => new nn.BatchNorm1d(3, 1e-2, 0.5), () => new nn.BatchNorm1d(3, { eps: 1e-2, momentum: 0.5 }), [4, 3]],
  [
    () => new nn.BatchNorm2d(3, 1e-3, null, false, false),
    () => new nn.BatchNorm2d(3, { eps: 1e-3, momentum: null, affine: false, trackRunningStats: false }),
    [2, 3, 4, 4],
  ],
  [
    () => new nn.InstanceNorm2d(3, 1e-2, 0.2, true),
    () => new nn.InstanceNorm2d(3, { eps: 1e-2, momentum: 0.2, affine: true }),
    [2, 3, 4, 4],
  ],
  [
    () => new nn.LayerNorm([3, 4], 1e-1, true, false),
    () => new nn.LayerNorm([3, 4], { eps: 1e-1, bias: false }),
    [2, 3, 4],
  ],
  [() => new nn.GroupNorm(2, 4, 1e-1, false), () => new nn.GroupNorm(2, 4, { eps: 1e-1, affine: false }), [2, 4, 3]],
  [
    () => new nn.LocalResponseNorm(3, 1e-2, 0.5, 2),
    () => new nn.LocalResponseNorm(3, { alpha: 1e-2, beta: 0.5, k: 2 }),
    [1, 5, 3],
  ],
  [() => new nn.Linear(3, 2, false), () => new nn.Linear(3, 2, { bias: false }), [2, 3]],
  [() => new nn.Softplus(2, 1), () => new nn.Softplus({ beta: 2, threshold: 1 }), [7]],
  [() => new nn.GELU('tanh'), () => new nn.GELU({ approximate: 'tanh' }), [7]],
  [() => new nn.ReLU(true), () => new nn.ReLU(), [7]],
  [() => new nn.ReLU6(true), () => new nn.ReLU6(), [7]],
  [() => new nn.SiLU(true), () => new nn.SiLU(), [7]],
  [() => new nn.Hardswish(true), () => new nn.Hardswish(), [7]],
  [() => new nn.Hardsigmoid(true), () => new nn.Hardsigmoid(), [7]],
  [() => new nn.LeakyReLU(0.01, true), () => new nn.LeakyReLU(), [7]],
  [() => new nn.ELU(1, true), () => new nn.ELU(), [7]],
  [() => new nn.Dropout(0.3, true), () => new nn.Dropout(0.3), [7]],
  [() => new nn.Dropout2d(0.3), () => new nn.Dropout2d(0.3), [1, 3, 2, 2]],
  [
    () => new nn.Upsample(undefined, 2, 'bilinear', true),
    () => new nn.Upsample({ scaleFactor: 2, mode: 'bilinear', alignCorners: true }),
    [1, 1, 3, 4],
  ],
]

for (const [byPosition, byName, shape] of pairs) {
  test.serial(`by position as by name: ${String(byName())}`, (t) => {
    manualSeed(1)
    const x = randn(shape)
    const [a, b] = [byPosition, byName].map((make) => {
      manualSeed(2)
      return make()
    }) as [nn.Module, nn.Module]
    t.is(a.constructor, b.constructor)
    t.deepEqual(Object.keys(a.stateDict()), Object.keys(b.stateDict()))
    const [y, expected] = [a, b].map((module) => {
      manualSeed(3)
      return module.forward(x)
    }) as [Tensor, Tensor]
    t.deepEqual(y.shape, expected.shape)
    t.deepEqual(y.dataSync(), expected.dataSync())
  })
}

test('pools return indices where the type says so', (t) => {
  const x = ones([1, 1, 4, 4])
  const [y, indices] = new nn.MaxPool2d(2, 2, 0, 1, true).forward(x)
  t.deepEqual([y.shape, indices.dtype], [[1, 1, 2, 2], 'int32'])
  const [adapted] = new nn.AdaptiveMaxPool2d(2, true).forward(x)
  t.deepEqual(adapted.shape, [1, 1, 2, 2])
  t.deepEqual(new nn.MaxUnpool2d(2, 2).forward(y, indices).shape, [1, 1, 4, 4])
  const single: Tensor = new nn.MaxPool2d(2, 2).forward(x)
  t.deepEqual(single.shape, [1, 1, 2, 2])
})

test('the modules of a family are classes of their own, under their own names', (t) => {
  const families: [name: string, make: (Class: new (...args: never[]) => nn.AnyModule) => nn.AnyModule][] = [
    ['Conv', (Class) => new Class(...([1, 1, 2] as never[]))],
    ['ConvTranspose', (Class) => new Class(...([1, 1, 2] as never[]))],
    ['MaxPool', (Class) => new Class(...([2] as never[]))],
    ['MaxUnpool', (Class) => new Class(...([2] as never[]))],
    ['AvgPool', (Class) => new Class(...([2] as never[]))],
    ['AdaptiveAvgPool', (Class) => new Class(...([2] as never[]))],
    ['AdaptiveMaxPool', (Class) => new Class(...([2] as never[]))],
    ['BatchNorm', (Class) => new Class(...([2] as never[]))],
    ['InstanceNorm', (Class) => new Class(...([2] as never[]))],
  ]
  const classes = nn as unknown as { [name: string]: new (...args: never[]) => nn.AnyModule }
  for (const [family, make] of families) {
    const members = [1, 2, 3].map((rank) => classes[`${family}${rank}d`]!)
    for (const [i, Class] of members.entries()) {
      const module = make(Class)
      t.is(module.constructor.name, `${family}${i + 1}d`)
      t.regex(String(module), new RegExp(`^${family}${i + 1}d\\(`))
      t.deepEqual(
        members.map((each) => module instanceof each),
        members.map((each) => each === Class),
      )
    }
  }
  const copy = new nn.MaxPool2d(2, 1).clone()
  t.true(copy instanceof nn.MaxPool2d)
  t.deepEqual(copy.forward(ones([1, 1, 3, 3])).shape, [1, 1, 2, 2])
})

test('wrong values by position get the errors of the options', (t) => {
  const wrong = (value: unknown) => value as never
  const refused: [() => unknown, string][] = [
    [
      () => new nn.Conv2d(1, 1, 3, wrong('1')),
      "Conv2d: stride is a string ('1'), expected a number or an array of numbers",
    ],
    [() => new nn.Conv2d(1, 1, 3, 1, wrong('around')), "Conv2d: padding is 'around', expected one of same, valid"],
    [() => new nn.Conv2d(1, 1, 3, 1, 0, 1, 0), 'Conv2d: groups is 0, expected a whole number of at least 1'],
    [() => new nn.Conv2d(1, 1, 3, 1, 0, 1, 1, wrong(1)), 'Conv2d: bias is 1, expected true or false'],
    [() => new nn.Conv2d(1, 1, 3, wrong(null)), 'Conv2d: options is null, expected an object'],
    [() => new nn.Conv2d(1, 1, 3, wrong(null), 1), 'Conv2d: stride is null, expected a number or an array of numbers'],
    [
      () => new nn.Conv2d(1, 1, 3, ...([{ stride: 1 }, 2] as unknown as [])),
      'Conv2d: an argument follows the options, expected none',
    ],
    [
      () => new nn.MaxPool2d(2, ...([1, 0, 1, false, false, 3] as unknown as [])),
      'MaxPool2d: 6 optional arguments, expected at most 5: stride, padding, dilation, returnIndices, ceilMode',
    ],
    [() => new nn.MaxPool2d(2, 1, 0, 1, wrong(1)), 'MaxPool2d: returnIndices is 1, expected true or false'],
    [() => new nn.AvgPool2d(2, 1, 0, wrong('x')), "AvgPool2d: ceilMode is a string ('x'), expected true or false"],
    [() => new nn.MaxUnpool1d(2, wrong(true)), 'MaxUnpool1d: stride is true, expected a number or an array of numbers'],
    [() => new nn.BatchNorm2d(2, wrong('x')), "BatchNorm2d: eps is a string ('x'), expected a number"],
    [() => new nn.GroupNorm(2, 4, 1, wrong(0)), 'GroupNorm: affine is 0, expected true or false'],
    [() => new nn.Softplus(1, wrong('x')), "Softplus: threshold is a string ('x'), expected a number"],
    [() => new nn.GELU(wrong('exact')), "GELU: approximate is 'exact', expected one of none, tanh"],
    [() => new nn.ReLU(wrong(1)), 'ReLU: inplace is 1, expected true or false'],
    [() => new nn.ELU(1, wrong('x')), "ELU: inplace is a string ('x'), expected true or false"],
    [() => new nn.Dropout(1.5), 'Dropout: p is 1.5, expected a probability in [0, 1]'],
    [() => new nn.Dropout(0.5, wrong(0)), 'Dropout: inplace is 0, expected true or false'],
    [() => new nn.Linear(2, 2, wrong(0)), 'Linear: bias is 0, expected true or false'],
  ]
  for (const [make, message] of refused) t.throws(make, { instanceOf: ValueError, message })
})

test('Sequential knows the types of its layers', (t) => {
  const net = new nn.Sequential(new nn.Conv2d(1, 2, 3), new nn.ReLU(), new nn.Linear(4, 5))
  const typed: nn.Sequential<[nn.Conv2d, nn.ReLU, nn.Linear]> = net
  t.is(typed.at(0).kernelSize.length, 2)
  t.is(typed.at(2).outFeatures, 5)
  // @ts-expect-error a ReLU has no weight
  t.is(typed.at(1).weight, undefined)
  // @ts-expect-error behind the layers that were given nobody knows what there is
  t.throws(() => typed.at(3).forward, { instanceOf: TypeError })
  // @ts-expect-error from the end it may be any of them
  t.is(typed.at(-1).outFeatures, 5)
  t.is((typed.at(-1) as nn.Linear).outFeatures, 5)

  // What is typed as any Sequential takes all of them, and is as open as ever.
  const any: nn.Sequential = net
  const layer: nn.Layer | undefined = any.at(0)
  t.is(layer, net.at(0))
  const named: nn.Sequential = new nn.Sequential({ first: new nn.ReLU() })
  t.is(named.length, 1)
  const spread: nn.Sequential = new nn.Sequential(...[1, 2].map(() => new nn.ReLU()))
  t.is(spread.length, 2)
  t.is(new nn.Sequential().append(new nn.ReLU()).at(0)?.constructor, nn.ReLU)
})
