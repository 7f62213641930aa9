// Datasets and the loader that makes batches of them.
export type { HostArray } from '../io/hostArray.js'
export { Batch, DataLoader, type DataLoaderOptions } from './dataLoader.js'
export { type AnyDataset, type BatchDataset, type Dataset, type Sample, subset } from './dataset.js'
export { FashionMNIST, type FashionMNISTOptions } from './fashionMnist.js'
export { parseIdx, readIdx } from './idx.js'
export { type DatasetSource, ModuleDataset } from './moduleDataset.js'
export { TensorDataset, type TensorDatasetOptions } from './tensorDataset.js'
