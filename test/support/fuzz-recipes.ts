// Arguments with which each function and class of the package works: what the fuzzer spoils, one by one.
import * as cudnn from '../../lib/index.js'

const { zeros, ones, rand, nn, optim, data, functional: F } = cudnn

const x2 = () => rand([2, 3])
const x3 = () => rand([2, 4, 6])
const x4 = () => rand([2, 4, 6, 6])
const x5 = () => rand([1, 4, 4, 4, 4])
const ofRank = (name: string) => (/1d/.test(name) ? x3 : /3d/.test(name) ? x5 : x4)
const ints = (shape: number[]) => zeros(shape, { dtype: 'int32' })
const net = () => new nn.Linear(3, 2)
const sgd = () => new optim.SGD(net().parameters(), { lr: 0.1, momentum: 0.9 })
const dataset = () => new data.TensorDataset(rand([4, 3]), ints([4]), {})
const loader = () => new data.DataLoader(dataset(), { batchSize: 2 })
const block = { outChannels: 4 }
const model = { numClasses: 2, inChannels: 3 }
const table = () => cudnn.blocks.nasnetANormal
const spatial = (name: string) => (/1d/.test(name) ? 1 : /3d/.test(name) ? 3 : 2)
const kernelOf = (name: string) => rand([4, 4, ...new Array<number>(spatial(name)).fill(3)])

