// Networks, each a function that makes a module from a table.
export { AmoebaNet, amoebanetA } from './amoebanet.js'
export { CellNetwork, type CellNetworkDesign, type CellNetworkOptions } from './cell-network.js'
export { MobileNetV1, type MobileNetV1Options, mobilenetV1 } from './mobilenet-v1.js'
export { NASNet, nasnetALarge, nasnetAMobile } from './nasnet.js'
export type { ModelOptions } from './support.js'
export { Xception, type XceptionOptions, xception } from './xception.js'
