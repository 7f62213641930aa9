// Every module and every method of Tensor is its functional under another name: both give bit for bit the same.
import test from 'ava'
import { functional as F, manualSeed, nn, randint, randn, type Tensor, tensor } from '../lib/index.js'

/** A module as one that takes whatever tensors its row has. */
const call = (module: nn.AnyModule, ...inputs: Tensor[]): Tensor =>
  (module as { forward(...inputs: Tensor[]): unknown }).forward(...inputs) as Tensor

const x1 = (): Tensor => randn([2, 4, 9])
const x2 = (): Tensor => randn([2, 4, 9, 7])
const x3 = (): Tensor => randn([2, 4, 5, 6, 5])
const positive = (): Tensor => x2().abs().add(0.1)

/** [module, functional with the same defaults, input] */
const unary: Record<string, [nn.AnyModule, (x: Tensor) => Tensor, () => Tensor]> = {
  ReLU: [new nn.ReLU(), F.relu, x2],
  ReLU6: [new nn.ReLU6(), F.relu6, x2],
  LeakyReLU: [new nn.LeakyReLU(), (x) => F.leakyRelu(x, 0.01), x2],
  'LeakyReLU 0.2': [new nn.LeakyReLU(0.2), (x) => F.leakyRelu(x, 0.2), x2],
  ELU: [new nn.ELU(), (x) => F.elu(x, 1), x2],
  GELU: [new nn.GELU(), (x) => F.gelu(x), x2],
  'GELU tanh': [new nn.GELU({ approximate: 'tanh' }), (x) => F.gelu(x, { approximate: 'tanh' }), x2],
  SiLU: [new nn.SiLU(), F.silu, x2],
  Sigmoid: [new nn.Sigmoid(), F.sigmoid, x2],
  Hardsigmoid: [new nn.Hardsigmoid(), F.hardsigmoid, x2],
  Hardswish: [new nn.Hardswish(), F.hardswish, x2],
  Tanh: [new nn.Tanh(), F.tanh, x2],
  Softplus: [new nn.Softplus({ beta: 2 }), (x) => F.softplus(x, { beta: 2 }), x2],
  Softmax: [new nn.Softmax(1), (x) => F.softmax(x, 1), x2],
  LogSoftmax: [new nn.LogSoftmax(-1), (x) => F.logSoftmax(x, -1), x2],
  Identity: [new nn.Identity(), (x) => x, x2],
  MaxPool1d: [new nn.MaxPool1d(2), (x) => F.maxPool1d(x, 2), x1],
  MaxPool2d: [new nn.MaxPool2d(3, { stride: 2, padding: 1 }), (x) => F.maxPool2d(x, 3, { stride: 2, padding: 1 }), x2],
  MaxPool3d: [new nn.MaxPool3d(2), (x) => F.maxPool3d(x, 2), x3],
  AvgPool1d: [new nn.AvgPool1d(3), (x) => F.avgPool1d(x, 3), x1],
  AvgPool2d: [new nn.AvgPool2d(2, { ceilMode: true }), (x) => F.avgPool2d(x, 2, { ceilMode: true }), x2],
  AvgPool3d: [new nn.AvgPool3d(2), (x) => F.avgPool3d(x, 2), x3],
  AdaptiveAvgPool1d: [new nn.AdaptiveAvgPool1d(4), (x) => F.adaptiveAvgPool1d(x, 4), x1],
  AdaptiveAvgPool2d: [new nn.AdaptiveAvgPool2d([3, 2]), (x) => F.adaptiveAvgPool2d(x, [3, 2]), x2],
  AdaptiveAvgPool3d: [new nn.AdaptiveAvgPool3d(2), (x) => F.adaptiveAvgPool3d(x, 2), x3],
  AdaptiveMaxPool1d: [new nn.AdaptiveMaxPool1d(4), (x) => F.adaptiveMaxPool1d(x, 4), x1],
  AdaptiveMaxPool2d: [new nn.AdaptiveMaxPool2d(3), (x) => F.adaptiveMaxPool2d(x, 3), x2],
  AdaptiveMaxPool3d: [new nn.AdaptiveMaxPool3d(2), (x) => F.adaptiveMaxPool3d(x, 2), x3],
  GlobalAvgPool: [new nn.GlobalAvgPool(), (x) => F.globalAvgPool(x), x2],
  GlobalMaxPool: [new nn.GlobalMaxPool({ keepdim: false }), (x) => F.globalMaxPool(x, { keepdim: false }), x2],
  InstanceNorm1d: [new nn.InstanceNorm1d(4), (x) => F.instanceNorm(x), x1],
  InstanceNorm2d: [new nn.InstanceNorm2d(4), (x) => F.instanceNorm(x), x2],
  InstanceNorm3d: [new nn.InstanceNorm3d(4), (x) => F.instanceNorm(x), x3],
  LayerNorm: [new nn.LayerNorm([9, 7]), (x) => F.layerNorm(x, [9, 7]), x2],
  GroupNorm: [new nn.GroupNorm(2, 4), (x) => F.groupNorm(x, 2), x2],
  LocalResponseNorm: [new nn.LocalResponseNorm(3), (x) => F.localResponseNorm(x, 3), x2],
  'Dropout in evaluation': [new nn.Dropout(0.4).eval(), (x) => x, x2],
  'Dropout2d in evaluation': [new nn.Dropout2d(0.4).eval(), (x) => x, x2],
  Flatten: [new nn.Flatten(), (x) => F.flatten(x, 1), x2],
  Unflatten: [new nn.Unflatten(1, [2, 2]), (x) => F.reshape(x, [2, 2, 2, 9, 7]), x2],
  Upsample: [new nn.Upsample({ scaleFactor: 2 }), (x) => F.interpolate(x, { scaleFactor: 2 }), x2],
  ZeroPad2d: [new nn.ZeroPad2d(2), (x) => F.pad(x, [2, 2, 2, 2]), x2],
  ConstantPad2d: [new nn.ConstantPad2d([1, 2, 0, 3], 0.5), (x) => F.pad(x, [1, 2, 0, 3], { value: 0.5 }), x2],
  ReflectionPad2d: [new nn.ReflectionPad2d(1), (x) => F.pad(x, [1, 1, 1, 1], { mode: 'reflect' }), x2],
  ReplicationPad2d: [new nn.ReplicationPad2d(1), (x) => F.pad(x, [1, 1, 1, 1], { mode: 'replicate' }), x2],
  CircularPad2d: [new nn.CircularPad2d(1), (x) => F.pad(x, [1, 1, 1, 1], { mode: 'circular' }), x2],
  Conv3d: [new nn.Conv3d(4, 3, 2, { bias: false }), (x) => x, x3],
  ConvTranspose3d: [new nn.ConvTranspose3d(4, 3, 2, { stride: 2 }), (x) => x, x3],
}

