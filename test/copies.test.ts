// Two copies of the package in one process: what the other one made is refused by a sentence that says so.
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import * as own from '../lib/index.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const folder = mkdtempSync(path.join(tmpdir(), 'node-cudnn-copy-'))
for (const name of ['package.json', 'dist/lib']) {
  cpSync(path.join(root, name), path.join(folder, name), { recursive: true })
}
for (const name of ['node_modules', 'build']) symlinkSync(path.join(root, name), path.join(folder, name))
const other: typeof own = await import(path.join(folder, 'dist/lib/index.js'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

const { functional, GradScaler, nn, optim, Trainer, ValueError } = own
const net = () => new nn.Linear(2, 2)
const optimizer = () => new optim.SGD(net().parameters(), { lr: 0.1 })
const foreignNet = new other.nn.Linear(2, 2)
const foreignOptimizer = new other.optim.SGD(foreignNet.parameters(), { lr: 0.1 })
const options = () => ({ optimizer: optimizer(), loss: functional.crossEntropy })

function refuses(t: ExecutionContext, fn: () => unknown, start: string): void {
  const { message } = t.throws(fn, { instanceOf: ValueError })
  const wanted = `${start} of another copy of node-cudnn (\`npm ls node-cudnn\` lists them), expected `
  t.is(message.slice(0, wanted.length), wanted)
}

test('a tensor of another copy', (t) => {
  refuses(t, () => functional.relu(other.ones([2])), 'relu: x is a tensor')
  refuses(t, () => new optim.SGD(foreignNet.parameters(), { lr: 0.1 }), 'SGD: got a tensor')
})

test('a module of another copy', (t) => {
  refuses(t, () => new Trainer(foreignNet, options()), 'Trainer: net is a module')
  refuses(t, () => nn.summary(foreignNet, [2]), 'summary: net is a module')
  refuses(t, () => new optim.SGD(foreignNet as never, { lr: 0.1 }), 'SGD: params is a module')
})

test('an optimizer or a scheduler of another copy', (t) => {
  const given = { ...options(), optimizer: foreignOptimizer }
  refuses(t, () => new Trainer(net(), given), 'Trainer: optimizer is an optimizer')
  refuses(t, () => new optim.StepLR(foreignOptimizer, 1), 'StepLR: optimizer is an optimizer')
  const scheduler = new other.optim.StepLR(foreignOptimizer, 1)
  refuses(t, () => new Trainer(net(), { ...options(), scheduler }), 'Trainer: scheduler is a scheduler')
})

test('an optimizer of another copy, scaled', async (t) => {
  const scaler = new GradScaler()
  const { message } = await t.throwsAsync(async () => scaler.step(foreignOptimizer), { instanceOf: ValueError })
  t.regex(message, /^GradScaler\.step: optimizer is an optimizer of another copy of node-cudnn /)
})

test('what this copy made is named without it', (t) => {
  t.throws(() => new optim.SGD(net() as never, { lr: 0.1 }), { message: /^SGD: params is a module, expected / })
  t.throws(() => functional.relu(net() as never), { message: 'relu: x is a module, expected a tensor' })
})
