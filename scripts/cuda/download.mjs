// Fetches one file of known length and SHA-256. What has come stays in FILE.part and is gone on with, in this run or a later one.
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { Failure, megabytes } from './failure.mjs'
import { Passing, request, withRetries } from './retry.mjs'

export async function sha256(file) {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex')
}

const length = (file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0

/** One request that goes on where the part ends. */
async function attempt(w, { name, url, headers, part, tag, size }, progress) {
  const start = length(part)
  const known = start > 0 && existsSync(tag) ? readFileSync(tag, 'utf8') : ''
  const range = start > 0 ? { range: `bytes=${start}-`, ...(known && { 'if-range': known }) } : {}
  // an encoded answer could not be gone on with
  await request(w, url, { 'accept-encoding': 'identity', ...headers, ...range }, async (response, alive) => {
    const { status } = response
    if (status === 416) {
      rmSync(part, { force: true })
      throw new Passing('the server has no such range')
    }
    if (status !== 200 && status !== 206) throw new Failure(`${name}: ${new URL(url).host} answered ${status}`)
    const from = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1]
    if (status === 206 && Number(from) !== start) {
      rmSync(part, { force: true })
      throw new Passing('the server sent another range')
    }
    const etag = response.headers.get('etag')
    if (etag?.startsWith('"')) writeFileSync(tag, etag)
    else rmSync(tag, { force: true })

    let at = status === 206 ? start : 0
    w.onBytes(name, at)
    const file = await open(part, at > 0 ? 'a' : 'w')
    try {
      for await (const chunk of response.body) {
        alive()
        progress()
        at += chunk.length
        if (at > size) throw new Failure(`${name} is longer than ${size} bytes: it is not NVIDIA's file`)
        await file.writeFile(chunk)
        w.onBytes(name, at)
      }
    } finally {
      await file.close()
    }
    if (at < size) throw new Passing(`the line was cut at ${megabytes(at)} of ${megabytes(size)}`)
  })
}

/** Resolves when `file` is whole and its SHA-256 is the expected one. */
export async function download(w, { name, url, headers, file, size, sha256: expected }) {
  const part = `${file}.part`
  const tag = `${part}.etag`
  const forget = () => {
    rmSync(part, { force: true })
    rmSync(tag, { force: true })
  }
  if (length(part) > size) forget()
  // Pieces of different files would make a wrong whole: then once more in one piece.
  let pieces = length(part) > 0 ? 2 : 0
  for (;;) {
    await withRetries(w, name, async (progress) => {
      if (length(part) === size) return
      pieces++
      await attempt(w, { name, url, headers, part, tag, size }, progress)
    })
    const found = await sha256(part)
    if (found === expected) break
    forget()
    if (pieces < 2)
      throw new Failure(
        `${name} was changed on its way: its SHA-256 is ${found}, expected ${expected}; nothing of it was unpacked`,
      )
    w.note(`${name}: the pieces make no whole; getting it once more from its start`)
    pieces = 0
  }
  renameSync(part, file)
  rmSync(tag, { force: true })
}