for (const [name, [module, functional, input]] of Object.entries(unary)) {
  test(`nn.${name} is its functional`, async (t) => {
    manualSeed(3)
    const x = input()
    const y = call(module, x)
    let expected = functional(x)
    if (module instanceof nn.Conv3d) expected = F.conv3d(x, module.weight, null)
    if (module instanceof nn.ConvTranspose3d) {
      expected = F.convTranspose3d(x, module.weight, module.bias, { stride: 2 })
    }
    t.deepEqual(y.shape, expected.shape)
    t.deepEqual(await y.data(), await expected.data())
    t.true(String(module).startsWith(module.constructor.name))
  })
}

for (const rank of [1, 2, 3] as const) {
  test(`nn.MaxUnpool${rank}d puts back what nn.MaxPool${rank}d took`, async (t) => {
    const x = [x1, x2, x3][rank - 1]!()
    const pools = [nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d] as const
    const unpools = [nn.MaxUnpool1d, nn.MaxUnpool2d, nn.MaxUnpool3d] as const
    const [y, indices] = new pools[rank - 1]!(2, { returnIndices: true }).forward(x)
    const back = new unpools[rank - 1]!(2).forward(y, indices, x.shape.slice(2))
    t.deepEqual(back.shape, x.shape)
    t.is(await back.ne(0).to('float32').sum().item(), y.size)
    t.deepEqual(await back.mul(x).sum().item(), await back.square().sum().item())
  })
}

const logits = (): Tensor => randn([6, 5])
const fractions = (): Tensor => randn([6, 5]).sigmoid()
const classes = (): Tensor => randint(0, 5, [6])

