// Getting the CUDA libraries from a package index on loopback: whole, cut, changed, slow, absent, redirected; and wheels that mean harm.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { temporaryFolder } from './support/temporary.js'
import { type Behaviour, type Entry, noise, pin, serve, type Wheel, zip } from './support/wheels.js'

interface World {
  fetch: typeof fetch
  timing: { stall: number; tries: number; backoff(failures: number): number }
  note(line: string): void
  onBytes(name: string, bytes: number): void
}
interface Request {
  cuda: number
  arch: string
  wheels: Wheel[]
  index: object
  root: string
  force?: boolean
}
const load = async (name: string) => import(new URL(`../../scripts/cuda/${name}.mjs`, import.meta.url).href)
const { installCuda } = (await load('install')) as {
  installCuda(request: Request, world: World): Promise<{ folder: string; isNew: boolean }>
}
const { parseIndex } = (await load('simple-index')) as { parseIndex(text: string): object }

const inFolder = temporaryFolder()

const cudnn: Entry[] = [
  { name: 'nvidia/__init__.py' },
  { name: 'nvidia/cudnn/include/cudnn.h', data: '#define CUDNN_MAJOR 9' },
  { name: 'nvidia/cudnn/lib/libcudnn.so.9', data: noise(5_000, 'cudnn') },
  { name: 'nvidia/cudnn/lib/libcudnn_ops.so.9', data: noise(300_000, 'ops') },
  { name: 'nvidia_cudnn-1.2.3.dist-info/licenses/License.txt', data: 'the terms' },
]
const cudnnFile = zip(cudnn)
const CUDNN = /^libcudnn(_[a-z]+)?\.so\.9$/
const cudnnWheel = pin('cudnn', cudnnFile, CUDNN)
const runtimeFile = zip([
  { name: 'nvidia/cu13/lib/libcudart.so.13', data: noise(20_000, 'runtime') },
  { name: 'nvidia/cu13/lib/libcudart_static.a', data: 'static' },
])
const runtimeWheel = pin('runtime', runtimeFile, /^libcudart\.so\.13$/)
const both = [
  { wheel: cudnnWheel, contents: cudnnFile },
  { wheel: runtimeWheel, contents: runtimeFile },
]

interface Options {
  served?: typeof both
  wheels?: Wheel[]
  isJson?: boolean
  behaviour?: Behaviour
  tries?: number
  stall?: number
}

/** An index, a folder to install into, and `install`. */
async function make(
  t: ExecutionContext,
  { served = both, wheels = both.map(({ wheel }) => wheel), tries = 4, stall = 5_000, ...rest }: Options = {},
) {
  const index = await serve(served, rest)
  t.teardown(index.close)
  const outer = mkdtempSync(inFolder('case-'))
  const root = path.join(outer, 'root')
  const notes: string[] = []
  const world: World = {
    fetch: (...args) => fetch(...args),
    timing: { stall, tries, backoff: () => 1 },
    note: (line) => notes.push(line),
    onBytes: () => {},
  }
  const request = { cuda: 13, arch: 'x64', wheels, index: parseIndex(index.url), root }
  const install = (changes: Partial<Request> = {}) => installCuda({ ...request, ...changes }, world)
  const list = (folder: string) =>
    existsSync(folder) ? (readdirSync(folder, { recursive: true }) as string[]).sort() : []
  return { index, outer, root, notes, install, list, folder: path.join(root, 'cuda-13'), files: index.requests }
}

const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex')

/** All that should be there, and nothing else. */
function isWhole(
  t: ExecutionContext,
  { root, list, folder }: { root: string; list(folder: string): string[]; folder: string },
) {
  t.deepEqual(list(folder), [
    'installed.json',
    'libcudart.so.13',
    'libcudnn.so.9',
    'libcudnn_ops.so.9',
    'licenses',
    'licenses/nvidia-cudnn.txt',
  ])
  t.deepEqual(readdirSync(root), ['cuda-13'])
  for (const { name, data } of cudnn.filter((entry) => entry.name.includes('/lib/')))
    t.deepEqual(readFileSync(path.join(folder, path.basename(name))), data)
}

