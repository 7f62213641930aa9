// Whose a tensor is: its thread's and its owner's. What is sent, freed or made of a number that is no tensor's ends in an error that says so.
import { once } from 'node:events'
import { MessageChannel, Worker } from 'node:worker_threads'
import test from 'ava'
import { DeviceError, DisposedError, nn, ones, Tensor, tensor, tidy, ValueError } from '../lib/index.js'

test('a tensor, and what holds one, is refused by structuredClone and postMessage', (t) => {
  const x = tensor([1, 2])
  const { port1, port2 } = new MessageChannel()
  const message = /belongs to its thread: send the values/
  for (const value of [x, { x }, [x], new nn.Linear(2, 2), new nn.Sequential(new nn.Linear(2, 2))]) {
    t.throws(() => structuredClone(value), { any: true, name: 'DataCloneError', message })
    t.throws(() => port1.postMessage(value), { any: true, name: 'DataCloneError', message })
  }
  port1.close()
  port2.close()
  t.deepEqual([...x.dataSync()], [1, 2])
})

test('the handle of another thread names no tensor here', async (t) => {
  const program = `
    const { workerData, parentPort } = require('node:worker_threads')
    import(workerData.library).then(({ Tensor, tensor }) => {
      const own = [tensor([7]), tensor([8]), tensor([9])]
      const attempt = (fn) => { try { return String(fn()) } catch (error) { return error.name + ': ' + error.message } }
      parentPort.postMessage([
        ...workerData.handles.map((handle) => attempt(() => Reflect.construct(Tensor, [handle]).add(1).dataSync()[0])),
        attempt(() => own[2].dataSync()[0]),
      ])
    })`
  const theirs = [ones([3]), ones([3])]
  const worker = new Worker(program, {
    eval: true,
    workerData: {
      library: new URL('../lib/index.js', import.meta.url).href,
      handles: theirs.map(({ handle }) => handle),
    },
  })
  const [replies] = (await once(worker, 'message')) as [string[]]
  await worker.terminate()
  for (const reply of replies.slice(0, 2)) t.regex(reply, /^ValueError: this tensor belongs to another thread/)
  t.is(replies[2], '9')
})

test('an op on tensors of two devices names itself as it was called', (t) => {
  const [a, b] = [ones([2], { device: 'cpu' }), ones([2], { device: 'reference' })]
  const message = (name: string) => new RegExp(`^${name}: its inputs are on different devices \\(cpu and reference\\)`)
  t.throws(() => a.add(b), { instanceOf: DeviceError, message: message('add') })
  t.throws(() => a.pow(b), { instanceOf: DeviceError, message: message('pow') })
  t.throws(() => a.reshape([1, 2]).matmul(b.reshape([2, 1])), { instanceOf: DeviceError, message: message('matmul') })
})

test('a number that is no handle makes no tensor', (t) => {
  for (const wrong of [0, -1, Number.NaN, '1', undefined, null, {}]) {
    t.throws(() => Reflect.construct(Tensor, [wrong]), { instanceOf: ValueError, message: /Tensor: the handle is / })
    const x = tensor([1])
    t.throws(() => x.become_(wrong as never), { instanceOf: ValueError, message: /become_: the handle is / })
    t.deepEqual([...x.dataSync()], [1])
  }
  for (const wrong of [5, 2 ** 33, 2 ** 52, 1.5e12]) {
    t.throws(() => Reflect.construct(Tensor, [wrong]).shape, {
      instanceOf: ValueError,
      message: /no handle of one|another thread/,
    })
  }
})

test('the error of a disposed tensor says what it was, and what freed it', (t) => {
  const cases: [RegExp, () => Tensor][] = [
    [
      /^this tensor, float32\[2, 3\], was disposed: it was freed by dispose\(\)$/,
      () => {
        const x = ones([2, 3])
        x.dispose()
        return x
      },
    ],
    [
      /int32\[4\], .* at the end of the tidy\(\) scope or module call that made it; return it from there, or keep\(\) it$/,
      () => {
        let inner: Tensor = tensor([0])
        tidy(() => {
          inner = ones([4], { dtype: 'int32' })
        })
        return inner
      },
    ],
    [
      /at the end of the block that had it with `using`$/,
      () => {
        const x = ones([1])
        x[Symbol.dispose]()
        return x
      },
    ],
    [
      /module call/,
      () => {
        class Keeps extends nn.Module {
          features: Tensor[] = []
          override forward(x: Tensor): Tensor {
            const y = x.relu()
            this.features = [y]
            return y.sum()
          }
        }
        const net = new Keeps()
        net.forward(ones([2]))
        return net.features[0]!
      },
    ],
  ]
  for (const [message, make] of cases) {
    const x = make()
    t.true(x.isDisposed)
    for (const use of [() => x.add(1), () => ones([2, 3]).add(x), () => x.shape, () => x.dataSync()]) {
      t.throws(use, { instanceOf: DisposedError, message })
    }
  }
})
