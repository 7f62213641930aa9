// CIFAR-10 (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html): 32×32 colour pictures of ten classes of
// things and animals, 50,000 to train with and 10,000 to test, in the binary layout that its author publishes.
import { createHash } from 'node:crypto'
import { mkdir, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadEntry } from 'tar'
import type { DeviceName } from '../../types/dtype.js'
import { type Checks, checkBoolean, checkOptions, checkString } from '../check.js'
import { DownloadError, FormatError } from '../errors.js'
import { openTar } from '../io/optional-libraries.js'
import { readRegularFile, unreadable } from '../io/regular-file.js'
import { removeAbandoned, temporaryIn } from '../io/temporary-name.js'
import { upload } from '../io/upload.js'
import type { Tensor } from '../tensor.js'
import { cacheFolder, checkUrl, fetchBytes } from './download.js'
import { TensorDataset, type TensorDatasetOptions, tensorDatasetChecks } from './tensor-dataset.js'

const classes = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'] as const

const officialUrl = 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz'
const officialMd5 = 'c32a1d4ab5d03f1284b67883e8d87530'
const maxArchiveBytes = 256e6
/** Of all files in the archive together; those that are published have 184 MB. */
const maxUnpackedBytes = 1e9
/** Of one file: five have 31 MB each, but other encodings of the pictures may put all into one. */
const maxFileBytes = 1e9

