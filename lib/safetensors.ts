// Reads and writes .safetensors files (https://huggingface.co/docs/safetensors), safely for files from anywhere.
import type { DeviceName, DType } from '../types/dtype.js'
import { type Checks, checkBoolean, checkObject, checkOptions, checkString } from './check.js'
import { FormatError } from './errors.js'
import { checkTensor } from './functional/arguments.js'
import { writeFileAtomically } from './io/atomic-file.js'
import { bytesPerElement } from './io/host-array.js'
import { checksumKey, checksumOf, digestOf } from './io/safetensors-checksum.js'
import { fileDTypes, formatHeader } from './io/safetensors-header.js'
import { readTensorFile, type SafetensorsContent, withHeader } from './io/safetensors-reader.js'
import { uploadAll } from './io/upload.js'
import { native } from './native.js'
import type { Tensor } from './tensor.js'

export type { SafetensorsContent } from './io/safetensors-reader.js'

/**
 * Reads a .safetensors file into host memory. 64-bit integers become int32.
 * @throws FormatError (rejects) if the file is cut or malformed, has an unknown type, or holds an integer beyond 32 bits.
 * @see https://huggingface.co/docs/safetensors
 * @example const { metadata, tensors } = await readSafetensors('net.safetensors')
 */
export async function readSafetensors(file: string): Promise<SafetensorsContent> {
  return readTensorFile(file)
}

/**
 * Reads only the metadata of a .safetensors file.
 * @throws FormatError (rejects) as {@link readSafetensors}.
 * @see https://huggingface.co/docs/safetensors
 * @example const { epoch } = await readSafetensorsMetadata('net.safetensors')
 */
export async function readSafetensorsMetadata(file: string): Promise<Readonly<Record<string, string>>> {
  return withHeader(file, async (_handle, { metadata }) => metadata)
}

/** Options of {@link loadSafetensors}. */
export interface LoadSafetensorsOptions {
  /** Where the tensors go. Default: the default device. */
  device?: DeviceName
  /** Loads only tensors whose names start with this, and removes it from their names. Default '': all. */
  prefix?: string
}

/**
 * Loads the tensors of a .safetensors file onto `device` (default: the default device). With a `prefix`, only those whose names start with it;
 * it is removed from their names. 64-bit integers become int32.
 * @throws FormatError (rejects) as {@link readSafetensors}, and if no name starts with the prefix. DeviceError if there is no such device.
 * @see https://huggingface.co/docs/safetensors
 * @example net.loadStateDict(await loadSafetensors('net.safetensors'))
 * @example net.loadStateDict(await loadSafetensors('run.safetensors', { prefix: 'model.' }))
 */
export async function loadSafetensors(
  file: string,
  options: LoadSafetensorsOptions = {},
): Promise<Record<string, Tensor>> {
  checkString('loadSafetensors', 'file', file)
  const { device, prefix = '' } = checkOptions('loadSafetensors', options, { device: checkString, prefix: checkString })
  const { tensors } = await readTensorFile(file, { isWanted: (name) => name.startsWith(prefix) })
  if (prefix !== '' && tensors.size === 0) {
    throw new FormatError(`${file}: no name starts with ${JSON.stringify(prefix)}, expected those of tensors`)
  }
  return uploadAll(tensors, prefix.length, device)
}

/** Options of {@link saveSafetensors}. */
export interface SaveOptions {
  /** Strings that the file holds beside its tensors. Default: none. */
  metadata?: Readonly<Record<string, string>>
  /**
   * Writes a SHA-256 of everything into the metadata, as `checksum.sha256`. Readers of this library check it. Default false, but true if the
   * metadata has one already; it is computed anew.
   */
  checksum?: boolean
}

const saveChecks: Checks<SaveOptions> = { metadata: checkObject, checksum: checkBoolean }

/**
 * Writes tensors of any shape to a .safetensors file, which Python and every other reader of the format opens. The values are those of the moment
 * of the call. The file appears whole or not at all: after an error or a crash the previous one is still there. Tensors are ordered by element
 * size and name, so equal content gives equal bytes.
 * @throws FormatError (rejects) if the file cannot be written, a tensor is called `__metadata__`, or metadata is not a string;
 * ValueError if a value is not a tensor; and the error of an op on which a tensor depends.
 * @see https://huggingface.co/docs/safetensors
 * @example await saveSafetensors('net.safetensors', net.stateDict(), { metadata: { epoch: '3' }, checksum: true })
 */
export async function saveSafetensors(
  file: string,
  tensors: Readonly<Record<string, Tensor>> | ReadonlyMap<string, Tensor>,
  options: SaveOptions = {},
): Promise<void> {
  const { metadata = {}, checksum = checksumKey in metadata } = checkOptions('saveSafetensors', options, saveChecks)
  checkString('saveSafetensors', 'file', file)
  checkObject('saveSafetensors', 'tensors', tensors)
  const named = tensors instanceof Map ? [...tensors] : Object.entries(tensors as Record<string, Tensor>)
  for (const [name, tensor] of named) {
    checkString('saveSafetensors', 'a name', name)
    checkTensor('saveSafetensors', name, tensor)
  }
  // All reads are queued at once, before any later op can overwrite a tensor.
  const arrays = await Promise.all(
    named.map(async ([name, tensor]) => {
      const { dtype, shape } = tensor
      // The raw bytes: `data()` would widen half precision.
      return { name, dtype, shape, data: new Uint8Array(await native.read(tensor.handle)) }
    }),
  )
  checkNames(arrays, metadata)
  await writeSafetensors(file, arrays, checksum ? await withChecksum(arrays, metadata) : metadata)
}

interface NamedBytes {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: Uint8Array<ArrayBuffer>
}

async function withChecksum(arrays: readonly NamedBytes[], metadata: Readonly<Record<string, string>>) {
  const summed: { name: string; dtype: string; shape: readonly number[]; digest: string }[] = []
  for (const { name, dtype, shape, data } of arrays) {
    summed.push({ name, dtype: fileDTypes[dtype], shape, digest: await digestOf(data) })
  }
  return { ...metadata, [checksumKey]: checksumOf(metadata, summed) }
}

async function writeSafetensors(
  file: string,
  arrays: NamedBytes[],
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  // Larger element types first, as the reference implementation does, so every tensor is aligned for its type.
  arrays.sort((a, b) => bytesPerElement[b.dtype] - bytesPerElement[a.dtype] || (a.name < b.name ? -1 : 1))
  const header = formatHeader(
    arrays.map(({ data, ...entry }) => ({ ...entry, bytes: data.byteLength })),
    metadata,
  )
  const length = new Uint8Array(8)
  new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true)
  await writeFileAtomically(file, [length, header, ...arrays.map(({ data }) => data)])
}

function checkNames(arrays: readonly { name: string }[], metadata: Readonly<Record<string, string>>): void {
  for (const { name } of arrays) {
    if (name === '__metadata__' || name === '__proto__') {
      throw new FormatError(`saveSafetensors: a tensor named ${JSON.stringify(name)}, expected another name`)
    }
  }
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== 'string' || key === '__proto__') {
      throw new FormatError(`saveSafetensors: metadata ${JSON.stringify(key)} is ${typeof value}, expected a string`)
    }
  }
}
