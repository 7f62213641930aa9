// Libraries that only pictures and archives need. They are opened when one is first read: where a library cannot be
// opened (no build of it for this processor, a broken installation), all that needs no picture works.
import type sharp from 'sharp'
import { BackendError } from '../errors.js'

/** @throws BackendError with the library's own words. */
export async function openSharp(): Promise<typeof sharp> {
  return open('sharp', 'pictures', async () => (await import('sharp')).default)
}

/** @throws BackendError with the library's own words. */
export async function openTar(): Promise<typeof import('tar')> {
  return open('tar', 'archives', () => import('tar'))
}

async function open<T>(name: string, what: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (cause) {
    // its message may go on for a page
    const [reason] = (cause as Error).message.trim().split('\n')
    throw new BackendError(`${name}, which reads ${what}, cannot be opened (${reason}); npm install ${name}`, { cause })
  }
}