for (const isJson of [false, true]) {
  test(`libraries and licences are installed from an index of ${isJson ? 'JSON' : 'HTML'}, and a second run asks nothing`, async (t) => {
    const it = await make(t, { isJson })
    t.deepEqual(await it.install(), { folder: it.folder, isNew: true })
    isWhole(t, it)
    t.is(readFileSync(path.join(it.folder, 'licenses/nvidia-cudnn.txt'), 'utf8'), 'the terms')
    t.is(it.files.length, 4)
    t.regex(it.index.headers[0]!.accept!, /vnd\.pypi\.simple\.v1\+json/)
    t.deepEqual(await it.install(), { folder: it.folder, isNew: false })
    t.is(it.files.length, 4)
  })
}

test('a lost or shortened library, other versions and --force get all anew', async (t) => {
  const it = await make(t)
  await it.install()
  writeFileSync(path.join(it.folder, 'libcudnn_ops.so.9'), 'short')
  t.true((await it.install()).isNew)
  rmSync(path.join(it.folder, 'libcudart.so.13'))
  t.true((await it.install()).isNew)
  t.true((await it.install({ force: true })).isNew)
  t.is(it.files.length, 16)
  t.true((await it.install({ wheels: [cudnnWheel] })).isNew)
  t.false(existsSync(path.join(it.folder, 'libcudart.so.13')))
})

test('a folder that somebody else has filled is not replaced unasked', async (t) => {
  const it = await make(t)
  mkdirSync(it.folder, { recursive: true })
  writeFileSync(path.join(it.folder, 'libcudnn.so.9'), 'mine')
  await t.throwsAsync(it.install(), {
    message: `${it.folder} was not made by node-cudnn cuda install; --force replaces it`,
  })
  t.is(readFileSync(path.join(it.folder, 'libcudnn.so.9'), 'utf8'), 'mine')
  await it.install({ force: true })
  isWhole(t, it)
})

const file = `/files/${cudnnWheel.file}`
const half = cudnnFile.length >> 1
/** Sends the first half and then, if `isCut`, closes the connection. */
const sendHalf =
  (isCut: boolean): Behaviour =>
  (request, response, n) => {
    if (!request.url!.startsWith(file) || n > 1) return undefined
    response.writeHead(200, { 'content-length': cudnnFile.length, etag: `"${cudnnWheel.sha256.slice(0, 8)}"` })
    response.write(cudnnFile.subarray(0, half), () => isCut && setTimeout(() => response.destroy(), 50))
    return true
  }

test('a download that is cut goes on where it was', async (t) => {
  const it = await make(t, { behaviour: sendHalf(true) })
  await it.install()
  isWhole(t, it)
  t.deepEqual(
    it.files.filter((request) => request.startsWith(file)),
    [file, `${file} bytes=${half}-`],
  )
  t.regex(it.notes.join(), /cudnn 1\.2\.3: .*trying again/)
})

test('a run that failed leaves its part to the next one', async (t) => {
  const it = await make(t, { behaviour: sendHalf(true), tries: 1 })
  await t.throwsAsync(it.install(), { message: /^cudnn 1\.2\.3: .*; tried 1 times$/ })
  t.deepEqual(it.list(it.folder), [])
  t.is(statSync(path.join(it.root, 'downloads', `${cudnnWheel.file}.part`)).size, half)
  await it.install()
  isWhole(t, it)
  t.is(it.files.filter((request) => request.startsWith(file)).at(-1), `${file} bytes=${half}-`)
  t.is(it.index.headers.findLast((headers) => headers.range)!['if-range'], `"${cudnnWheel.sha256.slice(0, 8)}"`)
})

test.serial('a server that goes silent is left after a while, and asked for the rest', async (t) => {
  const it = await make(t, { behaviour: sendHalf(false), stall: 1_000 })
  await it.install()
  isWhole(t, it)
  t.is(it.files.filter((request) => request.startsWith(file)).at(-1), `${file} bytes=${half}-`)
  t.regex(it.notes.join(), /nothing came for 1 s/)
})

