// Checkpoints: all of one is taken or none, parts can be read alone, and what does not fit is told by the file and the key.
import { readFileSync, writeFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import {
  CudnnError,
  DTypeError,
  FormatError,
  functional,
  getRandomState,
  loadSafetensors,
  memory,
  nn,
  optim,
  readSafetensors,
  readSafetensorsMetadata,
  ShapeError,
  saveSafetensors,
  synchronize,
  type Tensor,
  tensor,
  train,
  ValueError,
} from '../lib/index.js'
import { ringRun } from './support/rings.js'
import { temporaryFolder } from './support/temporary.js'

const { readCheckpoint, Trainer } = train
const inFolder = temporaryFolder()

type Run = ReturnType<typeof ringRun>

/** Everything that a checkpoint may change, as text. */
async function everything({ net, optimizer, scheduler, trainer }: Run): Promise<string> {
  const values = async (tensors: Record<string, Tensor>) =>
    Promise.all(Object.entries(tensors).map(async ([name, x]) => [name, Array.from(await x.data())]))
  const { state, paramGroups } = optimizer.stateDict()
  const own = await Promise.all(
    Object.entries(state).map(async ([i, { step, tensors }]) => [i, step, await values(tensors)]),
  )
  return JSON.stringify([
    await values(net.stateDict()),
    own,
    paramGroups,
    scheduler.stateDict(),
    getRandomState(),
    [trainer.epoch, trainer.step, trainer.history, trainer.best],
  ])
}

const file = inFolder('run.safetensors')
test.before(async () => {
  const { trainer, loader } = ringRun()
  await trainer.fit(loader, { epochs: 2, checkpoint: file })
})

interface SavedState {
  [key: string]: unknown
  loop: Record<string, unknown> & { history: Record<string, unknown>[] }
  random: Record<string, unknown>
  paramGroups: Record<string, unknown>[]
  steps: Record<string, unknown>
  names: Record<string, unknown>
  scheduler: Record<string, unknown>
}

/** The checkpoint with another state or other tensors, and a checksum that is right. */
async function changed(
  t: ExecutionContext,
  { state, tensors }: { state?: (saved: SavedState) => void; tensors?: (all: Record<string, Tensor>) => void },
): Promise<string> {
  const [metadata, all] = [{ ...(await readSafetensorsMetadata(file)) }, await loadSafetensors(file)]
  const saved = JSON.parse(metadata.state!) as SavedState
  state?.(saved)
  tensors?.(all)
  const copy = inFolder(`${t.title.replace(/\W+/g, '-')}.safetensors`)
  await saveSafetensors(copy, all, { metadata: { ...metadata, state: JSON.stringify(saved) } })
  return copy
}

const states: readonly [string, (saved: SavedState) => void, RegExp][] = [
  ['a negative epoch', ({ loop }) => (loop.epoch = -1), /loop\.epoch is -1, expected an integer from 0 on/],
  ['an epoch that is text', ({ loop }) => (loop.epoch = '2'), /loop\.epoch is "2"/],
  ['a fraction as step', ({ loop }) => (loop.step = 0.5), /loop\.step is 0\.5/],
  ['a step of 1e300', ({ loop }) => (loop.step = 1e300), /loop\.step/],
  [
    'fewer records than epochs',
    ({ loop }) => loop.history.pop(),
    /loop\.history is .*expected a record for each epoch/,
  ],
  ['a record that is null', ({ loop }) => loop.history.splice(0, 1, null as never), /loop\.history/],
  ['a record without metrics', ({ loop }) => delete loop.history[0]!.metrics, /loop\.history/],
  ['a loss that is text', ({ loop }) => (loop.history[1]!.loss = 'low'), /loop\.history/],
  ['a best that is a number', ({ loop }) => (loop.best = 3), /loop\.best is 3/],
  ['a scaler that is a list', ({ loop }) => (loop.gradScaler = []), /loop\.gradScaler/],
  ['a seed that is text', ({ random }) => (random.seed = '11'), /random\.seed is "11"/],
  ['a seed beyond 2^53', ({ random }) => (random.seed = 1e30), /random\.seed/],
  ['no offset', ({ random }) => delete random.offset, /random\.offset is undefined/],
  ['a negative offset', ({ random }) => (random.offset = -4), /random\.offset is -4/],
  ['random that is null', (saved) => (saved.random = null as never), /lacks parts/],
  ['groups that are an object', (saved) => (saved.paramGroups = {} as never), /lacks parts/],
  ['a group that is null', (saved) => (saved.paramGroups = [null as never]), /lacks parts/],
  [
    'one group more',
    (saved) => saved.paramGroups.push({ ...saved.paramGroups[0], params: [] }),
    /groups of 4, 0 param/,
  ],
  [
    'a parameter twice',
    ({ paramGroups }) => (paramGroups[0]!.params = [0, 1, 2, 2]),
    /has the number 2, expected one for/,
  ],
  ['a negative parameter', ({ paramGroups }) => (paramGroups[0]!.params = [0, 1, 2, -3]), /has the number -3/],
  ['a parameter that is text', ({ paramGroups }) => (paramGroups[0]!.params = [0, 1, 2, '3']), /has the number "3"/],
  ['a negative rate', ({ paramGroups }) => (paramGroups[0]!.lr = -1), /lr is -1, expected/],
  ['a rate that is text', ({ paramGroups }) => (paramGroups[0]!.lr = '0.1'), /lr "0\.1"/],
  ['a rate that is null', ({ paramGroups }) => (paramGroups[0]!.lr = null), /lr null/],
  ['a rate that is infinite', ({ paramGroups }) => (paramGroups[0]!.lr = { $number: 'Infinity' }), /lr/],
  ['a rate that is NaN', ({ paramGroups }) => (paramGroups[0]!.lr = { $number: 'NaN' }), /lr/],
  ['no rate', ({ paramGroups }) => delete paramGroups[0]!.lr, /group 0 lacks lr, an option of Adam/],
  ['one beta', ({ paramGroups }) => (paramGroups[0]!.betas = [0.9]), /betas \[0\.9\], expected/],
  ['a beta of 1', ({ paramGroups }) => (paramGroups[0]!.betas = [1, 0.9]), /betas\[0\] is 1/],
  ['betas that are null', ({ paramGroups }) => (paramGroups[0]!.betas = null), /betas null/],
  ['a switch that is a number', ({ paramGroups }) => (paramGroups[0]!.amsgrad = 1), /amsgrad 1, expected/],
  [
    'an option of another optimizer',
    ({ paramGroups }) => (paramGroups[0]!.nesterov = true),
    /option "nesterov", which Adam/,
  ],
  [
    'an option __proto__',
    (saved) => (saved.paramGroups[0] = JSON.parse('{"__proto__":{},"params":[0,1,2,3]}')),
    /__proto__/,
  ],
  ['a negative first rate', ({ paramGroups }) => (paramGroups[0]!.initialLr = -1), /initialLr -1/],
  ['another kind', (saved) => (saved.optimizer = 'AdamW'), /Adam: the state is one of AdamW, expected one of Adam/],
  ['a kind that is a number', (saved) => (saved.optimizer = 1), /the checkpoint's optimizer is 1/],
  ['a negative step', ({ steps }) => (steps['0'] = -1), /steps is/],
  ['a step that is null', ({ steps }) => (steps['0'] = null), /steps is/],
  ['steps of 1e20', ({ steps }) => (steps['0'] = 1e20), /steps is/],
  [
    'a step of no parameter',
    ({ steps, names }) => Object.assign(steps, { 9: 1 }) && Object.assign(names, { 9: [] }),
    /"9", expected 0 to 3/,
  ],
  ['names of no step', ({ names }) => (names['7'] = []), /state of parameter 7 is nothing/],
  [
    'a name less',
    ({ names }) => (names['0'] = ['expAvg']),
    /state of parameter 0 is expAvg, expAvgSq, expected expAvg/,
  ],
  ['names that are text', ({ names }) => (names['0'] = 'expAvg'), /names is/],
  ['a scheduler that is text', (saved) => (saved.scheduler = 'one' as never), /scheduler is "one"/],
  ['another schedule', ({ scheduler }) => (scheduler.kind = 'StepLR'), /one of StepLR, expected one of OneCycleLR/],
  ['a negative step of the schedule', ({ scheduler }) => (scheduler.lastEpoch = -1), /lacks lastEpoch/],
  ['a schedule beyond its end', ({ scheduler }) => (scheduler.lastEpoch = 1e9), /step 1000000000, expected at most 42/],
  ['no first rates', ({ scheduler }) => (scheduler.baseLrs = []), /has 0 and 1 rates, expected 1 of each/],
  ['a first rate below 0', ({ scheduler }) => (scheduler.baseLrs = [-1]), /has the rate -1/],
  ['a last rate that is null', ({ scheduler }) => (scheduler.lastLr = [null]), /lacks lastEpoch, baseLrs or lastLr/],
]
for (const [name, state, message] of states) {
  test.serial(`refuses ${name} and changes nothing`, async (t) => {
    const copy = await changed(t, { state: (saved) => void state(saved) })
    const run = ringRun()
    await run.trainer.fit(run.loader, { epochs: 1 })
    const before = await everything(run)
    const error = await t.throwsAsync(run.trainer.loadCheckpoint(copy), { instanceOf: CudnnError, message })
    t.true(error.message.startsWith(`${copy}: `), error.message)
    t.is(await everything(run), before)
    await run.trainer.fit(run.loader, { epochs: 2 })
  })
}

const renamed = (all: Record<string, Tensor>, from: string, to: string) => {
  all[to] = all[from]!
  delete all[from]
}
const tensorChanges: readonly [
  string,
  (all: Record<string, Tensor>) => void,
  new (message: string) => Error,
  RegExp,
][] = [
  ['a weight less', (all) => delete all['model.0.weight'], ValueError, /missing 0\.weight/],
  ['a weight more', (all) => (all['model.9.weight'] = tensor([1])), ValueError, /unexpected 9\.weight/],
  [
    'two weights swapped',
    (all) => ([all['model.0.bias'], all['model.3.bias']] = [all['model.3.bias']!, all['model.0.bias']!]),
    ShapeError,
    /0\.bias is \[2\], expected \[16\]/,
  ],
  ['a weight of another shape', (all) => (all['model.0.bias'] = tensor([1, 2])), ShapeError, /0\.bias is \[2\]/],
  [
    'a weight of integers',
    (all) => (all['model.3.bias'] = tensor(Int32Array.of(1, 2))),
    DTypeError,
    /model\.3\.bias is int32, expected float32/,
  ],
  ['a tensor of nothing', (all) => (all.other = tensor([1])), FormatError, /came a tensor "other"/],
  [
    'a state less',
    (all) => delete all['optimizer.2.expAvg'],
    FormatError,
    /state of parameter 2 is expAvgSq, expected expAvg, expAvgSq/,
  ],
  [
    'a state under another name',
    (all) => renamed(all, 'optimizer.1.expAvg', 'optimizer.1.exp'),
    FormatError,
    /state of parameter 1 is exp, expAvgSq/,
  ],
  [
    'a state of another shape',
    (all) => (all['optimizer.3.expAvg'] = tensor([1])),
    ValueError,
    /expAvg is \[1\], expected \[2\]/,
  ],
  [
    'a state of integers',
    (all) => (all['optimizer.3.expAvg'] = tensor(Int32Array.of(1, 2))),
    ValueError,
    /expAvg of parameter 3 is int32/,
  ],
]
for (const [name, tensors, kind, message] of tensorChanges) {
  test.serial(`refuses ${name} and changes nothing`, async (t) => {
    const copy = await changed(t, { tensors })
    const run = ringRun()
    await run.trainer.fit(run.loader, { epochs: 1 })
    const before = await everything(run)
    const error = await t.throwsAsync(run.trainer.loadCheckpoint(copy), { instanceOf: kind, message })
    t.true(error.message.startsWith(`${copy}: `), error.message)
    t.is(await everything(run), before)
  })
}

test.serial('a flipped bit anywhere is told, and changes nothing', async (t) => {
  const bytes = readFileSync(file)
  const run = ringRun()
  const before = await everything(run)
  const copy = inFolder('flipped.safetensors')
  for (let at = 0; at < bytes.length; at += 61) {
    const flipped = Buffer.from(bytes)
    flipped[at] = flipped[at]! ^ (1 << (at % 8))
    writeFileSync(copy, flipped)
    await t.throwsAsync(run.trainer.loadCheckpoint(copy), { instanceOf: FormatError }, `byte ${at}`)
  }
  t.is(await everything(run), before)
})

test.serial('a checkpoint that has lost its checksum is refused', async (t) => {
  const copy = inFolder('lost.safetensors')
  const { 'checksum.sha256': _, ...metadata } = await readSafetensorsMetadata(file)
  await saveSafetensors(copy, await loadSafetensors(file), { metadata })
  await t.throwsAsync(readCheckpoint(copy), { instanceOf: FormatError, message: /the checksum is missing/ })
})

test('saveSafetensors writes a checksum where it is asked for, or was one; readers compare it', async (t) => {
  const path = inFolder('summed.safetensors')
  await saveSafetensors(
    path,
    { x: tensor([1, 2]), y: tensor(new Float32Array(100_000).fill(3)) },
    { metadata: { a: 'b' } },
  )
  t.deepEqual(Object.keys(await readSafetensorsMetadata(path)), ['a'])
  const tensors = await loadSafetensors(path)
  await saveSafetensors(path, tensors, { metadata: { a: 'b' }, checksum: true })
  const { metadata } = await readSafetensors(path)
  t.regex(metadata['checksum.sha256']!, /^[0-9a-f]{64}$/)
  await saveSafetensors(path, { x: tensor([1, 3]) }, { metadata })
  t.is((await readSafetensors(path)).tensors.size, 1, 'it was made anew')
  const bytes = readFileSync(path)
  bytes[bytes.length - 1]! ^= 1
  writeFileSync(path, bytes)
  for (const read of [readSafetensors, loadSafetensors]) {
    await t.throwsAsync(read(path), {
      instanceOf: FormatError,
      message: /has the checksum .{64}, expected .{64}: it was changed/,
    })
  }
})

test.serial('a checkpoint without checksum, kinds and names, as older versions wrote them, is taken', async (t) => {
  const copy = await changed(t, {
    state: (saved) => {
      for (const key of ['optimizer', 'names', 'checksum']) delete saved[key]
      delete saved.scheduler.kind
    },
  })
  const { 'checksum.sha256': _, ...metadata } = await readSafetensorsMetadata(copy)
  await saveSafetensors(copy, await loadSafetensors(copy), { metadata })
  const run = ringRun()
  await run.trainer.loadCheckpoint(copy)
  t.is(run.trainer.epoch, 2)
  await run.trainer.fit(run.loader, { epochs: 3 })
})

// ---- parts ----------------------------------------------------------------------------------------------------------

test.serial('the network alone, by readCheckpoint or by the prefix of its names', async (t) => {
  const run = ringRun()
  await run.trainer.loadCheckpoint(file)
  const expected = await run.net.stateDict()['0.weight']!.data()
  await synchronize()
  const before = memory().tensors
  for (const load of [
    async (net: nn.Sequential) => {
      using checkpoint = await readCheckpoint(file)
      t.is(checkpoint.epoch, 2)
      t.is(checkpoint.optimizer.kind, 'Adam')
      t.deepEqual(Object.keys(checkpoint.optimizer.state), ['0', '1', '2', '3'])
      return net.loadStateDict(checkpoint.model)
    },
    async (net: nn.Sequential) => {
      const tensors = await loadSafetensors(file, { prefix: 'model.' })
      const result = net.loadStateDict(tensors)
      for (const each of Object.values(tensors)) each.dispose()
      return result
    },
  ]) {
    const net = new nn.Sequential(new nn.Linear(2, 16), new nn.ReLU(), new nn.Dropout(0.1), new nn.Linear(16, 2))
    t.deepEqual(await load(net), { missingKeys: [], unexpectedKeys: [] })
    t.deepEqual(await net.stateDict()['0.weight']!.data(), expected)
    net.dispose()
  }
  await synchronize()
  t.is(memory().tensors, before)
  await t.throwsAsync(loadSafetensors(file, { prefix: 'net.' }), {
    instanceOf: FormatError,
    message: /no name starts with "net\."/,
  })
})

test.serial("an optimizer and a schedule of a loop of one's own go on from a checkpoint", async (t) => {
  using checkpoint = await readCheckpoint(file)
  const { net, optimizer, scheduler } = ringRun()
  net.loadStateDict(checkpoint.model)
  optimizer.loadStateDict(checkpoint.optimizer)
  scheduler.loadStateDict(checkpoint.scheduler!)
  t.is(scheduler.lastEpoch, 14)
  t.is(optimizer.stateDict().state['0']!.step, 14)
})

test.serial(
  'names that start otherwise are an error that says what to do, with strict: false where none is right',
  async (t) => {
    const { net } = ringRun()
    const before = await net.stateDict()['0.weight']!.data()
    const tensors = await loadSafetensors(file)
    for (const strict of [true, false]) {
      t.throws(() => net.loadStateDict(tensors, { strict }), {
        instanceOf: ValueError,
        message: /names are not those of Sequential: .*loadSafetensors\(file, \{ prefix: 'model\.' \}\)/,
      })
    }
    t.deepEqual(await net.stateDict()['0.weight']!.data(), before)
    const some = { '0.bias': tensors['model.0.bias']!, other: tensors['model.0.bias']! }
    const { missingKeys, unexpectedKeys } = net.loadStateDict(some, { strict: false })
    t.deepEqual([missingKeys, unexpectedKeys], [['0.weight', '3.weight', '3.bias'], ['other']])
    t.throws(() => net.loadStateDict({ '0.bias': undefined as unknown as Tensor }, { strict: false }), {
      instanceOf: ValueError,
      message: /0\.bias is undefined|none is/,
    })
  },
)

test.serial('an optimizer refuses the state of another kind, and keeps its own', async (t) => {
  const params = () => [new nn.Parameter(tensor([1, 2]))]
  const stepped = <Kind extends optim.AdamW | optim.SGD>(optimizer: Kind): Kind => {
    for (const param of optimizer.paramGroups[0]!.params) param.grad = tensor([1, 1])
    optimizer.step()
    return optimizer
  }
  const adamW = stepped(new optim.AdamW(params(), { lr: 0.5 }))
  const sgd = stepped(new optim.SGD(params(), { lr: 0.25, momentum: 0.9 }))
  const momentum = sgd.stateDict().state['0']!.tensors.momentumBuffer!
  const before = await momentum.data()
  const message = /SGD: the state is one of AdamW, expected one of SGD/
  t.throws(() => sgd.loadStateDict(adamW.stateDict()), { instanceOf: ValueError, message })
  const { kind: _, ...unnamed } = adamW.stateDict()
  t.throws(() => sgd.loadStateDict(unnamed), {
    instanceOf: ValueError,
    message: /an option "betas", which SGD has not/,
  })
  t.throws(() => new optim.Adam(params()).loadStateDict(adamW.stateDict()), { instanceOf: ValueError })
  t.is(sgd.lr, 0.25)
  t.deepEqual(await momentum.data(), before)
  sgd.loadStateDict(sgd.stateDict())
  t.deepEqual(await sgd.stateDict().state['0']!.tensors.momentumBuffer!.data(), before, 'its own state is taken')
})

test.serial('loading while fit runs is refused', async (t) => {
  const { trainer, loader } = ringRun()
  const fitting = trainer.fit(loader, { epochs: 2 })
  await t.throwsAsync(trainer.loadCheckpoint(file), { instanceOf: ValueError, message: /fit runs/ })
  await fitting
  const net = new nn.Linear(2, 2)
  const other = new Trainer(net, { optimizer: new optim.SGD(net.parameters()), loss: functional.crossEntropy })
  await t.throwsAsync(other.loadCheckpoint(file), {
    instanceOf: ValueError,
    message: /run\.safetensors: loadStateDict: the names/,
  })
})
