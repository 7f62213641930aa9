// A checksum of everything in a .safetensors file, kept in its metadata: what is not as it was written is told when it is read.
import { createHash, webcrypto } from 'node:crypto'

/** Where the metadata holds it. */
export const checksumKey = 'checksum.sha256'

/** What the checksum says of a tensor: type and shape as in the file, and the SHA-256 of its bytes. */
export interface Summed {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly number[]
  readonly digest: string
}

/** SHA-256 as hexadecimal digits; that of many bytes in a thread of the crypto library. */
export async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  if (bytes.length < 2 ** 18) return sha256(bytes)
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes)).toString('hex')
}

/**
 * The SHA-256 of the JSON text [[[key, value], …], [[name, type, shape, digest], …]] of the other metadata and the tensors, both in
 * the order of their names (of their UTF-16 codes).
 */
export function checksumOf(metadata: Readonly<Record<string, string>>, tensors: readonly Summed[]): string {
  const byName = <Row extends readonly [string, ...unknown[]]>(rows: Row[]) =>
    rows.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  const pairs = byName(Object.entries(metadata).filter(([key]) => key !== checksumKey))
  const rows = byName(tensors.map(({ name, dtype, shape, digest }) => [name, dtype, shape, digest] as const))
  return sha256(JSON.stringify([pairs, rows]))
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}