test.serial('a slow server that does not go silent is waited for', async (t) => {
  const behaviour: Behaviour = (request, response) => {
    if (!request.url!.startsWith(file)) return undefined
    response.writeHead(200, { 'content-length': cudnnFile.length })
    const piece = Math.ceil(cudnnFile.length / 25)
    const send = (at: number) => {
      if (at >= cudnnFile.length) return response.end()
      response.write(cudnnFile.subarray(at, at + piece))
      return setTimeout(send, 100, at + piece)
    }
    send(0)
    return true
  }
  const it = await make(t, { behaviour, stall: 1_500 })
  await it.install()
  isWhole(t, it)
  t.is(it.files.filter((request) => request.startsWith(file)).length, 1)
})

test('a server that knows no ranges, or whose file has changed, sends all of it again', async (t) => {
  const whole: Behaviour = (request, response, n) => {
    if (n === 2 && request.url!.startsWith(file)) {
      response.writeHead(200, { 'content-length': cudnnFile.length }).end(cudnnFile)
      return true
    }
    return sendHalf(true)(request, response, n)
  }
  const it = await make(t, { behaviour: whole })
  await it.install()
  isWhole(t, it)
})

test('a range that a server does not have, or another than was asked for, begins the download anew', async (t) => {
  for (const wrong of ['416', 'other']) {
    const behaviour: Behaviour = (request, response, n) => {
      if (n === 2 && request.url!.startsWith(file)) {
        if (wrong === '416') response.writeHead(416).end()
        else
          response.writeHead(206, { 'content-range': `bytes 0-9/${cudnnFile.length}` }).end(cudnnFile.subarray(0, 10))
        return true
      }
      return sendHalf(true)(request, response, n)
    }
    const it = await make(t, { behaviour })
    await it.install()
    isWhole(t, it)
    t.is(it.files.filter((request) => request === file).length, 2)
  }
})

test('pieces that make no whole are thrown away, and the file is fetched once more from its start', async (t) => {
  const it = await make(t)
  mkdirSync(path.join(it.root, 'downloads'), { recursive: true })
  writeFileSync(path.join(it.root, 'downloads', `${cudnnWheel.file}.part`), noise(half, 'rubbish'))
  await it.install()
  isWhole(t, it)
  t.regex(it.notes.join(), /the pieces make no whole/)
  t.deepEqual(
    it.files.filter((request) => request.startsWith(file)),
    [`${file} bytes=${half}-`, file],
  )
})

test('a changed file is refused, and what was installed stays', async (t) => {
  const changed = Buffer.from(cudnnFile)
  changed[half]! ^= 1
  const served = [{ wheel: cudnnWheel, contents: changed }, both[1]!]
  const it = await make(t, { served })
  const error = await t.throwsAsync(it.install())
  t.regex(
    error!.message,
    /^cudnn 1\.2\.3 was changed on its way: its SHA-256 is [0-9a-f]{64}, expected [0-9a-f]{64}; nothing/,
  )
  t.is(it.files.filter((request) => request === file).length, 1)
  t.deepEqual(it.list(it.root), [])

  const good = await serve(both)
  t.teardown(good.close)
  await it.install({ index: parseIndex(good.url) })
  const before = digest(path.join(it.folder, 'libcudnn_ops.so.9'))
  await t.throwsAsync(it.install({ force: true }), { message: /was changed on its way/ })
  isWhole(t, it)
  t.is(digest(path.join(it.folder, 'libcudnn_ops.so.9')), before)
})

test('a file that is longer than it should be is not read to its end', async (t) => {
  const it = await make(t, {
    served: [{ wheel: cudnnWheel, contents: Buffer.concat([cudnnFile, noise(1 << 20, 'more')]) }, both[1]!],
  })
  await t.throwsAsync(it.install(), { message: /^cudnn 1\.2\.3 is longer than \d+ bytes/ })
})

