// Small wheels, good and hostile, and a package index on loopback that serves them as a test wants it.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { deflateRawSync } from 'node:zlib'

export interface Entry {
  name: string
  data?: string | Buffer
  /** The file type and permissions of Unix; 0o120777 is a symbolic link. */
  mode?: number
  /** What the directory says of the length, where that is a lie. */
  claims?: number
  isEncrypted?: boolean
}

/** A zip file of these entries, in this order. */
export function zip(entries: Entry[]): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const { name, data = '', mode = 0o100644, claims, isEncrypted = false } of entries) {
    const raw = Buffer.from(data)
    const packed = deflateRawSync(raw)
    const file = Buffer.from(name)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0) // version
    common.writeUInt16LE(0x800 | (isEncrypted ? 1 : 0), 2) // names are UTF-8
    common.writeUInt16LE(8, 4) // deflate
    common.writeUInt32LE(packed.length, 14)
    common.writeUInt32LE(claims ?? raw.length, 18)
    common.writeUInt16LE(file.length, 22)
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, file, packed])
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE((mode << 16) >>> 0, 6)
    tail.writeUInt32LE(offset, 10)
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02'), Buffer.from([20, 3]), common, tail, file]))
    parts.push(local)
    offset += local.length
  }
  const size = directory.reduce((sum, each) => sum + each.length, 0)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(entries.length, 4)
  end.writeUInt16LE(entries.length, 6)
  end.writeUInt32LE(size, 8)
  end.writeUInt32LE(offset, 12)
  return Buffer.concat([...parts, ...directory, Buffer.from('PK\x05\x06'), end])
}

/** A row of scripts/cuda/wheels.mjs. */
export interface Wheel {
  title: string
  package: string
  version: string
  file: string
  library: RegExp
  licence: { name: string; url: string }
  size: number
  sha256: string
}

export const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex')

/** Bytes that do not pack well, the same for the same seed. */
export function noise(bytes: number, seed: string): Buffer {
  const blocks: Buffer[] = []
  for (let i = 0; i * 32 < bytes; i++) blocks.push(createHash('sha256').update(`${seed}${i}`).digest())
  return Buffer.concat(blocks).subarray(0, bytes)
}

/** The pin of a wheel with these contents. */
export function pin(name: string, contents: Buffer, library: RegExp): Wheel {
  return {
    title: name,
    package: `nvidia-${name}`,
    version: '1.2.3',
    file: `nvidia_${name}-1.2.3-py3-none-manylinux_2_27_x86_64.whl`,
    library,
    licence: { name: `licence of ${name}`, url: `https://example.org/${name}` },
    size: contents.length,
    sha256: sha256(contents),
  }
}

/** What the server does with the n-th request, from 1, for a path; true: it has answered. */
export type Behaviour = (request: http.IncomingMessage, response: http.ServerResponse, n: number) => boolean | undefined

export interface Index {
  url: string
  /** Every request: its path, and its Range where it has one. */
  requests: string[]
  headers: http.IncomingHttpHeaders[]
  close(): void
}

/** Serves wheels under /simple/PACKAGE/ and /files/NAME, with ETag and Range, unless `behaviour` answers. */
export async function serve(
  served: { wheel: Wheel; contents: Buffer }[],
  { isJson = false, behaviour = () => undefined }: { isJson?: boolean; behaviour?: Behaviour } = {},
): Promise<Index> {
  const requests: string[] = []
  const headers: http.IncomingHttpHeaders[] = []
  const counts = new Map<string, number>()
  const page = (found: typeof served, response: http.ServerResponse) => {
    if (isJson) {
      response.setHeader('content-type', 'application/vnd.pypi.simple.v1+json')
      const files = found.map(({ wheel }) => ({
        filename: wheel.file,
        url: `../../files/${wheel.file}`,
        hashes: { sha256: wheel.sha256 },
      }))
      response.end(JSON.stringify({ meta: { 'api-version': '1.0' }, name: found[0]?.wheel.package, files }))
    } else {
      response.setHeader('content-type', 'text/html')
      const links = found.map(({ wheel }) => {
        const href = `../../files/${wheel.file}?a=1&amp;b=2#sha256=${wheel.sha256}`
        return `<a href="${href}" data-requires-python="&gt;=3">${wheel.file}</a><br/>`
      })
      response.end(`<!DOCTYPE html><html><body>\n${links.join('\n')}\n</body></html>`)
    }
  }
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url!, 'http://localhost')
    const range = request.headers.range
    requests.push(`${pathname}${range ? ` ${range}` : ''}`)
    headers.push(request.headers)
    counts.set(pathname, (counts.get(pathname) ?? 0) + 1)
    if (behaviour(request, response, counts.get(pathname)!)) return
    const [, simple, name] = /^\/(simple|files)\/([^/]+)\/?$/.exec(pathname) ?? []
    if (simple === 'simple') {
      const found = served.filter(({ wheel }) => wheel.package === name)
      if (found.length > 0) return page(found, response)
    }
    const file = simple === 'files' && served.find(({ wheel }) => wheel.file === name)
    if (!file) return response.writeHead(404).end()
    const { contents } = file
    const etag = `"${sha256(contents).slice(0, 8)}"`
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
    const isWhole = from === 0 || ![undefined, etag].includes(request.headers['if-range'] as string | undefined)
    const body = isWhole ? contents : contents.subarray(from)
    response.writeHead(isWhole ? 200 : 206, {
      etag,
      'content-length': body.length,
      ...(!isWhole && { 'content-range': `bytes ${from}-${contents.length - 1}/${contents.length}` }),
    })
    response.end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/simple`,
    requests,
    headers,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
