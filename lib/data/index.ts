// Datasets and the loader that makes batches of them.
export type { HostArray } from '../io/host-array.js'
export { CIFAR10, type CIFAR10Options } from './cifar10.js'
export { Batch, DataLoader, type DataLoaderOptions } from './data-loader.js'
export { type AnyDataset, type BatchDataset, type Dataset, type Sample, subset } from './dataset.js'
export { FashionMNIST, type FashionMNISTOptions } from './fashion-mnist.js'
export { parseIdx, readIdx } from './idx.js'
export { type DatasetSource, ModuleDataset } from './module-dataset.js'
export { TensorDataset, type TensorDatasetOptions } from './tensor-dataset.js'