test('what is absent is said in a sentence: the package, the version, the file', async (t) => {
  const noPackage = await make(t, { served: [both[1]!] })
  await t.throwsAsync(noPackage.install(), { message: `nvidia-cudnn is not on ${noPackage.index.url}` })
  const other = { ...cudnnWheel, file: 'nvidia_cudnn-1.2.2-py3-none-manylinux_2_27_x86_64.whl' }
  const noVersion = await make(t, { served: [{ wheel: other, contents: cudnnFile }] })
  await t.throwsAsync(noVersion.install(), {
    message: `${noVersion.index.url} has 1 files of nvidia-cudnn, but not ${cudnnWheel.file}`,
  })
  const behaviour: Behaviour = (request, response) => {
    if (request.url!.startsWith(file)) response.writeHead(404).end()
    return request.url!.startsWith(file)
  }
  const noFile = await make(t, { behaviour })
  await t.throwsAsync(noFile.install(), { message: /^cudnn 1\.2\.3: 127\.0\.0\.1:\d+ answered 404$/ })
  for (const it of [noPackage, noVersion, noFile]) t.deepEqual(it.list(it.root), [])
})

test('an index whose own SHA-256 is another one is told before anything is downloaded', async (t) => {
  const it = await make(t, { served: [{ wheel: { ...cudnnWheel, sha256: '0'.repeat(64) }, contents: cudnnFile }] })
  await t.throwsAsync(it.install(), {
    message: /has another nvidia_cudnn-.* than NVIDIA's: its SHA-256 is 0{64}, expected/,
  })
  t.is(it.files.length, 1)
})

test('redirections are followed, and addresses are relative to where they lead', async (t) => {
  const moved: Record<string, string> = {
    '/simple/nvidia-cudnn/': '/a/mirror/nvidia-cudnn/',
    [`/a/files/${cudnnWheel.file}`]: file,
  }
  const behaviour: Behaviour = (request, response) => {
    const location = moved[request.url!]
    if (location) response.writeHead(302, { location }).end()
    else if (request.url === '/a/mirror/nvidia-cudnn/')
      response
        .setHeader('content-type', 'text/html')
        .end(`<a href='../../files/${cudnnWheel.file}'>${cudnnWheel.file}</a>`)
    else return undefined
    return true
  }
  const it = await make(t, { behaviour })
  await it.install()
  isWhole(t, it)
  t.deepEqual(it.files.slice(0, 4), [...Object.entries(moved).flat()])
})

test('a server that is busy is asked again, as often as is decent', async (t) => {
  const busy =
    (last: number): Behaviour =>
    (_request, response, n) => {
      if (n > last) return undefined
      response.writeHead(n === 1 ? 503 : n === 2 ? 429 : 500, { 'retry-after': '0' }).end('busy')
      return true
    }
  const it = await make(t, { behaviour: busy(3) })
  await it.install()
  isWhole(t, it)
  const never = await make(t, { behaviour: busy(99) })
  await t.throwsAsync(never.install(), { message: /\/simple\/nvidia-cudnn\/: the server answered 500; tried 4 times$/ })
  t.is(never.files.length, 4)
})

test('a name and password in the address of an index go to it alone and are not shown', async (t) => {
  const elsewhere = await serve(both)
  t.teardown(elsewhere.close)
  const behaviour: Behaviour = (request, response) => {
    if (request.headers.authorization !== `Basic ${Buffer.from('me:p@ss').toString('base64')}`) {
      response.writeHead(401).end()
      return true
    }
    if (!request.url!.startsWith('/files/')) return undefined
    response.writeHead(302, { location: new URL(request.url!, elsewhere.url).href }).end()
    return true
  }
  const it = await make(t, { behaviour })
  const address = it.index.url.replace('http://', 'http://me:p%40ss@')
  await it.install({ index: parseIndex(address) })
  isWhole(t, it)
  t.true(elsewhere.requests.length === 2 && elsewhere.headers.every(({ authorization }) => !authorization))
  const error = await t.throwsAsync(it.install({ index: parseIndex(address.replace('p%40ss', 'wrong')), force: true }))
  t.regex(error!.message, /answered 401/)
  t.notRegex(error!.message, /wrong|me:/)
})

test('an address that is none is refused', (t) => {
  t.throws(() => parseIndex('pypi'), {
    message: "--index is 'pypi', expected an address such as https://pypi.org/simple",
  })
  t.throws(() => parseIndex('file:///wheels'), {
    message: /expected an address that starts with https:\/\/ or http:\/\//,
  })
})