/** By name, the first that matches. `name` has dots for namespaces, `#` before methods. */
const recipes: readonly [RegExp, (name: string) => unknown[]][] = [
  // tensors
  [/^tensor$/, () => [[1, 2], { dtype: 'float32', shape: [2] }]],
  [/^full$/, () => [[2], 1, { dtype: 'float32' }]],
  [/^(zeros|ones|rand|randn)$/, () => [[2, 3], { dtype: 'float32' }]],
  [/Like$/, () => [x2(), {}]],
  [/^arange$/, () => [0, 4, { step: 1 }]],
  [/^linspace$/, () => [0, 1, 4, {}]],
  [/^(eye|randperm)$/, () => [3, {}]],
  [/^randint$/, () => [0, 4, [3], {}]],
  [/^setRandomState$/, () => [cudnn.getRandomState()]],
  [/^(noGrad|enableGrad|tidy)$/, () => [() => 1]],
  [/^autocast$/, () => ['bfloat16', () => 1]],
  [/^grad$/, () => [(x: cudnn.Tensor) => x.sum(), { createGraph: true }]],
  [/^keep$/, () => [x2()]],
  [/^compile$/, () => [F.relu, { maxPrograms: 2, precision: 'exact', microBatch: 0 }]],
  [/^(memory|resetPeakMemory|synchronize|synchronizeSync)$/, () => ['cpu']],
  [/^(saveSafetensors)$/, () => ['x.safetensors', { a: x2() }, { metadata: { a: 'b' } }]],
  [/^(read|load)Safetensors/, () => ['x.safetensors', { device: 'cpu' }]],
  [/^Tensor#(add|sub|mul|div|maximum|minimum|eq|ne|lt|le|gt|ge|logicalAnd|logicalOr|copy_)$/, () => [x2()]],
  [/^Tensor#(pow|fill_)$/, () => [2]],
  [/^Tensor#clamp$/, () => [{ min: 0, max: 1 }]],
  [/^Tensor#(sum|mean|max|min|prod|argmax|argmin|var|std)$/, () => [1, { keepdim: true }]],
  [/^Tensor#(softmax|logSoftmax|squeeze|unsqueeze|flip)$/, () => [1]],
  [/^Tensor#(reshape|view)$/, () => [[3, 2]]],
  [/^Tensor#expand$/, () => [[2, 2, 3]]],
  [/^Tensor#(flatten|permute|transpose)$/, (name) => (/permute/.test(name) ? [[1, 0]] : [0, 1])],
  [/^Tensor#narrow$/, () => [0, 0, 1]],
  [/^Tensor#slice$/, () => [1, 0, 2, 1]],
  [/^Tensor#(split|chunk)$/, () => [1, 0]],
  [/^Tensor#gather$/, () => [1, ints([2, 1])]],
  [/^Tensor#indexSelect$/, () => [0, ints([1])]],
  [/^Tensor#to$/, () => ['float64']],
  [/^Tensor#backward$/, () => [{ gradient: x2(), retainGraph: true }]],
  [/^Tensor#matmul$/, () => [rand([3, 2])]],
  // functional
  [/^functional\.convTranspose/, (name) => [ofRank(name)(), kernelOf(name), ones([4]), { stride: 1, padding: 0 }]],
  [/^functional\.conv/, (name) => [ofRank(name)(), kernelOf(name), ones([4]), { stride: 1, padding: 1 }]],
  [/^functional\.maxUnpool/, (name) => [ofRank(name)(), ints([...ofRank(name)().shape]), 2, { stride: 2 }]],
  [/^functional\.adaptive.*Pool/, (name) => [ofRank(name)(), 2, {}]],
  [/^functional\.global/, () => [x4(), { keepdim: false }]],
  [/^functional\..*Pool/, (name) => [ofRank(name)(), 2, { stride: 2, padding: 0 }]],
  [
    /^functional\.batchNorm/,
    () => [x4(), zeros([4]), ones([4]), { weight: ones([4]), bias: zeros([4]), training: true }],
  ],
  [/^functional\.layerNorm/, () => [x4(), [6], { eps: 1e-5, weight: ones([6]) }]],
  [/^functional\.groupNorm/, () => [x4(), 2, { eps: 1e-5, weight: ones([4]) }]],
  [/^functional\.instanceNorm/, () => [x4(), { weight: ones([4]), runningMean: zeros([4]), runningVar: ones([4]) }]],
  [/^functional\.localResponseNorm/, () => [x4(), 3, { alpha: 1, beta: 0.75, k: 1 }]],
  [
    /^functional\.(crossEntropy|nllLoss)/,
    () => [x2(), ints([2]), { weight: ones([3]), ignoreIndex: -100, reduction: 'mean' }],
  ],
  [/^functional\.(.*Loss|binary.*|klDiv)$/, () => [x2(), x2(), { reduction: 'mean' }]],
  [/^functional\.dropout/, () => [x4(), { p: 0.5, training: true }]],
  [
    /^functional\.(linear|bmm|matmul)/,
    (name) => (/bmm/.test(name) ? [x3(), rand([2, 6, 3])] : [x2(), rand([3, 3]), ones([3])]),
  ],
  [/^functional\.interpolate/, () => [x4(), { size: 3, mode: 'bilinear', alignCorners: false }]],
  [/^functional\.(cat|stack)/, () => [[x2(), x2()], 1]],
  [/^functional\.pad/, () => [x4(), [1, 1], { mode: 'constant', value: 0 }]],
  [/^functional\.where/, () => [x2().gt(0), x2(), 1]],
  [/^functional\.oneHot/, () => [ints([2]), 3]],
  [/^functional\.gather/, () => [x2(), 1, ints([2, 1])]],
  [/^functional\.indexSelect/, () => [x2(), 0, ints([1])]],
  [/^functional\.clamp/, () => [x2(), { min: 0, max: 1 }]],
  [/^functional\.(reshape|view|expand)/, () => [x2(), [2, 3]]],
  [/^functional\.unflatten/, () => [x2(), 1, [3, 1]]],
  [/^functional\.permute/, () => [x2(), [1, 0]]],
  [/^functional\.transpose/, () => [x2(), 0, 1]],
  [/^functional\.narrow/, () => [x2(), 0, 0, 1]],
  [/^functional\.slice/, () => [x2(), 1, 0, 2, 1]],
  [/^functional\.(split|chunk)/, () => [x2(), 1, 0]],
  [/^functional\.(sum|mean|max|min|prod|argmax|argmin|variance|std)/, () => [x2(), 1, { keepdim: true }]],
  [/^functional\.(softmax|logSoftmax|unsqueeze|squeeze|flip|leakyRelu|elu)/, () => [x2(), 1]],
  [/^functional\.flatten/, () => [x2(), 0, 1]],
  [/^functional\.(gelu|softplus)/, () => [x2(), {}]],
  [/^functional\.cast/, () => [x2(), 'float64']],
  [/^functional\./, () => [x2(), x2()]],
  // nn
  [/^nn\.init\.calculateGain/, () => ['relu', 0]],
  [/^nn\.init\.fan/, () => [[2, 3]]],
  [/^nn\.init\.(kaiming|xavier)/, () => [x2(), {}]],
  [/^nn\.init\./, () => [x2(), 0, 1]],
  [/^nn\.summary$/, () => [net(), [1, 3]]],
  [/^nn\.Summary$/, () => [[], 1, 1]],
  [/^nn\.(Parameter|Buffer)$/, () => [x2()]],
  [
    /^nn\.(Conv|.*Linear)\w*$/,
    (name) => (/Linear/.test(name) ? [3, 2, { bias: true }] : [4, 4, 3, { stride: 1, padding: 1 }]),
  ],
  [/^nn\.(Batch|Instance)Norm\w*$/, () => [4, { eps: 1e-5, momentum: 0.1, affine: true }]],
  [/^nn\.LayerNorm$/, () => [[6], { eps: 1e-5 }]],
  [/^nn\.GroupNorm$/, () => [2, 4, { eps: 1e-5 }]],
  [/^nn\.LocalResponseNorm$/, () => [3, { alpha: 1 }]],
  [/^nn\.Global\w*Pool$/, () => [{ keepdim: true }]],
  [/^nn\.\w*Pool\w*$/, () => [2, {}]],
  [/^nn\.MaxUnpool\w*$/, () => [2, {}]],
  [/^nn\.Sequential$/, () => [new nn.ReLU(), net()]],
  [/^nn\.ModuleList$/, () => [[net()]]],
  [/^nn\.Unflatten$/, () => [1, [3, 1]]],
  [/^nn\.Upsample$/, () => [{ size: 3 }]],
  [/^nn\.ConstantPad2d$/, () => [1, 0]],
  [/^nn\.\w*Loss$/, () => [{ reduction: 'mean' }]],
  [/^nn\.(GELU|Softplus)$/, () => [{}]],
  [/^nn\.(ReLU6?|SiLU|Hard\w+)$/, () => [true]],
  [/^nn\.[A-Z]\w*$/, () => [1]],
  [/^nn\.(Cross|NLL)\w*#forward$/, () => [x2(), ints([2])]],
  [/^nn\.\w*Loss#forward$/, () => [x2(), x2()]],
  [/^nn\.MaxUnpool\w*#forward$/, (name) => [ofRank(name)(), ints([...ofRank(name)().shape])]],
  [/^nn\.Linear#forward$/, () => [x2()]],
  [/#forward$/, (name) => [ofRank(name)()]],
  [
    /#loadStateDict$/,
    (name) =>
      /^optim\.\w+#/.test(name) && /SGD|Ada[gdm]|AdamW|NAdam|RAdam|RMS/.test(name)
        ? [sgd().stateDict(), {}]
        : [net().stateDict(), { strict: true }],
  ],
  [/#apply$/, () => [() => {}]],
  [/#compile$/, () => [{ maxPrograms: 2 }]],
  [/#append$/, () => [new nn.ReLU()]],
  [/#(to)$/, () => ['float32']],
  // optim
  [/^optim\.(SGD|Ada\w+|NAdam|RAdam|RMSprop|Optimizer)$/, () => [net().parameters(), { lr: 0.1, weightDecay: 0 }]],
  [/^optim\.clip/, () => [net().parameters(), 1, {}]],
  [/^optim\.(ConstantLR|PolynomialLR)$/, () => [sgd(), { totalIters: 3 }]],
  [/^optim\.CosineAnnealingWarmRestarts$/, () => [sgd(), 3, { tMult: 2 }]],
  [/^optim\.CyclicLR$/, () => [sgd(), 0.1, 0.2, { stepSizeUp: 3, cycleMomentum: false }]],
  [/^optim\.ChainedScheduler$/, () => [[new optim.StepLR(sgd(), 1)]]],
  [/^optim\.(LambdaLR|MultiplicativeLR)$/, () => [sgd(), () => 1]],
  [/^optim\.(StepLR|CosineAnnealingLR)$/, () => [sgd(), 3, {}]],
  [/^optim\.ExponentialLR$/, () => [sgd(), 0.9]],
  [/^optim\.MultiStepLR$/, () => [sgd(), [2], { gamma: 0.1 }]],
  [/^optim\.OneCycleLR$/, () => [sgd(), 0.1, { totalSteps: 10, pctStart: 0.3 }]],
  [
    /^optim\.SequentialLR$/,
    () => {
      const optimizer = sgd()
      return [optimizer, [new optim.StepLR(optimizer, 1), new optim.StepLR(optimizer, 2)], [2]]
    },
  ],
  [/^optim\.(LinearLR|ReduceLROnPlateau|LRScheduler)$/, () => [sgd(), {}]],
  [/^optim\.\w+#addParamGroup$/, () => [{ params: [ones([2])], lr: 0.1 }]],
  [/^optim\.\w+#step$/, () => [1]],
  // data
  [/^data\.TensorDataset$/, () => [rand([4, 3]), ints([4]), { scale: 1, mean: 0, std: 1 }]],
  [/^data\.DataLoader$/, () => [dataset(), { batchSize: 2, shuffle: true, seed: 1, prefetch: 1 }]],
  [/^data\.Batch$/, () => [x2(), ints([2]), Int32Array.of(0, 1)]],
  [/^data\.subset$/, () => [dataset(), [0, 1]]],
  [/^data\.parseIdx$/, () => [Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 1, 5), 'name']],
  [/^data\.readIdx$/, () => ['missing', { maxBytes: 100 }]],
  [/^data\.readImage$/, () => [Uint8Array.of(1, 2), { size: 4, fit: 'crop', background: [0, 0, 0] }]],
  [/^data\.ImageFolder\.(create|source)$/, () => [{ root: 'missing', size: 4, mean: 0, std: 1 }]],
  [/^data\.ModuleDataset\.open$/, () => [{ module: 'node:path', export: 'join', options: {} }]],
  [/^data\.(FashionMNIST|CIFAR10)\.load$/, () => [{ root: 'missing', download: false, train: true }]],
  [
    /^data\.transforms\.normalize$/,
    () => [
      [0, 0, 0],
      [1, 1, 1],
    ],
  ],
  [/^data\.transforms\.randomHorizontalFlip$/, () => [{ p: 0.5, seed: 1 }]],
  [/^data\.transforms\.randomCrop$/, () => [3, { padding: 1, seed: 1 }]],
  [/^data\.transforms\.compose$/, () => [(x: unknown) => x]],
  [/^data\.TensorDataset#(batch|get)$/, (name) => [/get/.test(name) ? 0 : Int32Array.of(0)]],
  // train
  [/^(train\.)?Trainer$/, () => [net(), { optimizer: sgd(), loss: F.crossEntropy, compile: false }]],
  [/Trainer#fit$/, () => [loader(), { epochs: 1 }]],
  [/Trainer#evaluate$/, () => [loader(), {}]],
  [/Trainer#predict$/, () => [x2()]],
  [/Trainer#(save|load)Checkpoint$/, () => ['x.safetensors']],
  [/progressBar$/, () => [{ interval: 1 }]],
  [/^GradScaler$/, () => [{ initScale: 2 }]],
  [/^GradScaler#scale$/, () => [x2()]],
  [/^GradScaler#(step|unscale)$/, () => [sgd()]],
  [/^Profile$/, () => [[], { multiplyAdds: 1, bytes: 1 }]],
  // blocks
  [/^blocks\.layer$/, () => [4, { type: 'conv', outChannels: 4 }]],
  [/^blocks\.stack$/, () => [4, [{ type: 'conv', outChannels: 4 }], { norm: true }]],
  [/^blocks\.Stack$/, () => [4, [net()]]],
  [/^blocks\.Cell$/, () => [table(), [4, 4], 1, { channels: 4 }]],
  [/^blocks\.\w+Cell$/, () => [[4, 4], { channels: 4 }]],
  [/^blocks\.Excited$/, () => [new cudnn.blocks.ConvNormActivation(4, block), { reduction: 2 }]],
  [/^blocks\.(SqueezeExcite|DenseBlock|Transition)$/, () => [4, {}]],
  [/^blocks\.NaiveInception$/, () => [4, { channels1x1: 2, channels3x3: 2, channels5x5: 2 }]],
  [
    /^blocks\.Inception$/,
    () => [4, { channels1x1: 2, reduce3x3: 2, channels3x3: 2, reduce5x5: 2, channels5x5: 2, channelsPool: 2 }],
  ],
  [/^blocks\.ResNeXt\w+$/, () => [4, { outChannels: 4, cardinality: 2, width: 2 }]],
  [/^blocks\.makeActivation$/, () => ['relu']],
  [/^blocks\.makeNorm$/, () => [true, 4, {}]],
  [/^blocks\.resnext(Paths|Groups)$/, () => [net().stateDict(), 2]],
  [/^blocks\.[A-Z]\w*$/, () => [4, block]],
  // models
  [/^models\.(vgg\w*|alexnet\w*)$/, () => [{ ...model, hiddenUnits: 4 }]],
  [/^models\.(resne|seres|cifarRes)\w*$/, () => [{ ...model, baseChannels: 4 }]],
  [/^models\.(nasnet|amoeba)\w*$/, () => [{ ...model, channels: 4 }]],
  [/^models\.densenet\w*$/, () => [{ ...model, stemChannels: 4 }]],
  [/^models\.googlenetLoss$/, () => [x2(), ints([2]), 0.3]],
  [/^models\.googlenet\w*$/, () => [{ ...model, width: 0.1 }]],
  [/^models\.mobilenet\w*$/, () => [{ ...model, width: 0.1 }]],
  [/^models\.[a-z]\w*$/, () => [model]],
  [/^models\.(GoogLeNet)$/, () => [false, { ...model, width: 0.1 }]],
  [/^models\.VGG$/, () => [11, false, { ...model, hiddenUnits: 4 }]],
  [/^models\.(ResNeXt|SEResNet)$/, () => [[1, 1, 1, 1], { ...model, baseChannels: 16 }]],
  [/^models\.[A-Z]\w*$/, () => [model]],
]

/** Makes fresh arguments for the function or class of that name; none where nothing is known of it. */
export function validArguments(name: string): () => unknown[] {
  const found = recipes.find(([pattern]) => pattern.test(name))
  return found ? () => found[1](name) : () => []
}
