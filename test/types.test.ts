// What the types say of a tensor's elements is what it holds, mistakes do not compile, and the published types show the docs and hide the rest.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import {
  arange,
  type DType,
  eye,
  functional,
  ones,
  onesLike,
  rand,
  randint,
  randperm,
  Tensor,
  tensor,
  zeros,
} from '../lib/index.js'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** `dtype` has to be one that the type of `x` allows, and the one that it has. */
function holds<D extends DType>(t: ExecutionContext, x: Tensor<D>, dtype: NoInfer<D>): void {
  t.is(x.dtype, dtype)
}

test('creation knows the element type', async (t) => {
  const floats: Float32Array = await zeros([2]).data()
  const integers: Int32Array = await ones([2], { dtype: 'int32' }).data()
  const doubles: Float64Array = rand([2], { dtype: 'float64', device: 'reference' }).dataSync()
  const bytes: Uint8Array = tensor(new Uint8Array([1, 2])).dataSync()
  t.true(floats instanceof Float32Array && integers instanceof Int32Array)
  t.true(doubles instanceof Float64Array && bytes instanceof Uint8Array)
  holds(t, tensor([[1, 2]]), 'float32')
  holds(t, tensor([]), 'float32')
  holds(t, tensor([true, false]), 'bool')
  holds(t, tensor([new Int16Array(2)]), 'int32')
  holds(t, tensor([1], { dtype: 'uint8' }), 'uint8')
  holds(t, tensor(new Float64Array(2), { device: 'reference' }), 'float64')
  holds(t, onesLike(randperm(3)), 'int32')
  holds(t, onesLike(randperm(3), { dtype: 'float32' }), 'float32')
  holds(t, randint(0, 3, [2]), 'int32')
  holds(t, arange(3, undefined, { dtype: 'bfloat16' }), 'bfloat16')
  holds(t, eye(2), 'float32')
})

test('functions and methods keep or change it', (t) => {
  const x = tensor([[1, 2]])
  const i = tensor([[1, 2]], { dtype: 'int32' })
  holds(t, x.relu().reshape([-1]).exp().sum(), 'float32')
  holds(t, i.flatten().slice(0, 1), 'int32')
  holds(t, x.eq(1), 'bool')
  holds(t, x.gt(0).logicalNot(), 'bool')
  holds(t, functional.where(x.gt(0), i, i), 'int32')
  holds(t, x.argmax(1), 'int32')
  holds(t, x.to('float16'), 'float16')
  holds(t, x.to('cpu'), 'float32')
  holds(t, i.add(0.5), 'float32')
  holds(t, i.add(1), 'int32')
  holds(t, functional.cast(x, 'uint8'), 'uint8')
  holds(t, functional.cat([i, i]), 'int32')
  const [y, indices] = functional.maxPool1d(tensor([[[1, 2]]]), 2, { returnIndices: true })
  holds(t, y, 'float32')
  holds(t, indices, 'int32')
})

test('what is not known of a tensor is no error, what is wrong is one', (t) => {
  let any: Tensor = zeros([1])
  any = ones([1], { dtype: 'int32' })
  let floats = zeros([1])
  floats = any
  const elements: Float32Array | Float64Array | Int32Array | Uint8Array = any.dataSync()
  t.is(elements.length, 1)
  // @ts-expect-error: int32 is no float32
  floats = ones([1], { dtype: 'int32' })
  // @ts-expect-error: a comparison gives bool
  const wrong: Float32Array = floats.eq(1).dataSync()
  // @ts-expect-error: there is no such type
  t.throws(() => zeros([1], { dtype: 'int64' }))
  // @ts-expect-error: nor this one
  t.throws(() => zeros([1]).to('double'))
  // @ts-expect-error: tensors are made by functions
  t.throws(() => new Tensor(0))
  t.true(wrong instanceof Uint8Array)
})

test('the published types hide what is internal and compile in a strict project', async (t) => {
  const project = mkdtempSync(path.join(tmpdir(), 'node-cudnn-types-'))
  try {
    const modules = path.join(project, 'node_modules')
    mkdirSync(modules)
    symlinkSync(root, path.join(modules, 'node-cudnn'))
    symlinkSync(path.join(root, 'node_modules', '@types'), path.join(modules, '@types'))
    for (const file of ['typed.mts', 'typed.cts'])
      cpSync(path.join(root, 'scripts', 'pack', file), path.join(project, file))
    const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node']
    await t.notThrowsAsync(
      promisify(execFile)(process.execPath, [tsc, ...options, 'typed.mts', 'typed.cts'], { cwd: project }),
    )
  } finally {
    rmSync(project, { recursive: true, force: true })
  }
  const text = readFileSync(path.join(root, 'dist/lib/tensor.d.ts'), 'utf8')
  for (const name of ['get handle', 'become_', 'has(', 'thread', 'wrap']) t.false(text.includes(name), name)
})
