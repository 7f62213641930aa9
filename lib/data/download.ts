// Fetches a file over HTTP into a folder, once: checked against its sum, and there whole or not at all.
import { mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import { type Check, refuse } from '../check.js'
import { DownloadError } from '../errors.js'
import { writeFileAtomically } from '../io/atomic-file.js'

/** Where this package keeps data that can be fetched again: $XDG_CACHE_HOME/node-cudnn, else ~/.cache/node-cudnn. */
export function cacheFolder(): string {
  const base = process.env.XDG_CACHE_HOME
  // The specification says that a relative path is to be ignored.
  return path.join(base && path.isAbsolute(base) ? base : path.join(homedir(), '.cache'), 'node-cudnn')
}

export const checkUrl: Check = (op, name, value) => {
  if (typeof value !== 'string' || !URL.canParse(value)) refuse(op, name, value, 'an address, such as https://…')
}

/**
 * Downloads `url` to `file`. At most `maxBytes` are taken, and `check` sees the content before it is written.
 * @throws DownloadError if the server cannot be reached, answers with an error, sends too much or nothing for
 * `stallMs` milliseconds, or `check` throws.
 */
export async function download(
  url: URL,
  file: string,
  options: { maxBytes: number; check: (bytes: Uint8Array) => void | Promise<void>; stallMs?: number },
): Promise<void> {
  const bytes = await fetchBytes(url, options)
  try {
    await options.check(bytes)
  } catch (cause) {
    throw new DownloadError(`${url}: ${(cause as Error).message}`, { cause })
  }
  await mkdir(path.dirname(file), { recursive: true })
  await writeFileAtomically(file, [bytes])
}

/**
 * What a server answers, in memory: at most `maxBytes`.
 * @throws DownloadError if it cannot be reached, answers with an error, sends too much or nothing for `stallMs`
 * milliseconds (default 30,000).
 */
export async function fetchBytes(
  url: URL,
  { maxBytes, stallMs = 30_000 }: { maxBytes: number; stallMs?: number },
): Promise<Uint8Array> {
  const abort = new AbortController()
  let timer = setTimeout(() => {}, 0)
  const watch = () => {
    clearTimeout(timer)
    timer = setTimeout(() => abort.abort(new Error(`nothing came for ${stallMs} ms`)), stallMs)
  }
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    watch()
    const response = await fetch(url, { signal: abort.signal })
    if (!response.ok || !response.body) throw new Error(`the server answered ${response.status}, expected 200`)
    for await (const chunk of response.body) {
      watch()
      length += chunk.length
      if (length > maxBytes) throw new Error(`more than ${maxBytes} bytes came`)
      chunks.push(chunk)
    }
  } catch (error) {
    const cause = abort.signal.aborted ? abort.signal.reason : error
    const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : cause.message
    throw new DownloadError(`${url}: ${reason}`, { cause })
  } finally {
    clearTimeout(timer)
    abort.abort()
  }
  return Buffer.concat(chunks)
}
