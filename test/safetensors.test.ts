// .safetensors: round trips, Python's reader and writer, hostile files, and files that survive a crash.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { chmod, mkdir, symlink } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import {
  FormatError,
  loadSafetensors,
  readSafetensors,
  readSafetensorsMetadata,
  saveSafetensors,
  type Tensor,
  tensor,
} from '../lib/index.js'
import { temporaryFolder } from './support/temporary.js'

const inFolder = temporaryFolder()

/** The bytes of a file with this header (text, or a value to be JSON) and this many bytes of data. */
function fileOf(header: unknown, dataBytes = 0, headerLength?: bigint): Uint8Array {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(headerLength ?? BigInt(json.length))
  return Buffer.concat([length, json, Buffer.alloc(dataBytes)])
}

const entry = (shape: unknown, begin: unknown, end: unknown, dtype: unknown = 'F32') => ({
  dtype,
  shape,
  data_offsets: [begin, end],
})

/** Name, content of the file, what the message must say. */
const hostile: readonly [string, Uint8Array | string, RegExp][] = [
  ['an empty file', new Uint8Array(0), /0 bytes, expected at least 8/],
  ['a cut length', new Uint8Array(7), /7 bytes, expected at least 8/],
  ['a cut header', fileOf({}, 0, 100n), /header of 100 bytes, but the file ends/],
  ['a header of 2^64 − 1 bytes', fileOf({}, 0, 2n ** 64n - 1n), /expected at most 100000000/],
  ['a header of 2^63 bytes', fileOf({}, 0, 2n ** 63n), /expected at most 100000000/],
  ['a header just above 100 MB', fileOf({}, 0, 100_000_001n), /expected at most 100000000/],
  ['a header of 0 bytes', fileOf(''), /expected "\{"/],
  ['a header of spaces', fileOf('      '), /expected "\{"/],
  ['a header of zeros', fileOf('\0\0\0\0'), /expected "\{"/],
  ['a header that starts with a space', fileOf(' {}'), /expected "\{"/],
  ['a byte order mark', fileOf('\ufeff{}'), /expected "\{"/],
  ['a list as header', fileOf('[]'), /expected "\{"/],
  ['invalid JSON', fileOf('{"a":}'), /not valid JSON/],
  ['cut JSON', fileOf('{"a":{"dtype":"F32"'), /not valid JSON/],
  ['two JSON values', fileOf('{}{}'), /not valid JSON/],
  ['a trailing comma', fileOf('{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},}', 4), /not valid JSON/],
  ['JSON with NaN', fileOf('{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}', 4), /not valid JSON/],
  ['invalid UTF-8', Buffer.concat([fileOf('', 0, 4n), Buffer.from([0x7b, 0x22, 0xff, 0x7d])]), /not UTF-8/],
  [
    'an unpaired surrogate in UTF-8',
    Buffer.concat([fileOf('', 0, 4n), Buffer.from([0x7b, 0xed, 0xa0, 0x80])]),
    /not UTF-8/,
  ],
  [
    'a tensor twice',
    fileOf(
      '{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}',
      4,
    ),
    /key "a" twice/,
  ],
  [
    'a tensor twice, once with an escape',
    fileOf(
      '{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"\\u0061":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}',
      4,
    ),
    /key "a" twice/,
  ],
  ['a field twice', fileOf('{"a":{"dtype":"F32","dtype":"U8","shape":[],"data_offsets":[0,1]}}', 1), /"dtype" twice/],
  ['metadata twice', fileOf('{"__metadata__":{},"__metadata__":{}}'), /"__metadata__" twice/],
  ['a metadata key twice', fileOf('{"__metadata__":{"k":"1","k":"2"}}'), /key "k" twice/],
  ['metadata that is a list', fileOf({ __metadata__: [] }), /__metadata__ is \[\], expected an object/],
  ['metadata with a number', fileOf({ __metadata__: { epoch: 3 } }), /has 3 at "epoch", expected a string/],
  ['__proto__ as a tensor', fileOf('{"__proto__":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}', 4), /"__proto__"/],
  ['__proto__ in the metadata', fileOf('{"__metadata__":{"__proto__":"x"}}'), /"__proto__"/],
  ['a number as tensor', fileOf({ a: 1 }), /came 1, expected an object/],
  ['null as tensor', fileOf({ a: null }), /came null, expected an object/],
  ['a list as tensor', fileOf({ a: [] }), /came \[\], expected an object/],
  ['no dtype', fileOf({ a: { shape: [], data_offsets: [0, 4] } }, 4), /keys data_offsets, shape, expected/],
  ['no shape', fileOf({ a: { dtype: 'F32', data_offsets: [0, 4] } }, 4), /keys data_offsets, dtype, expected/],
  ['no offsets', fileOf({ a: { dtype: 'F32', shape: [] } }, 4), /keys dtype, shape, expected/],
  ['an extra field', fileOf({ a: { ...entry([], 0, 4), extra: 1 } }, 4), /keys data_offsets, dtype, extra, shape/],
  ['an unknown dtype', fileOf({ a: entry([], 0, 4, 'F31') }, 4), /unknown dtype "F31", expected one of F32/],
  ['a dtype of Object', fileOf({ a: entry([], 0, 4, 'constructor') }, 4), /unknown dtype "constructor"/],
  ['a dtype that is a number', fileOf({ a: entry([], 0, 4, 4) }, 4), /unknown dtype 4/],
  ['an unsupported dtype', fileOf({ a: entry([], 0, 8, 'U64') }, 8), /unsupported dtype "U64"/],
  ['a negative size', fileOf({ a: entry([-1], 0, 4) }, 4), /shape \[-1\], expected/],
  ['two negative sizes', fileOf({ a: entry([-1, -1], 0, 4) }, 4), /shape \[-1,-1\], expected/],
  ['minus zero', fileOf('{"a":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}}'), /expected a list of integers/],
  ['half a size', fileOf({ a: entry([0.5], 0, 2) }, 2), /shape \[0.5\], expected/],
  ['a size that is text', fileOf({ a: entry(['1'], 0, 4) }, 4), /shape \["1"\], expected/],
  ['a shape that is text', fileOf({ a: entry('1', 0, 4) }, 4), /shape "1", expected/],
  ['a shape that is null', fileOf({ a: entry(null, 0, 4) }, 4), /shape null, expected/],
  [
    'a size of 1e400',
    fileOf('{"a":{"dtype":"F32","shape":[1e400],"data_offsets":[0,4]}}', 4),
    /expected a list of integers/,
  ],
  ['a size of 2^53', fileOf({ a: entry([2 ** 53], 0, 4) }, 4), /expected a list of integers/],
  ['a shape that overflows', fileOf({ a: entry([2 ** 31, 2 ** 31, 4], 0, 4) }, 4), /overflows/],
  ['an overflow hidden by a zero', fileOf({ a: entry([0, 2 ** 40, 2 ** 40], 0, 0) }), /overflows/],
  ['nine dimensions', fileOf({ a: entry([1, 1, 1, 1, 1, 1, 1, 1, 1], 0, 4) }, 4), /9 dimensions, expected at most 8/],
  ['a negative offset', fileOf({ a: entry([1], -4, 0) }, 4), /data_offsets \[-4,0\], expected/],
  ['begin after end', fileOf({ a: entry([1], 4, 0) }, 4), /data_offsets \[4, 0\], expected begin before end/],
  ['one offset', fileOf({ a: { dtype: 'F32', shape: [], data_offsets: [4] } }, 4), /data_offsets \[4\], expected/],
  ['three offsets', fileOf({ a: { dtype: 'F32', shape: [], data_offsets: [0, 4, 8] } }, 4), /data_offsets \[0,4,8\]/],
  ['offsets that are text', fileOf({ a: entry([1], '0', '4') }, 4), /data_offsets \["0","4"\], expected/],
  [
    'offsets beyond 2^53',
    fileOf('{"a":{"dtype":"F32","shape":[1],"data_offsets":[9007199254740992,9007199254740996]}}', 4),
    /data_offsets/,
  ],
  ['fewer bytes than the shape', fileOf({ a: entry([2], 0, 4) }, 4), /4 bytes, expected 8 for F32 \[2\]/],
  ['more bytes than the shape', fileOf({ a: entry([1], 0, 8) }, 8), /8 bytes, expected 4 for F32 \[1\]/],
  ['a huge tensor in a small file', fileOf({ a: entry([2 ** 40], 0, 2 ** 42) }, 4), /but the file holds 4 bytes/],
  ['cut data', fileOf({ a: entry([2], 0, 8) }, 7), /but the file holds 7 bytes/],
  ['trailing bytes', fileOf({ a: entry([1], 0, 4) }, 5), /1 bytes after the last tensor, expected none/],
  ['data without tensors', fileOf({}, 3), /3 bytes after the last tensor/],
  ['overlapping tensors', fileOf({ a: entry([2], 0, 8), b: entry([2], 4, 12) }, 12), /"b": overlaps/],
  ['two tensors in one place', fileOf({ a: entry([1], 0, 4), b: entry([1], 0, 4) }, 4), /overlaps/],
  ['a gap', fileOf({ a: entry([1], 0, 4), b: entry([1], 8, 12) }, 12), /"b": leaves a gap/],
  ['a gap at the start', fileOf({ a: entry([1], 4, 8) }, 8), /"a": leaves a gap/],
  [
    'a bool of 2',
    Buffer.concat([fileOf({ a: entry([1], 0, 1, 'BOOL') }), Buffer.from([2])]),
    /BOOL byte 2, expected 0 or 1/,
  ],
  [
    'an integer beyond 32 bits',
    Buffer.concat([fileOf({ a: entry([1], 0, 8, 'I64') }), Buffer.from([0, 0, 0, 128, 0, 0, 0, 0])]),
    /2147483648 at 0, expected a 32-bit integer/,
  ],
]