/** The folder in the archive, and where files are looked for. */
const folderName = 'cifar-10-batches-bin'
const files = {
  train: [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`),
  test: ['test_batch.bin'],
} as const
const published = new Set([...files.train, ...files.test, 'batches.meta.txt', 'readme.html'])

const pictureBytes = 3 * 32 * 32
const recordBytes = 1 + pictureBytes

/** Options of {@link CIFAR10.load}. */
export interface CIFAR10Options extends TensorDatasetOptions {
  /** The folder that holds `cifar-10-batches-bin/`. Default: the cache (`$XDG_CACHE_HOME/node-cudnn/cifar-10`). */
  root?: string
  /** The training pictures (true) or the test pictures. Default true. */
  train?: boolean
  /** Fetch the archive (170 MB) and unpack it into `root` if the folder is absent or empty. Default true. */
  download?: boolean
  /** Where to fetch it from. Default: the address that the author publishes. */
  url?: string
  /** The MD5 sum of the archive at `url`. Default: that of the published archive. */
  md5?: string
  /** Where the data goes. Default: the default device. */
  device?: DeviceName
}

const cifarChecks: Checks<CIFAR10Options> = {
  ...tensorDatasetChecks,
  root: checkString,
  train: checkBoolean,
  download: checkBoolean,
  url: checkUrl,
  md5: checkString,
  device: checkString,
}

/**
 * CIFAR-10 on the device: inputs uint8 [N, 3, 32, 32], targets int32 [N]. Batches are float32, normalised by the training set's
 * mean (0.4914, 0.4822, 0.4465) and deviation (0.2470, 0.2435, 0.2616) of pixels from 0 to 1, unless options say otherwise.
 * @throws what {@link CIFAR10.load} does.
 * @see https://docs.pytorch.org/vision/stable/generated/torchvision.datasets.CIFAR10.html
 * @see https://www.cs.toronto.edu/~kriz/cifar.html
 * @example const pictures = await data.CIFAR10.load({ root: 'data', train: true })
 */
export class CIFAR10 extends TensorDataset {
  /** The names of the classes 0 … 9. */
  static readonly classes: readonly string[] = classes
  /** The names of the classes 0 … 9. */
  readonly classes: readonly string[] = classes

  private constructor(images: Tensor, labels: Tensor, options: TensorDatasetOptions) {
    super(images, labels, {
      scale: 1 / 255,
      mean: [0.4914, 0.4822, 0.4465],
      std: [0.247, 0.2435, 0.2616],
      ...options,
    })
  }

  /**
   * Finds or downloads the files and puts them onto the device. A download is checked against the archive's sum; files
   * that lie in the folder are checked for whole records and labels only, so that subsets and other encodings of the
   * pictures can be used.
   * @throws DownloadError if the folder is empty and the archive cannot be fetched, or is not what was published.
   * @throws FormatError if a file that was found is damaged, or one is missing beside others.
   * @see https://docs.pytorch.org/vision/stable/generated/torchvision.datasets.CIFAR10.html
   * @example const pictures = await data.CIFAR10.load({ train: false })
   */
  static async load(options: CIFAR10Options = {}): Promise<CIFAR10> {
    checkOptions('CIFAR10.load', options, cifarChecks)
    const {
      root = path.join(cacheFolder(), 'cifar-10'),
      train = true,
      download = true,
      url = officialUrl,
      md5 = officialMd5,
      device,
      ...rest
    } = options
    const folder = path.join(root, folderName)
    if ((await namesIn(folder)).length === 0) {
      if (!download) throw new DownloadError(`CIFAR10: no files in ${folder}, and download is false`)
      await fetchArchive(root, new URL(url), md5)
    }
    const { images, labels } = await readFiles(train ? files.train : files.test, folder)
    const { length } = labels
    return new CIFAR10(
      upload({ dtype: 'uint8', shape: [length, 3, 32, 32], data: images }, device),
      upload({ dtype: 'int32', shape: [length], data: labels }, device),
      rest,
    )
  }
}

/** None where there is no folder. */
async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((cause) => {
    if (cause.code === 'ENOENT') return []
    throw unreadable(folder, cause)
  })
}

async function readFiles(
  names: readonly string[],
  folder: string,
): Promise<{ images: Uint8Array; labels: Int32Array }> {
  const parts: Uint8Array[] = []
  for (const name of names) parts.push(await readRecords(path.join(folder, name)))
  const length = parts.reduce((sum, bytes) => sum + bytes.length / recordBytes, 0)
  const images = new Uint8Array(length * pictureBytes)
  const labels = new Int32Array(length)
  let n = 0
  for (const bytes of parts) {
    for (let at = 0; at < bytes.length; at += recordBytes, n++) {
      labels[n] = bytes[at]!
      images.set(bytes.subarray(at + 1, at + recordBytes), n * pictureBytes)
    }
  }
  return { images, labels }
}

/** A record is a label and 3 planes of 32×32 bytes: red, green, blue. */
async function readRecords(file: string): Promise<Uint8Array> {
  const bytes = await readRegularFile(file, maxFileBytes).catch((cause: FormatError) => {
    if (cause.code !== 'ENOENT') throw cause
    throw new FormatError(`${file}: cannot be read (${cause.code}), expected it beside the others`, { cause })
  })
  if (bytes.length === 0 || bytes.length % recordBytes !== 0) {
    throw new FormatError(`${file}: ${bytes.length} bytes, expected whole records of ${recordBytes}`)
  }
  for (let at = 0; at < bytes.length; at += recordBytes) {
    if (bytes[at]! >= classes.length) {
      throw new FormatError(`${file}: record ${at / recordBytes} has label ${bytes[at]}, expected 0 to 9`)
    }
  }
  return bytes
}

/** Downloads under way by folder: the training and the test pictures are often loaded at once and share an archive. */
const underWay = new Map<string, Promise<void>>()

async function fetchArchive(root: string, url: URL, md5: string): Promise<void> {
  const key = path.resolve(root)
  const running = underWay.get(key) ?? unpackInto(key, url, md5).finally(() => underWay.delete(key))
  underWay.set(key, running)
  await running
}

/** Writes beside the folder and renames at the end: the folder is there whole or not at all. */
async function unpackInto(root: string, url: URL, md5: string): Promise<void> {
  const bytes = await fetchBytes(url, { maxBytes: maxArchiveBytes })
  const sum = createHash('md5').update(bytes).digest('hex')
  if (sum !== md5) throw new DownloadError(`${url}: MD5 is ${sum}, expected ${md5}`)
  const contents = await unpack(bytes, url)
  await removeAbandoned(root)
  const unpacked = temporaryIn(root)
  await mkdir(unpacked, { recursive: true })
  try {
    for (const [name, chunks] of contents) await writeFile(path.join(unpacked, name), chunks)
    const folder = path.join(root, folderName)
    await rmdir(folder).catch((error) => {
      if (error.code !== 'ENOENT') throw error // it is there, and not empty
    })
    await rename(unpacked, folder)
  } finally {
    await rm(unpacked, { recursive: true, force: true })
  }
}

/** The published files of an archive by name. Nothing else of it is taken, so that no path in it can lead elsewhere. */
async function unpack(bytes: Uint8Array, url: URL): Promise<Map<string, Buffer[]>> {
  const { list } = await openTar()
  const contents = new Map<string, Buffer[]>()
  let unpackedBytes = 0
  const filter = (file: string) => path.posix.dirname(file) === folderName && published.has(path.posix.basename(file))
  const onReadEntry = (entry: ReadEntry) => {
    const chunks: Buffer[] = []
    if (entry.type === 'File') contents.set(path.posix.basename(entry.path), chunks)
    entry.on('data', (chunk) => {
      unpackedBytes += chunk.length
      if (unpackedBytes <= maxUnpackedBytes) chunks.push(chunk)
    })
  }
  try {
    await pipeline(Readable.from([bytes]), list({ strict: true, filter, onReadEntry }))
  } catch (cause) {
    throw new DownloadError(`${url}: cannot be unpacked (${(cause as Error).message}), expected a .tar.gz`, { cause })
  }
  if (unpackedBytes > maxUnpackedBytes) {
    throw new DownloadError(`${url}: ${unpackedBytes} bytes are in its files, expected at most ${maxUnpackedBytes}`)
  }
  const missing = [...files.train, ...files.test].find((name) => !contents.has(name))
  if (missing) throw new DownloadError(`${url}: has no ${folderName}/${missing}`)
  return contents
}
