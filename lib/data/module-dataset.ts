// A dataset that is named by its module, so that worker threads can make their own copy of it.
import { checkObject, checkString, refuse } from '../check.js'
import { DataError } from '../errors.js'
import { checkDataset, type Dataset, type Sample } from './dataset.js'

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
 * A dataset that is made by a module, for a `DataLoader` with workers: each worker makes its own. What must be the same in all of them has to
 * follow from `options`, not from chance: random numbers differ between workers (see `DataLoaderOptions.workers`).
 * @throws what {@link ModuleDataset.open} does.
 * @see https://docs.pytorch.org/docs/stable/data.html#multi-process-data-loading
 * @example
 * const cats = await data.ModuleDataset.open({ module: new URL('./cats.js', import.meta.url), options: { root: 'photos' } })
 * const batches = new data.DataLoader(cats, { batchSize: 32, workers: 4 })
 */
export class ModuleDataset implements Dataset {
  /** Which class makes the dataset, and from what. */
  readonly source: DatasetSource
  readonly #dataset: Dataset

  private constructor(source: DatasetSource, dataset: Dataset) {
    checkDataset('ModuleDataset', dataset)
    this.source = source
    this.#dataset = dataset
  }

  /**
   * Imports the module and makes the dataset in this thread, too.
   * @throws DataError (rejects) if the module cannot be imported, has no such class, or the class makes no dataset; ValueError if the address is relative.
   * @example const cats = await data.ModuleDataset.open({ module: new URL('./cats.js', import.meta.url) })
   */
  static async open(source: DatasetSource): Promise<ModuleDataset> {
    return new ModuleDataset(source, await createDataset(source))
  }

  /** The number of examples. */
  get length(): number {
    return this.#dataset.length
  }

  /**
   * Decodes one example in this thread.
   * @throws what the dataset throws.
   * @example const { x: pixels, y: label } = await cats.get(0)
   */
  get(index: number): Sample | Promise<Sample> {
    return this.#dataset.get(index)
  }
}

interface DatasetClass {
  new (options: unknown): Dataset
  create?: (options: unknown) => Dataset | Promise<Dataset>
}

export async function createDataset(source: DatasetSource): Promise<Dataset> {
  checkObject('ModuleDataset', 'source', source)
  const { module, export: name = 'default', options } = source
  if (typeof module !== 'string' && !(module instanceof URL)) {
    refuse('ModuleDataset', 'source.module', module, "a module's address")
  }
  if (typeof module === 'string' && /^\.\.?\//.test(module)) {
    refuse('ModuleDataset', 'source.module', module, `its whole address: new URL('${module}', import.meta.url)`)
  }
  checkString('ModuleDataset', 'source.export', name)
  const exports = await importModule(`${module}`)
  const Class = exports[name]
  if (!isConstructor(Class)) {
    throw new DataError(`${module}: exports ${Object.keys(exports).join(', ') || 'nothing'}, expected a class ${name}`)
  }
  const { create } = Class as unknown as DatasetClass
  const dataset =
    typeof create === 'function' ? await create.call(Class, options) : new (Class as unknown as DatasetClass)(options)
  if (typeof dataset?.length !== 'number' || typeof dataset.get !== 'function') {
    throw new DataError(`${module}: ${name} makes no dataset, expected one with length and get(index)`)
  }
  return dataset
}

async function importModule(module: string): Promise<Record<string, unknown>> {
  try {
    return (await import(module)) as Record<string, unknown>
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'its code threw'
    throw new DataError(`${module}: cannot be imported (${reason}), expected a module with a dataset class`, { cause })
  }
}

/** Whether `new` takes it; nothing of it runs. */
function isConstructor(value: unknown): value is new (...args: unknown[]) => unknown {
  if (typeof value !== 'function') return false
  try {
    Reflect.construct(Object, [], value)
    return true
  } catch {
    return false
  }
}
