// ImageFolder: pictures in one folder a class. Worker threads load this module: it must not know tensors until `load`.
import path from 'node:path'
import type { DeviceName } from '../../types/dtype.js'
import {
  among,
  type Checks,
  checkFunction,
  checkList,
  checkObject,
  checkOptions,
  checkSizeOrSizes,
  checkString,
} from '../check.js'
import { FormatError, ValueError } from '../errors.js'
import { classFolders, listFiles } from '../io/class-folders.js'
import type { Tensor } from '../tensor.js'
import { checkIndex, type Dataset, type Sample } from './dataset.js'
import { checkImageOptions, type ImageOptions, imageChecks, readImage } from './image.js'
import type { DatasetSource } from './module-dataset.js'
import { checkNormalisation, type PerChannel } from './normalisation.js'
import type { TensorDataset } from './tensor-dataset.js'

const extensions = new Set(['.jpg', '.jpeg', '.png', '.webp', '.avif', '.gif', '.tif', '.tiff'])

export interface ImageFolderOptions extends ImageOptions {
  /** The folder of the class folders. */
  root: string
  /** Height and width of all pictures; one number for a square. */
  size: number | readonly [height: number, width: number]
  /** What samples hold: `float32`, normalised, or `uint8`, the bytes (a quarter of the memory). Default `float32`. */
  dtype?: 'float32' | 'uint8'
  /** Subtracted from the pixels as numbers from 0 to 1: one number, or one a channel. Default 0. */
  mean?: PerChannel
  /** Divides what is left: one number, or one a channel. Default 1. */
  std?: PerChannel
}

/** Options of {@link ImageFolder.load}. */
export interface LoadImagesOptions {
  /** Where the pictures go. Default: the default device. */
  device?: DeviceName
  /** Applied to each batch of inputs on the device, for instance to augment it. */
  transform?: (x: Tensor) => Tensor
}

const folderChecks: Checks<ImageFolderOptions> = {
  ...imageChecks,
  root: checkString,
  dtype: among('float32', 'uint8'),
  mean: checkSizeOrSizes,
  std: checkSizeOrSizes,
}

const loadChecks: Checks<LoadImagesOptions> = { device: checkString, transform: checkFunction }

/** Also what must be there. */
function checkFolderOptions(op: string, options: ImageFolderOptions): void {
  checkOptions(op, options, folderChecks)
  checkString(op, 'root', options.root)
  checkImageOptions(op, options)
  checkSizeOrSizes(op, 'size', options.size)
}

/**
 * Pictures by class: `root/cat/1.jpg` is an example of class `cat`. Classes are numbered in the order of their names. Subfolders are searched
 * too, through links as well; each file counts once. A sample is x float32 [3, height, width] = (pixels / 255 − mean) / std and y, the number of its
 * class. {@link readImage} says what becomes of sizes, grey and transparent pictures.
 * @throws what {@link ImageFolder.create} does.
 * @see https://docs.pytorch.org/vision/stable/generated/torchvision.datasets.ImageFolder.html
 * @example
 * const photos = await data.ImageFolder.create({ root: 'photos/train', size: 64, mean: 0.5, std: 0.25 })
 * const batches = new data.DataLoader(photos, { batchSize: 32, shuffle: true })
 */
export class ImageFolder implements Dataset {
  /** The names of the classes 0, 1, …, sorted. */
  readonly classes: readonly string[]
  /** The pictures, class by class, each class sorted by path. */
  readonly files: readonly string[]
  /** The class of each picture. */
  readonly labels: Int32Array
  readonly #options: ImageFolderOptions
  readonly #image: ImageOptions
  /** For each channel, the value of each byte. */
  readonly #values: readonly Float32Array[]

