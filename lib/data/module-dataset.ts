// A dataset that is named by its module, so that worker threads can make their own copy of it.
import { DataError } from '../errors.js'
import type { Dataset, Sample } from './dataset.js'

/** Which class makes the dataset, and from what. It travels to worker threads: options are data, not functions. */
export interface DatasetSource {
  /** The module's address: `new URL('./cats.js', import.meta.url)`. */
  readonly module: URL | string
  /** The name of the exported class. Default `default`. */
  readonly export?: string
  /** The constructor's argument, or that of a static `create(options)`, which may be asynchronous. */
  readonly options?: unknown
}

/**
 * The dataset of a module, for a `DataLoader` with workers: each worker makes one of its own. What must be the same in all of them follows
 * from `options`, not from chance: random numbers differ from worker to worker (see `DataLoaderOptions.workers`).
 * @throws DataError if the module has no such class, or what it makes has no `length` and `get`.
 * @example
 * const cats = await ModuleDataset.open({ module: new URL('./cats.js', import.meta.url), options: { root: 'photos' } })
 * for await (const { x, y } of new DataLoader(cats, { batchSize: 32, workers: 4 })) …
 */
export class ModuleDataset implements Dataset {
  readonly source: DatasetSource
  readonly #dataset: Dataset

  private constructor(source: DatasetSource, dataset: Dataset) {
    this.source = source
    this.#dataset = dataset
  }

  static async open(source: DatasetSource): Promise<ModuleDataset> {
    return new ModuleDataset(source, await createDataset(source))
  }

  get length(): number {
    return this.#dataset.length
  }

  get(index: number): Sample | Promise<Sample> {
    return this.#dataset.get(index)
  }
}

interface DatasetClass {
  new (options: unknown): Dataset
  create?: (options: unknown) => Dataset | Promise<Dataset>
}

export async function createDataset({ module, export: name = 'default', options }: DatasetSource): Promise<Dataset> {
  const exports = (await import(String(module))) as Record<string, unknown>
  const Class = exports[name]
  if (typeof Class !== 'function') {
    throw new DataError(`${module}: exports ${Object.keys(exports).join(', ') || 'nothing'}, expected a class ${name}`)
  }
  const { create } = Class as DatasetClass
  const dataset = create ? await create.call(Class, options) : new (Class as DatasetClass)(options)
  if (typeof dataset?.length !== 'number' || typeof dataset.get !== 'function') {
    throw new DataError(`${module}: ${name} makes no dataset, expected one with length and get(index)`)
  }
  return dataset
}
