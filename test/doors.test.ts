// The doors of the package: whatever wrong argument a public function, constructor or method gets, its error is one of the package's own.
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'ava'
import { functional, nn, ones, optim, setMemoryLimit, Tensor, tidy, ValueError, zeros } from '../lib/index.js'
import { native } from '../lib/native.js'
import { fuzz, targetsOf } from './support/fuzz.js'
import { validArguments } from './support/fuzz-recipes.js'

test.serial('errors of wrong and half-right arguments are typed', async (t) => {
  t.timeout(300_000)
  // Nothing is fetched, and what is written goes to a folder of its own.
  const before = { fetch: globalThis.fetch, folder: process.cwd(), cache: process.env.XDG_CACHE_HOME }
  const folder = mkdtempSync(path.join(tmpdir(), 'node-cudnn-doors-'))
  process.chdir(folder)
  process.env.XDG_CACHE_HOME = folder
  globalThis.fetch = () => Promise.reject(new Error('there is no network'))
  setMemoryLimit(2 ** 31, 'cpu')
  const unhandled: unknown[] = []
  const note = (error: unknown) => unhandled.push(error)
  process.on('unhandledRejection', note)
  try {
    const { calls, typed, untyped } = await fuzz({ seed: 20, calls: 5000 })
    t.is(calls, 5000)
    t.true(typed > 2000, `${typed} typed errors`)
    t.deepEqual(
      untyped.map(({ call, error }) => `${call}: ${error}`),
      [],
    )
    t.deepEqual(unhandled, [])
  } finally {
    process.off('unhandledRejection', note)
    setMemoryLimit(0, 'cpu')
    globalThis.fetch = before.fetch
    process.chdir(before.folder)
    if (before.cache === undefined) delete process.env.XDG_CACHE_HOME
    else process.env.XDG_CACHE_HOME = before.cache
  }
})

test('an option that is not known is refused with the one that was meant', (t) => {
  const x = ones([1, 2, 4, 4])
  const refused: [() => unknown, RegExp][] = [
    [() => functional.avgPool2d(x, 2, { strides: 1 } as never), /avgPool2d: 'strides' is no option, expected 'stride'/],
    [() => new nn.Conv2d(2, 2, 3, { pading: 1 } as never), /Conv2d: 'pading' is no option, expected 'padding'/],
    [
      () => new optim.SGD([x], { weight_decay: 1 } as never),
      /SGD: 'weight_decay' is no option, expected 'weightDecay'/,
    ],
    [() => zeros([1], { dytpe: 'int32' } as never), /zeros: 'dytpe' is no option, expected 'dtype'/],
    [
      () => functional.mseLoss(x, x, { colour: 1 } as never),
      /mseLoss: 'colour' is no option, expected one of reduction/,
    ],
    [() => functional.mseLoss(x, x, null as never), /mseLoss: options is null, expected an object/],
    [() => functional.mseLoss(x, x, x as never), /mseLoss: options is a tensor, expected options by their names/],
  ]
  for (const [call, message] of refused) t.throws(call, { instanceOf: ValueError, message })
})

test('a promise where a tensor belongs says to await it', (t) => {
  const promise = Promise.resolve(ones([2])) as never
  t.throws(() => functional.relu(promise), { instanceOf: ValueError, message: /a promise \(await it first\)/ })
  t.throws(() => new nn.Linear(2, 2).forward(promise), {
    instanceOf: ValueError,
    message: /a promise \(await it first\)/,
  })
})

/** The tensors in a result. */
function tensorsOf(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value]
  return Array.isArray(value) ? value.flatMap(tensorsOf) : []
}

/** What is called with arguments that are right: functions, and `forward` of modules that were made before. */
function* rightCalls(): Generator<{ name: string; args: unknown[]; call: (args: unknown[]) => unknown }> {
  for (const { name, valid, call } of [...targetsOf(functional, 'functional'), ...targetsOf(nn.init, 'nn.init')]) {
    yield { name, args: valid(), call }
  }
  for (const [name, Class] of Object.entries(nn)) {
    const isModule = typeof Class === 'function' && Class.prototype instanceof nn.Module
    if (!isModule || Class === nn.ModuleList) continue
    const module = new (Class as unknown as new (...args: unknown[]) => nn.Module<unknown[], unknown>)(
      ...validArguments(`nn.${name}`)(),
    )
    yield { name: `nn.${name}`, args: inputsOf(name), call: (args) => module.forward(...args) }
  }
}

function inputsOf(name: string): unknown[] {
  if (/^(Softmax|LogSoftmax|Sequential|Linear|Unflatten)$/.test(name)) return [ones([2, 3])]
  return validArguments(`nn.${name}#forward`)()
}

test.serial('a call leaves the handles of its results and no others', (t) => {
  const wrong: string[] = []
  let count = 0
  tidy(() => {
    for (const { name, args, call } of rightCalls()) {
      count++
      const before = native.handleCount()
      try {
        const results = new Set(tensorsOf(call(args)).filter((tensor) => !args.includes(tensor)))
        const left = native.handleCount() - before
        if (left !== results.size) wrong.push(`${name}: ${left} handles for ${results.size} results`)
      } catch (error) {
        wrong.push(`${name}: ${error}`)
      }
    }
  })
  t.deepEqual(wrong, [])
  t.true(count > 150, `${count}`)
})