const losses: Record<string, [nn.AnyModule, (x: Tensor, y: Tensor) => Tensor, () => Tensor, () => Tensor]> = {
  CrossEntropyLoss: [
    new nn.CrossEntropyLoss({ labelSmoothing: 0.1 }),
    (x, y) => F.crossEntropy(x, y, { labelSmoothing: 0.1 }),
    logits,
    classes,
  ],
  NLLLoss: [new nn.NLLLoss({ reduction: 'sum' }), (x, y) => F.nllLoss(x, y, { reduction: 'sum' }), logits, classes],
  BCELoss: [new nn.BCELoss(), (x, y) => F.binaryCrossEntropy(x, y), fractions, fractions],
  BCEWithLogitsLoss: [new nn.BCEWithLogitsLoss(), (x, y) => F.binaryCrossEntropyWithLogits(x, y), logits, fractions],
  MSELoss: [new nn.MSELoss({ reduction: 'none' }), (x, y) => F.mseLoss(x, y, { reduction: 'none' }), logits, logits],
  L1Loss: [new nn.L1Loss(), (x, y) => F.l1Loss(x, y), logits, logits],
  SmoothL1Loss: [new nn.SmoothL1Loss({ beta: 0.5 }), (x, y) => F.smoothL1Loss(x, y, { beta: 0.5 }), logits, logits],
  KLDivLoss: [
    new nn.KLDivLoss({ reduction: 'batchmean' }),
    (x, y) => F.klDiv(x, y, { reduction: 'batchmean' }),
    logits,
    fractions,
  ],
}

for (const [name, [module, functional, input, target]] of Object.entries(losses)) {
  test(`nn.${name} is its functional`, async (t) => {
    manualSeed(4)
    const [x, y] = [input(), target()]
    t.deepEqual(await call(module, x, y).data(), await functional(x, y).data())
  })
}

