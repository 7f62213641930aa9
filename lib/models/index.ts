// Networks, each a function that makes a module from a table.
export { AmoebaNet, amoebanetA } from './amoebanet.js'
export { CellNetwork, type CellNetworkDesign, type CellNetworkOptions } from './cell-network.js'
export { CifarResNet, type CifarResNetOptions, cifarResNet } from './cifar-resnet.js'
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
export { Xception, type XceptionOptions, xception } from './xception.js'