  private constructor(options: ImageFolderOptions, classes: readonly string[], files: readonly (readonly string[])[]) {
    checkObject('ImageFolder', 'options', options)
    checkList('ImageFolder', 'files', files, 'lists; use ImageFolder.create()')
    for (const names of files) checkList('ImageFolder', 'files', names, 'names; use ImageFolder.create()')
    this.classes = classes
    this.files = files.flat()
    this.labels = Int32Array.from(files.flatMap((names, label) => names.map(() => label)))
    this.#options = options
    checkNormalisation('ImageFolder', options.mean ?? 0, options.std ?? 1)
    const { size, fit, shortSide, background, limits } = options
    this.#image = { size, fit, shortSide, background, limits }
    const [mean, std] = [perChannel('mean', options.mean ?? 0), perChannel('std', options.std ?? 1)]
    this.#values = mean.map((value, c) =>
      Float32Array.from({ length: 256 }, (_, byte) => (byte / 255 - value) / std[c]!),
    )
  }

  /**
   * Lists the pictures; none is opened yet. A file that is there under several names counts once, for the name that needs
   * no link, else for the first in order.
   * @throws FormatError if the folder has no class folders, one of them has no pictures (of its own), a link leads nowhere,
   * or a file with a picture's name is not a regular file.
   * @throws ValueError for sizes that are not positive integers, a mean or std that is not one finite number or three, or a std of 0.
   * @example const photos = await data.ImageFolder.create({ root: 'photos/train', size: 64 })
   */
  static async create(options: ImageFolderOptions): Promise<ImageFolder> {
    checkFolderOptions('ImageFolder', options)
    const { root, dtype = 'float32', mean, std } = options
    if (dtype === 'uint8' && (mean !== undefined || std !== undefined)) {
      throw new ValueError("ImageFolder: mean or std with dtype 'uint8', expected 'float32' for normalised samples")
    }
    const classes = await classFolders(root)
    const files = await listFiles(root, classes, (name) => extensions.has(path.extname(name).toLowerCase()))
    for (const [i, names] of files.entries()) {
      if (names.length > 0) continue
      const expected = `files ending in ${[...extensions].join(', ')}`
      throw new FormatError(
        `${path.join(root, classes[i]!)}: has no pictures, expected ${expected} that are in no other class`,
      )
    }
    return new ImageFolder(options, classes, files)
  }

  /**
   * The same dataset for worker threads.
   * @throws ValueError as {@link ImageFolder.create}.
   * @example const photos = await data.ModuleDataset.open(data.ImageFolder.source({ root: 'photos', size: 224 }))
   */
  static source(options: ImageFolderOptions): DatasetSource {
    checkFolderOptions('ImageFolder.source', options)
    return { module: new URL(import.meta.url), export: 'ImageFolder', options }
  }

  /** The number of pictures. */
  get length(): number {
    return this.files.length
  }

  /**
   * Decodes one picture.
   * @throws FormatError (rejects) naming the file if it cannot be decoded; ValueError if index is not an integer from 0 to length − 1.
   * @example const { x: pixels, y: label } = await photos.get(0)
   */
  async get(index: number): Promise<Sample> {
    checkIndex('ImageFolder.get', index, this.length)
    const { shape, data } = await readImage(this.files[index]!, this.#image)
    const y = this.labels[index]!
    if (this.#options.dtype === 'uint8') return { x: { dtype: 'uint8', shape, data }, y }
    const plane = data.length / 3
    const normalised = new Float32Array(data.length)
    for (const [c, values] of this.#values.entries()) {
      for (let i = c * plane; i < (c + 1) * plane; i++) normalised[i] = values[data[i]!]!
    }
    return { x: { dtype: 'float32', shape, data: normalised }, y }
  }

  /**
   * Decodes all pictures into one tensor uint8 [N, 3, height, width] on the device, for folders that fit there: no epoch
   * then decodes anything. Batches are normalised there, and equal those of this dataset.
   * @throws FormatError naming the file if one cannot be decoded.
   * @example const dataset = await photos.load({ transform: data.transforms.randomHorizontalFlip() })
   */
  async load(options: LoadImagesOptions = {}): Promise<TensorDataset> {
    const { device, transform } = checkOptions('ImageFolder.load', options, loadChecks)
    const { mean = 0, std = 1, dtype = 'float32' } = this.#options
    const [{ TensorDataset }, { upload }] = await Promise.all([
      import('./tensor-dataset.js'),
      import('../io/upload.js'),
    ])
    const [height, width] =
      typeof this.#options.size === 'number' ? [this.#options.size, this.#options.size] : this.#options.size
    const bytes = 3 * height * width
    const pixels = new Uint8Array(this.length * bytes)
    let next = 0
    const decodeNext = async () => {
      for (let i = next++; i < this.length; i = next++) {
        pixels.set((await readImage(this.files[i]!, this.#image)).data, i * bytes)
      }
    }
    // As many at once as libuv has threads by default; more would only hold files in memory.
    await Promise.all(Array.from({ length: 4 }, decodeNext))
    const shape = [this.length, 3, height, width]
    return new TensorDataset(
      upload({ dtype: 'uint8', shape, data: pixels }, device),
      upload({ dtype: 'int32', shape: [this.length], data: this.labels }, device),
      { ...(dtype === 'float32' && { scale: 1 / 255, mean, std }), ...(transform && { transform }) },
    )
  }
}

function perChannel(name: string, values: PerChannel): readonly number[] {
  const each = typeof values === 'number' ? [values, values, values] : values
  if (each.length !== 3) throw new ValueError(`ImageFolder: ${name} has ${each.length} numbers, expected one or three`)
  return each
}