/** [method, functional] of one input. */
const methods: Record<string, [(x: Tensor) => Tensor | Tensor[], (x: Tensor) => Tensor | Tensor[]]> = {
  add: [(x) => x.add(2), (x) => F.add(x, 2)],
  sub: [(x) => x.sub(2), (x) => F.sub(x, 2)],
  mul: [(x) => x.mul(x), (x) => F.mul(x, x)],
  div: [(x) => x.div(3), (x) => F.div(x, 3)],
  pow: [(x) => x.pow(1.5), (x) => F.pow(x, 1.5)],
  maximum: [(x) => x.maximum(0.5), (x) => F.maximum(x, 0.5)],
  minimum: [(x) => x.minimum(0.5), (x) => F.minimum(x, 0.5)],
  eq: [(x) => x.eq(x), (x) => F.eq(x, x)],
  ne: [(x) => x.ne(1), (x) => F.ne(x, 1)],
  lt: [(x) => x.lt(1), (x) => F.lt(x, 1)],
  le: [(x) => x.le(1), (x) => F.le(x, 1)],
  gt: [(x) => x.gt(1), (x) => F.gt(x, 1)],
  ge: [(x) => x.ge(1), (x) => F.ge(x, 1)],
  logicalAnd: [(x) => x.gt(1).logicalAnd(x.lt(2)), (x) => F.logicalAnd(F.gt(x, 1), F.lt(x, 2))],
  logicalOr: [(x) => x.gt(1).logicalOr(x.lt(0.5)), (x) => F.logicalOr(F.gt(x, 1), F.lt(x, 0.5))],
  logicalNot: [(x) => x.gt(1).logicalNot(), (x) => F.le(x, 1)],
  isnan: [(x) => x.isnan(), (x) => F.ne(x, x)],
  neg: [(x) => x.neg(), F.neg],
  abs: [(x) => x.abs(), F.abs],
  sign: [(x) => x.sign(), F.sign],
  exp: [(x) => x.exp(), F.exp],
  expm1: [(x) => x.expm1(), F.expm1],
  log: [(x) => x.log(), F.log],
  log1p: [(x) => x.log1p(), F.log1p],
  sqrt: [(x) => x.sqrt(), F.sqrt],
  rsqrt: [(x) => x.rsqrt(), F.rsqrt],
  square: [(x) => x.square(), F.square],
  reciprocal: [(x) => x.reciprocal(), F.reciprocal],
  sin: [(x) => x.sin(), F.sin],
  cos: [(x) => x.cos(), F.cos],
  erf: [(x) => x.erf(), F.erf],
  floor: [(x) => x.floor(), F.floor],
  ceil: [(x) => x.ceil(), F.ceil],
  round: [(x) => x.round(), F.round],
  clamp: [(x) => x.clamp({ min: 0.3, max: 1 }), (x) => F.clamp(x, { min: 0.3, max: 1 })],
  relu: [(x) => x.sub(1).relu(), (x) => F.relu(F.sub(x, 1))],
  sigmoid: [(x) => x.sigmoid(), F.sigmoid],
  tanh: [(x) => x.tanh(), F.tanh],
  softmax: [(x) => x.softmax(1), (x) => F.softmax(x, 1)],
  logSoftmax: [(x) => x.logSoftmax(1), (x) => F.logSoftmax(x, 1)],
  matmul: [(x) => x.matmul(x.transpose(2, 3)), (x) => F.matmul(x, F.transpose(x, 2, 3))],
  sum: [(x) => x.sum(1), (x) => F.sum(x, 1)],
  mean: [(x) => x.mean([0, 2], { keepdim: true }), (x) => F.mean(x, [0, 2], { keepdim: true })],
  max: [(x) => x.max(-1), (x) => F.max(x, -1)],
  min: [(x) => x.min(), (x) => F.min(x)],
  prod: [(x) => x.prod(1), (x) => F.prod(x, 1)],
  argmax: [(x) => x.argmax(1), (x) => F.argmax(x, 1)],
  argmin: [(x) => x.argmin(), (x) => F.argmin(x)],
  var: [(x) => x.var(1), (x) => F.variance(x, 1)],
  std: [(x) => x.std(1, { correction: 0 }), (x) => F.std(x, 1, { correction: 0 })],
  reshape: [(x) => x.reshape([8, -1]), (x) => F.reshape(x, [8, 63])],
  view: [(x) => x.view([8, 63]), (x) => F.reshape(x, [8, 63])],
  flatten: [(x) => x.flatten(), (x) => F.reshape(x, [-1])],
  squeeze: [(x) => x.unsqueeze(0).squeeze(0), (x) => x],
  unsqueeze: [(x) => x.unsqueeze(1), (x) => F.reshape(x, [2, 1, 4, 9, 7])],
  permute: [(x) => x.permute([0, 2, 3, 1]), (x) => F.permute(x, [0, 2, 3, 1])],
  transpose: [(x) => x.transpose(1, 3), (x) => F.permute(x, [0, 3, 2, 1])],
  expand: [(x) => x.narrow(0, 0, 1).expand([3, 4, 9, 7]), (x) => F.expand(F.narrow(x, 0, 0, 1), [3, 4, 9, 7])],
  narrow: [(x) => x.narrow(2, 3, 4), (x) => F.slice(x, 2, 3, 7)],
  slice: [(x) => x.slice(2, 1, 8, 2), (x) => F.slice(x, 2, 1, 8, 2)],
  split: [(x) => x.split([1, 3], 1), (x) => F.split(x, [1, 3], 1)],
  chunk: [(x) => x.chunk(2, 1), (x) => F.split(x, 2, 1)],
  flip: [(x) => x.flip([2, 3]), (x) => F.flip(x, [2, 3])],
  gather: [(x) => x.gather(1, x.argmax(1, { keepdim: true })), (x) => F.max(x, 1, { keepdim: true })],
  indexSelect: [
    (x) => x.indexSelect(1, tensor([3, 0], { dtype: 'int32' })),
    (x) => F.cat([F.narrow(x, 1, 3, 1), F.narrow(x, 1, 0, 1)], 1),
  ],
}

for (const [name, [method, functional]] of Object.entries(methods)) {
  test(`tensor.${name} is its functional`, async (t) => {
    manualSeed(5)
    const x = positive()
    const [actual, expected] = [method(x), functional(x)].map((result) => [result].flat())
    for (const [i, y] of actual!.entries()) {
      t.deepEqual(y.shape, expected![i]!.shape)
      t.deepEqual(await y.data(), await expected![i]!.data())
    }
  })
}
