// What PyTorch gave for the same training, measured by a script of benchmarks/peers and recorded beside the experiment.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'

/** Written by the script's `--record`. */
export interface PeerRecord {
  readonly settings: Readonly<Record<string, string | number>> & { readonly torch: string; readonly threads: number }
  /** The MD5 sum of the test pictures: another copy of them gives other figures. */
  readonly testMd5: string
  /** The processor and the operating system. */
  readonly machine: string
  readonly runs: readonly { readonly seed: number; readonly accuracy: number; readonly seconds: number }[]
  /** The sums of the losses of each epoch of CIFAR-10's first part. */
  readonly pictureByPicture?: readonly number[]
}

export interface Peer extends PeerRecord {
  /** The mean over the runs. */
  readonly accuracy: number
  /** Such as `PyTorch 2.13.0, mean of 2 runs on 2 threads of …`. */
  readonly description: string
}

/** The record of an experiment: `examples/<name>.pytorch.json` (compiled files lie two folders below the root). */
export async function peerRecord(name: string): Promise<Peer> {
  const file = new URL(`../../../examples/${name}.pytorch.json`, import.meta.url)
  const record = JSON.parse(await readFile(file, 'utf8')) as PeerRecord
  const { runs, settings, machine } = record
  const accuracy = runs.reduce((sum, run) => sum + run.accuracy, 0) / runs.length
  const count = runs.length === 1 ? 'one run' : `mean of ${runs.length} runs`
  const description = `PyTorch ${settings.torch}, ${count} on ${settings.threads} threads of ${machine}`
  return { ...record, accuracy, description }
}

/** The MD5 sum over the contents of files, one after another. */
export async function md5Of(files: readonly string[]): Promise<string> {
  const hash = createHash('md5')
  for (const file of files) hash.update(await readFile(file))
  return hash.digest('hex')
}
