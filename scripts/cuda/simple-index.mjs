// Finds a wheel on a package index that speaks PEP 503 (HTML) or PEP 691 (JSON).
import { Failure } from './failure.mjs'
import { request, withRetries } from './retry.mjs'

export const DEFAULT_INDEX = 'https://pypi.org/simple'
const ACCEPT = 'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1'

/** `{ url, authorization, shown }` of an index: a name and password in its address go into a header and are never shown. */
export function parseIndex(text) {
  let url
  try {
    url = new URL(text)
  } catch {
    throw new Failure(`--index is '${text}', expected an address such as ${DEFAULT_INDEX}`)
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new Failure(`--index is '${text}', expected an address that starts with https:// or http://`)
  const { username, password } = url
  url.username = ''
  url.password = ''
  const shown = url.href.replace(/\/+$/, '')
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { url: `${shown}/`, shown, authorization: username && `Basic ${Buffer.from(pair).toString('base64')}` }
}

/** A name and password are for the index's own host only. */
export function headersFor(index, url) {
  const isOwn = new URL(url).origin === new URL(index.url).origin
  return index.authorization && isOwn ? { authorization: index.authorization } : {}
}

const entities = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&#x27;': "'" }
const plain = (html) => html.replace(/&(amp|lt|gt|quot|#39|#x27);/g, (entity) => entities[entity])

function linksInHtml(html) {
  const anchors = html.matchAll(/<a\b[^>]*?\bhref\s*=\s*(?:"([^"]*)"|'([^']*)')[^>]*>([^<]*)<\/a>/gi)
  return [...anchors].map(([, double, single, name]) => {
    const [url, fragment = ''] = plain(double ?? single).split('#')
    return { name: plain(name).trim(), url, sha256: /^sha256=([0-9a-f]{64})$/i.exec(fragment)?.[1] }
  })
}

function linksInJson(text) {
  return JSON.parse(text).files.map(({ filename, url, hashes }) => ({ name: filename, url, sha256: hashes?.sha256 }))
}

/** The address of a pinned wheel. */
export async function findWheel(w, index, wheel) {
  const page = new URL(`${wheel.package}/`, index.url).href
  return withRetries(w, page, () =>
    request(w, page, { accept: ACCEPT, ...headersFor(index, page) }, async (response) => {
      if (response.status === 404) throw new Failure(`${wheel.package} is not on ${index.shown}`)
      if (!response.ok) throw new Failure(`${page} answered ${response.status}`)
      const text = await response.text()
      let links
      try {
        links = response.headers.get('content-type')?.includes('json') ? linksInJson(text) : linksInHtml(text)
      } catch {
        throw new Failure(`${page} is no page of a package index`)
      }
      const link = links.find(({ name }) => name === wheel.file)
      if (!link)
        throw new Failure(`${index.shown} has ${links.length} files of ${wheel.package}, but not ${wheel.file}`)
      if (link.sha256 && link.sha256.toLowerCase() !== wheel.sha256)
        throw new Failure(
          `${index.shown} has another ${wheel.file} than NVIDIA's: its SHA-256 is ${link.sha256}, expected ${wheel.sha256}`,
        )
      const url = new URL(link.url, response.url || page)
      if (url.protocol !== 'https:' && url.protocol !== 'http:')
        throw new Failure(`${index.shown} gives ${url.protocol} as the address of ${wheel.file}, expected https:`)
      return url.href
    }),
  )
}
