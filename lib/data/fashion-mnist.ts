// Fashion-MNIST (Xiao, Rasul, Vollgraf 2017, https://github.com/zalandoresearch/fashion-mnist): 28×28 grey pictures
// of clothes in ten classes, 60,000 to train with and 10,000 to test; MIT licence.
import { webcrypto } from 'node:crypto'
import { existsSync } from 'node:fs'
import path from 'node:path'
import type { DeviceName } from '../../types/dtype.js'
import { type Checks, checkBoolean, checkOptions, checkString } from '../check.js'
import { DownloadError, FormatError } from '../errors.js'
import type { HostArray } from '../io/host-array.js'
import { readRegularFile } from '../io/regular-file.js'
import { upload } from '../io/upload.js'
import type { Tensor } from '../tensor.js'
import { cacheFolder, checkUrl, download } from './download.js'
import { parseIdx, unpack } from './idx.js'
import { TensorDataset, type TensorDatasetOptions, tensorDatasetChecks } from './tensor-dataset.js'

const classes = [
  'T-shirt/top',
  'Trouser',
  'Pullover',
  'Dress',
  'Coat',
  'Sandal',
  'Shirt',
  'Sneaker',
  'Bag',
  'Ankle boot',
] as const

/** Where Debian's package dataset-fashion-mnist puts the files. */
const systemFolder = '/usr/share/datasets/fashion-mnist'
const officialUrl = 'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/'
const maxFileBytes = 64e6

// The sums are of the unpacked files: gzip's header carries a name and a time, which distributions remove.
const files = {
  train: {
    images: ['train-images-idx3-ubyte', 'c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888'],
    labels: ['train-labels-idx1-ubyte', 'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9'],
  },
  test: {
    images: ['t10k-images-idx3-ubyte', '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b'],
    labels: ['t10k-labels-idx1-ubyte', '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34'],
  },
} as const

/** Options of {@link FashionMNIST.load}. */
export interface FashionMNISTOptions extends TensorDatasetOptions {
  /** The folder of the files, gzipped or plain. Default: Debian's, then the cache (`$XDG_CACHE_HOME/node-cudnn`). */
  root?: string
  /** The 60,000 training pictures (true) or the 10,000 test pictures. Default true. */
  train?: boolean
  /** Fetch the files into `root` (default: the cache) if they are nowhere. Default true. */
  download?: boolean
  /** Where to fetch them from. Default: the address that the authors publish. */
  url?: string
  /** Where the data goes. Default: the default device. */
  device?: DeviceName
}

const fashionChecks: Checks<FashionMNISTOptions> = {
  ...tensorDatasetChecks,
  root: checkString,
  train: checkBoolean,
  download: checkBoolean,
  url: checkUrl,
  device: checkString,
}

/**
 * Fashion-MNIST on the device: inputs uint8 [N, 1, 28, 28], targets int32 [N]. Batches are float32, normalised by the training
 * set's mean 0.2860 and deviation 0.3530 of pixels from 0 to 1, unless options say otherwise.
 * @throws what {@link FashionMNIST.load} does.
 * @see https://docs.pytorch.org/vision/stable/generated/torchvision.datasets.FashionMNIST.html
 * @see https://arxiv.org/abs/1708.07747
 * @example const clothes = await data.FashionMNIST.load({ train: true })
 */
export class FashionMNIST extends TensorDataset {
  /** The names of the classes 0 … 9. */
  static readonly classes: readonly string[] = classes
  /** The names of the classes 0 … 9. */
  readonly classes: readonly string[] = classes

  private constructor(images: Tensor, labels: Tensor, options: TensorDatasetOptions) {
    super(images, labels, { scale: 1 / 255, mean: 0.286, std: 0.353, ...options })
  }

  /**
   * Finds or downloads the files, checks them and puts them onto the device.
   * @throws DownloadError if they are nowhere and cannot be fetched, or what was fetched is not what was published.
   * @throws FormatError if a file that was found is damaged.
   * @see https://docs.pytorch.org/vision/stable/generated/torchvision.datasets.FashionMNIST.html
   * @example const pictures = await data.FashionMNIST.load({ train: false })
   */
  static async load(options: FashionMNISTOptions = {}): Promise<FashionMNIST> {
    checkOptions('FashionMNIST.load', options, fashionChecks)
    const { root, train = true, download: mayDownload = true, url = officialUrl, device, ...rest } = options
    const { images, labels } = train ? files.train : files.test
    const read = (file: readonly [string, string]) => locate(file, { root, mayDownload, url })
    const [pixels, numbers] = await Promise.all([read(images), read(labels)])
    const [length = 0] = pixels.shape
    return new FashionMNIST(
      upload({ ...pixels, shape: [length, 1, 28, 28] }, device),
      upload({ dtype: 'int32', shape: [length], data: Int32Array.from(numbers.data) }, device),
      rest,
    )
  }
}

async function locate(
  [name, sum]: readonly [string, string],
  { root, mayDownload, url }: { root: string | undefined; mayDownload: boolean; url: string },
): Promise<HostArray> {
  const cache = path.join(cacheFolder(), 'fashion-mnist')
  const folders = root === undefined ? [systemFolder, cache] : [root]
  const candidates = folders.flatMap((folder) => [path.join(folder, `${name}.gz`), path.join(folder, name)])
  const found = candidates.find((file) => existsSync(file))
  if (found !== undefined) {
    const bytes = await unpack(await readRegularFile(found, maxFileBytes), found, maxFileBytes)
    await checkSum(bytes, sum, found)
    return parseIdx(bytes, found)
  }
  if (!mayDownload) {
    throw new DownloadError(`FashionMNIST: no ${name} or ${name}.gz in ${folders.join(' or ')}, and download is false`)
  }
  const file = path.join(root ?? cache, `${name}.gz`)
  const from = new URL(`${name}.gz`, url.endsWith('/') ? url : `${url}/`)
  await download(from, file, {
    maxBytes: maxFileBytes,
    check: async (bytes) => checkSum(await unpack(bytes, from.href, maxFileBytes), sum, from.href),
  })
  return locate([name, sum], { root, mayDownload: false, url })
}

/** In a thread of the crypto library: the training pictures are 47 MB. */
async function checkSum(bytes: Uint8Array, expected: string, file: string): Promise<void> {
  const sum = Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes)).toString('hex')
  if (sum !== expected) throw new FormatError(`${file}: SHA-256 of its content is ${sum}, expected ${expected}`)
}
