// Networks, each a function that makes a module from a table.
export { AlexNet, type AlexNetOptions, alexnet, alexnet2012 } from './alexnet.js'
export { AmoebaNet, amoebanetA } from './amoebanet.js'
export { CatsAndDogsNet, type CatsAndDogsNetOptions, catsAndDogsNet } from './cats-and-dogs.js'
export { CellNetwork, type CellNetworkDesign, type CellNetworkOptions } from './cell-network.js'
export { CifarResNet, type CifarResNetOptions, cifarResNet } from './cifar-resnet.js'
export { CIFAR10Net, type CIFAR10NetOptions, cifar10Net } from './cifar10-net.js'
export { DenseNet, type DenseNetOptions, densenet121 } from './densenet.js'
export {
  GoogLeNet,
  type GoogLeNetOptions,
  type GoogLeNetOutput,
  googlenet,
  googlenetLoss,
  googlenetNaive,
} from './googlenet.js'
export { LeNet5, type LeNet5Options, lenet5 } from './lenet.js'
export { MobileNetV1, type MobileNetV1Options, mobilenetV1 } from './mobilenet-v1.js'
export { MobileNetV2, type MobileNetV2Options, mobilenetV2 } from './mobilenet-v2.js'
export { NASNet, nasnetALarge, nasnetAMobile } from './nasnet.js'
export {
  type ResidualRow,
  ResNet,
  type ResNetDesign,
  type ResNetOptions,
  resnet18,
  resnet34,
  resnet50,
  resnet101,
  resnet152,
} from './resnet.js'
export { ResNeXt, type ResNeXtNetworkOptions, resnext50 } from './resnext.js'
export { SEResNet, type SEResNetOptions, seresnet50 } from './seresnet.js'
export type { ModelOptions } from './support.js'
export {
  VGG,
  type VGGOptions,
  vgg11,
  vgg11Bn,
  vgg13,
  vgg13Bn,
  vgg16,
  vgg16Bn,
  vgg19,
  vgg19Bn,
} from './vgg.js'
export { Xception, type XceptionOptions, xception } from './xception.js'