test('two installations into one folder do not meet', async (t) => {
  const it = await make(t, { behaviour: sendHalf(false), stall: 1_000 })
  const first = it.install()
  await t.throwsAsync(it.install(), { message: `another process is installing into ${it.root} already` })
  await first
  isWhole(t, it)
})

// ---- wheels that mean harm ----------------------------------------------------------------------------------------

const lib = 'nvidia/cudnn/lib/libcudnn.so.9'
const good: Entry = { name: lib, data: noise(2_000, 'good') }
const hostile: { name: string; contents: Buffer; says: RegExp }[] = [
  { name: 'a name that climbs out', contents: zip([good, { name: '../../evil' }]), says: /invalid relative path/ },
  {
    name: 'a library whose name climbs out',
    contents: zip([{ name: 'nvidia/cudnn/lib/../../../libcudnn.so.9', data: 'evil' }]),
    says: /invalid relative path/,
  },
  { name: 'an absolute name', contents: zip([good, { name: '/tmp/evil' }]), says: /absolute path/ },
  { name: 'a name of Windows', contents: zip([good, { name: 'C:/evil' }]), says: /absolute path/ },
  { name: 'a backslash', contents: zip([good, { name: 'a\\..\\evil' }]), says: /invalid characters/ },
  {
    name: 'a symbolic link',
    contents: zip([{ name: lib, data: '/etc/passwd', mode: 0o120777 }]),
    says: /is a link or a device/,
  },
  {
    name: 'a symbolic link beside',
    contents: zip([good, { name: 'nvidia/x', data: '/', mode: 0o120777 }]),
    says: /is a link/,
  },
  { name: 'a device', contents: zip([good, { name: 'nvidia/x', mode: 0o060644 }]), says: /is a link or a device/ },
  {
    name: 'one name twice',
    contents: zip([good, good]),
    says: /two entries are named 'nvidia\/cudnn\/lib\/libcudnn\.so\.9'/,
  },
  {
    name: 'two libraries of one name',
    contents: zip([good, { name: 'nvidia/other/lib/libcudnn.so.9', data: 'evil' }]),
    says: /two entries would be unpacked to 'libcudnn\.so\.9'/,
  },
  { name: 'a bomb', contents: zip([{ name: lib, data: Buffer.alloc(1 << 24) }]), says: /would unpack to more than/ },
  {
    name: 'a bomb that lies',
    contents: zip([{ name: lib, data: Buffer.alloc(1 << 24), claims: 1000 }]),
    says: /too many bytes/,
  },
  { name: 'a short library', contents: zip([{ ...good, claims: 2_500 }]), says: /not enough bytes/ },
  { name: 'an encrypted library', contents: zip([{ ...good, isEncrypted: true }]), says: /encrypted/ },
  {
    name: 'very many entries',
    contents: zip([good, ...Array.from({ length: 10_001 }, (_, i) => ({ name: `x${i}` }))]),
    says: /more than 10000 entries/,
  },
  {
    name: 'no library',
    contents: zip([{ name: 'nvidia/cudnn/lib/other.so' }]),
    says: /holds none of the expected libraries/,
  },
  { name: 'no zip', contents: noise(10_000, 'no zip'), says: /End of central directory/i },
  { name: 'half a zip', contents: zip([good]).subarray(0, 1_000), says: /End of central directory/i },
]

for (const { name, contents, says } of hostile) {
  test(`a wheel with ${name} writes nothing, though its SHA-256 is the expected one`, async (t) => {
    const wheel = pin('cudnn', contents, CUDNN)
    const it = await make(t, { served: [{ wheel, contents }], wheels: [wheel] })
    const error = await t.throwsAsync(it.install())
    t.regex(error!.message, /^nvidia_cudnn-.* is not a wheel of NVIDIA's: /)
    t.regex(error!.message, says)
    const left = it.list(it.outer).filter((entry) => !entry.startsWith('root/downloads'))
    t.deepEqual(left, ['root'])
    t.false(existsSync('/tmp/evil'))
  })
}