for (const [name, content, message] of hostile) {
  test(`refuses ${name}`, async (t) => {
    const file = inFolder(`${name.replace(/\W+/g, '-')}.safetensors`)
    writeFileSync(file, content)
    const error = await t.throwsAsync(readSafetensors(file), { instanceOf: FormatError, message })
    t.true(error.message.startsWith(`${file}: `), 'the message names the file')
  })
}

test('refuses every cut of a good file', async (t) => {
  const whole = fileOf({ a: entry([2], 0, 8), b: entry([1], 8, 12), __metadata__: { k: 'v' } }, 12)
  const file = inFolder('cut.safetensors')
  for (let length = 0; length < whole.length; length++) {
    writeFileSync(file, whole.subarray(0, length))
    await t.throwsAsync(readSafetensors(file), { instanceOf: FormatError }, `cut after ${length} bytes`)
  }
  writeFileSync(file, whole)
  t.is((await readSafetensors(file)).tensors.size, 2)
})

test('takes a deeply nested header for what it is: not a tensor', async (t) => {
  const file = inFolder('deep.safetensors')
  writeFileSync(file, fileOf(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`))
  await t.throwsAsync(readSafetensors(file), { instanceOf: FormatError })
})

test('reads tensors in any order of the header, padding, and names that are words of JavaScript', async (t) => {
  const file = inFolder('order.safetensors')
  const header = JSON.stringify({
    b: entry([1], 4, 8),
    constructor: entry([1], 0, 4),
    'a "q" \\ \u{1f600}': entry([0], 8, 8),
  })
  writeFileSync(file, fileOf(`${header}     `, 8))
  t.deepEqual([...(await readSafetensors(file)).tensors.keys()], ['constructor', 'b', 'a "q" \\ \u{1f600}'])
})

test("a missing file is the system's error", async (t) => {
  await t.throwsAsync(loadSafetensors(inFolder('absent.safetensors')), { code: 'ENOENT' })
})

test('a file in a folder that does not exist', async (t) => {
  const file = inFolder('nowhere', 'x.safetensors')
  using x = tensor([1])
  await t.throwsAsync(saveSafetensors(file, { x }), {
    instanceOf: FormatError,
    code: 'ENOENT',
    message: /x\.safetensors: cannot be written, since the folder .*nowhere does not exist/,
  })
})

function everyType(): Record<string, Tensor> {
  const values = [0, 1, -2.5, 3.25]
  return {
    'net.0.weight': tensor([[values, values]]),
    float64: tensor(Float64Array.of(0.1, -1e300)),
    float16: tensor(values, { dtype: 'float16' }),
    bfloat16: tensor(values, { dtype: 'bfloat16' }),
    int32: tensor(Int32Array.of(-(2 ** 31), 2 ** 31 - 1)),
    uint8: tensor(Uint8Array.of(0, 255, 7)),
    bool: tensor([true, false, true]),
    scalar: tensor(4),
  }
}

test('what is saved comes back: values, types, shapes, metadata', async (t) => {
  const file = inFolder('round.safetensors')
  const saved = everyType()
  await saveSafetensors(file, saved, { metadata: { epoch: '3', title: 'Grüße' } })
  const loaded = await loadSafetensors(file)
  t.deepEqual(Object.keys(loaded).sort(), Object.keys(saved).sort())
  for (const [name, x] of Object.entries(saved)) {
    const y = loaded[name]!
    t.is(y.dtype, x.dtype, name)
    t.deepEqual(y.shape, x.shape, name)
    t.deepEqual(await y.data(), await x.data(), name)
  }
  t.deepEqual(await readSafetensorsMetadata(file), { epoch: '3', title: 'Grüße' })
  t.is(Number(readFileSync(file).readBigUInt64LE()) % 8, 0, 'the data starts on a multiple of 8')
})

test('equal content gives equal bytes, whatever the order', async (t) => {
  const tensors = everyType()
  await saveSafetensors(inFolder('one.safetensors'), tensors)
  await saveSafetensors(inFolder('two.safetensors'), new Map(Object.entries(tensors).reverse()))
  t.deepEqual(readFileSync(inFolder('one.safetensors')), readFileSync(inFolder('two.safetensors')))
})

test('the values are those of the moment of the call', async (t) => {
  const file = inFolder('moment.safetensors')
  const x = tensor([1, 2, 3])
  const saving = saveSafetensors(file, { x })
  x.zero_()
  await saving
  t.deepEqual([...(await readSafetensors(file)).tensors.get('x')!.data], [1, 2, 3])
})

test('names and metadata that no reader would take are refused', async (t) => {
  const x = tensor(1)
  const file = inFolder('names.safetensors')
  await t.throwsAsync(saveSafetensors(file, { __metadata__: x }), { instanceOf: FormatError })
  await t.throwsAsync(saveSafetensors(file, new Map([['__proto__', x]])), { instanceOf: FormatError })
  const metadata = { epoch: 3 } as unknown as Record<string, string>
  await t.throwsAsync(saveSafetensors(file, { x }, { metadata }), { instanceOf: FormatError, message: /is number/ })
  t.false(existsSync(file))
})

/** PYTHON names another interpreter than python3. */
const python = process.env.PYTHON ?? 'python3'
const hasPython = spawnSync(python, ['-c', 'import safetensors.torch']).status === 0
if (!hasPython)
  console.log(`skipped: Python reads our files, since '${python}' has no torch and safetensors (name one in PYTHON)`)
const testWithPython = hasPython ? test : test.skip
testWithPython('Python reads our files and we read its', async (t) => {
  const [ours, theirs] = [inFolder('ours.safetensors'), inFolder('theirs.safetensors')]
  const tensors = everyType()
  await saveSafetensors(ours, tensors, { metadata: { from: 'node', title: 'Grüße' } })
  const script = fileURLToPath(new URL('../../test/support/safetensors-check.py', import.meta.url))
  const { stdout, stderr, status } = spawnSync(python, [script, ours, theirs], { encoding: 'utf8' })
  t.is(status, 0, stderr)
  const seen = JSON.parse(stdout) as {
    metadata: Record<string, string>
    tensors: Record<string, { dtype: string; shape: number[]; values: number[] }>
  }
  t.deepEqual(seen.metadata, { from: 'node', title: 'Grüße' })
  for (const [name, x] of Object.entries(tensors)) {
    const { dtype, shape, values } = seen.tensors[name]!
    t.is(dtype, `torch.${x.dtype}`)
    t.deepEqual(shape, [...x.shape])
    t.deepEqual(values, Array.from(await x.data()))
  }

  t.deepEqual(await readSafetensorsMetadata(theirs), { from: 'python', title: 'Grüße' })
  const loaded = await loadSafetensors(theirs)
  const expected: Record<string, [string, number[], number[]]> = {
    float32: ['float32', [1, 3], [1.5, -2.25, Math.fround(3e-30)]],
    float64: ['float64', [2], [0.1, 1e300]],
    float16: ['float16', [3], [0.5, 65504, -0]],
    bfloat16: ['bfloat16', [2], [1, 3.00405527047391e38]],
    int32: ['int32', [2], [-1, 2 ** 31 - 1]],
    int64: ['int32', [2, 1], [-(2 ** 31), 7]],
    uint8: ['uint8', [2], [0, 255]],
    bool: ['bool', [3], [1, 0, 1]],
    scalar: ['float32', [], [4]],
    empty: ['float32', [0, 3], []],
  }
  t.deepEqual(Object.keys(loaded).sort(), Object.keys(expected).sort())
  for (const [name, [dtype, shape, values]] of Object.entries(expected)) {
    t.is(loaded[name]!.dtype, dtype as Tensor['dtype'], name)
    t.deepEqual(loaded[name]!.shape, shape, name)
    t.deepEqual(Array.from(await loaded[name]!.data()), values, name)
  }
})

test('a process that is killed while it writes leaves a whole file', async (t) => {
  const file = inFolder('killed.safetensors')
  const size = 4_000_000
  const script = fileURLToPath(new URL('./support/write-forever.js', import.meta.url))
  for (const delay of [5, 40, 90]) {
    const child = spawn(process.execPath, [script, file, String(size)], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    await setTimeout(delay)
    child.kill('SIGKILL')
    await once(child, 'exit')
    const { metadata, tensors } = await readSafetensors(file)
    const { data } = tensors.get('x')!
    t.is(data.length, size)
    t.true(
      data.every((value) => value === Number(metadata.round)),
      'all of one round',
    )
  }
})

test('an error while writing removes the temporary file and keeps the old one', async (t) => {
  await mkdir(inFolder('errors'))
  const file = inFolder('errors', 'net.safetensors')
  const x = tensor([1, 2, 3])
  await saveSafetensors(file, { x })
  // A folder where the file shall be: the rename fails after everything was written.
  await mkdir(inFolder('errors', 'folder'))
  await t.throwsAsync(saveSafetensors(inFolder('errors', 'folder'), { x }))
  const gone = tensor([1])
  gone.dispose()
  await t.throwsAsync(saveSafetensors(file, { gone }))
  t.deepEqual(readdirSync(inFolder('errors')).sort(), ['folder', 'net.safetensors'])
  t.deepEqual([...(await readSafetensors(file)).tensors.get('x')!.data], [1, 2, 3])
})

test('a symbolic link stays one', async (t) => {
  await mkdir(inFolder('links'))
  const x = tensor([1])
  await saveSafetensors(inFolder('links', 'real'), { x })
  await symlink('real', inFolder('links', 'link'))
  await saveSafetensors(inFolder('links', 'link'), { y: x })
  t.deepEqual([...(await readSafetensors(inFolder('links', 'real'))).tensors.keys()], ['y'])
  t.deepEqual(readdirSync(inFolder('links')).sort(), ['link', 'real'])
})

const isRoot = process.getuid?.() === 0
if (isRoot) console.log('skipped: a file that may not be written says so, since root may write everywhere')
const testAsUser = isRoot ? test.skip : test
testAsUser('a file that may not be written says so', async (t) => {
  await mkdir(inFolder('closed'))
  await chmod(inFolder('closed'), 0o500)
  await t.throwsAsync(saveSafetensors(inFolder('closed', 'x'), { x: tensor(1) }), { code: 'EACCES' })
})
