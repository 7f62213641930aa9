// What a program takes for granted: aliases, captured tensors and gradients, modules and their fields. Whatever of it changes, compiled
// calls give what eager calls give, or a typed error.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import {
  type Compiled,
  compile,
  DisposedError,
  functional as F,
  grad,
  nn,
  noGrad,
  optim,
  randn,
  type Tensor,
  Trainer,
  tensor,
} from '../lib/index.js'

const devices = ['cpu', 'reference'] as const

const list = (t: Tensor): number[] => [...t.dataSync()].map((value) => Math.round(value * 1e4) / 1e4)

for (const device of devices) {
  const of = (...values: number[]) => tensor(values, { device })
  const x = of(1, 2, 3)

  test(`${device}: detach() of a captured tensor, of a view of it, and of a constant`, (t) => {
    const w = of(1, 2, 3)
    const view = w.reshape([3, 1]).reshape([1, 3])
    t.deepEqual(list(compile((x: Tensor) => x.mul(w.detach()))(x)), [1, 4, 9])
    t.deepEqual(list(compile((x: Tensor) => x.mul(w.detach().reshape([1, 3]).detach()).detach())(x)), [1, 4, 9])
    t.deepEqual(list(compile((x: Tensor) => x.mul(view.detach()))(x)), [1, 4, 9])
    t.deepEqual(list(compile((x: Tensor) => x.mul(of(2, 2, 2).detach()))(x)), [2, 4, 6])
    const f = compile((x: Tensor) => x.mul(w.detach().reshape([3])).add(view.detach()))
    for (const scale of [1, 2]) {
      w.copy_(of(scale, scale, scale))
      t.deepEqual(list(f(x)), [2 * scale, 3 * scale, 4 * scale])
    }
    t.is(f.programs().length, 1)
  })

  test(`${device}: what a function gives back of what it captured is computed with in other layouts, too`, (t) => {
    const captured = randn([1, 16, 8, 8], { device })
    const weight = randn([16, 16, 3, 3], { device })
    const input = randn([2, 16, 8, 8], { device })
    const given: Record<string, (c: Tensor) => Tensor> = {
      itself: (c) => c,
      detached: (c) => c.detach(),
      'a view': (c) => F.flatten(c, 1),
      'a view of a view': (c) => c.detach().reshape([16, 64]).reshape([1, 16, 64]),
    }
    for (const [name, give] of Object.entries(given)) {
      // What is made of captured tensors alone is computed once, before all runs.
      const net = (x: Tensor) =>
        noGrad(() => {
          const mask = F.sigmoid(F.conv2d(captured, weight, null, { padding: 1 })).mul(captured)
          return [x.mul(mask.mean(1, { keepdim: true })), give(captured)] as const
        })
      const eager = net(input)
      const compiled = compile(net)
      for (const run of [1, 2]) {
        const results = compiled(input)
        t.deepEqual(list(results[0]), list(eager[0]), `${name}, run ${run}`)
        t.deepEqual(list(results[1]), list(eager[1]), `${name}, run ${run}`)
      }
    }
  })

  test(`${device}: a running mean of parameters, results that are parameters, gradients of captured tensors`, (t) => {
    const w = of(1, 2, 3).requiresGrad_()
    const ema = of(0, 0, 0)
    const follow = compile(() => noGrad(() => void ema.copy_(ema.mul(0.5).add(w.detach().mul(0.5)))))
    follow()
    follow()
    t.deepEqual(list(ema), [0.75, 1.5, 2.25])
    const copied = compile(() => void ema.copy_(w.detach()))
    copied()
    t.deepEqual(list(ema), [1, 2, 3])
    const given = compile(() => w.detach())()
    noGrad(() => w.copy_(of(4, 5, 6)))
    t.deepEqual(list(given), [4, 5, 6])
    const derived = compile(() => grad((v: Tensor) => v.square().sum())(w))
    t.deepEqual(list(derived()[0]!), [8, 10, 12])
    noGrad(() => w.copy_(of(1, 1, 1)))
    t.deepEqual(list(derived()[0]!), [2, 2, 2])
    t.is(derived.programs().length, 1)
    const leaf = compile(() => {
      const own = w.detach().requiresGrad_()
      own.square().sum().backward()
      return own.grad!
    })
    t.deepEqual(list(leaf()), [2, 2, 2])
    t.deepEqual(list(leaf()), [2, 2, 2])
    t.is(leaf.programs().length, 1)
    t.is(w.grad, null)
  })

  test(`${device}: captured tensors that are disposed of, moved or are the argument as well`, (t) => {
    const w = of(1, 2, 3)
    const f = compile((x: Tensor) => x.mul(w))
    t.deepEqual(list(f(w)), [1, 4, 9])
    t.deepEqual(list(f(x.mul(2))), [2, 8, 18])
    const same = w.to(device) // another handle of the same tensor
    w.dispose()
    t.throws(() => f(x), { instanceOf: DisposedError })
    t.deepEqual(list(same), [1, 2, 3])
    t.is(f.programs().length, 0)

    const lost = of(1, 1, 1)
    const g = compile((x: Tensor) => {
      const y = x.mul(lost.detach())
      lost.dispose()
      return y
    })
    t.throws(() => g(x), { instanceOf: DisposedError })
    t.throws(() => g(x), { instanceOf: DisposedError })

    const h = compile((x: Tensor) => [x, w2] as const)
    const w2 = of(7)
    t.deepEqual(h(w2).map(list), [[7], [7]])
    t.deepEqual(h(of(8)).map(list), [[8], [7]])
  })

  test(`${device}: memory of a constant or of a tensor that went while recording is not taken for another's`, (t) => {
    const f = compile((x: Tensor) => {
      const own = of(1, 1, 1)
      own.copy_(own.add(x))
      return own
    })
    const first = f(x)
    t.deepEqual(list(first), [2, 3, 4])
    first.copy_(of(0, 0, 0))
    t.deepEqual(list(f(x)), [2, 3, 4])
    const g = compile((x: Tensor) => {
      const sum = x.add(of(1, 1, 1))
      return [sum, of(5, 5, 5)]
    })
    g(x)[1]!.copy_(of(0, 0, 0))
    t.deepEqual(g(x).map(list), [
      [2, 3, 4],
      [5, 5, 5],
    ])
  })

  test(`${device}: arguments that become aliases of what is overwritten`, (t) => {
    const w = of(1, 2, 3)
    const m = tensor([0, 1, 0, 0, 0, 1, 1, 0, 0], { device }).reshape([3, 3])
    const f = compile((a: Tensor, b: Tensor) => {
      w.copy_(a.reshape([1, 3]).matmul(m).reshape([3]))
      return b.mul(1)
    })
    t.deepEqual(list(f(x, x)), [1, 2, 3])
    t.deepEqual(list(w), [3, 1, 2])
    t.deepEqual(list(f(w, w)), [2, 3, 1])
    t.deepEqual(list(f(x, w)), [3, 1, 2])
  })

  test(`${device}: gradients that were there, are replaced, shared, cleared, and switched off for a while`, (t) => {
    const [a, b] = [of(1, 1, 1).requiresGrad_(), of(2, 2, 2).requiresGrad_()]
    const f = compile((x: Tensor) => x.mul(a.grad!.mul(2)).add(b.grad!))
    const shared = of(1, 2, 3)
    a.grad = shared
    b.grad = shared
    t.deepEqual(
      list(f(x)),
      [3, 8, 15].map((v, i) => [1 * 2 + 1, 2 * 4 + 2, 3 * 6 + 3][i] ?? v),
    )
    b.grad = of(0, 0, 0)
    t.deepEqual(list(f(x)), [2, 8, 18])
    a.grad = of(1, 1, 1)
    t.deepEqual(list(f(x)), [2, 4, 6])
    const clear = compile((x: Tensor) => {
      a.grad = null
      return x.mul(a.detach())
    })
    a.grad = null
    clear(x)
    a.grad = of(1, 1, 1)
    clear(x)
    t.falsy(a.grad)
    const frozen = compile((x: Tensor) => {
      a.requiresGrad_(false)
      const y = x.mul(a)
      a.requiresGrad_(true)
      return y
    })
    t.deepEqual(list(frozen(x)), [1, 2, 3])
    t.deepEqual(list(frozen(x)), [1, 2, 3])
    t.is(frozen.programs().length, 1)
    t.true(a.requiresGrad)
  })

  test(`${device}: views of a parameter see later compiled steps`, (t) => {
    const conv = new nn.Conv2d(16, 16, 3, { device, bias: false })
    const optimizer = new optim.SGD(conv.parameters(), { lr: 0.1 })
    const image = tensor(
      Float32Array.from({ length: 16 * 36 }, (_, i) => Math.sin(i)),
      { device },
    ).reshape([1, 16, 6, 6])
    const step = compile((x: Tensor) => {
      conv.forward(x).square().mean().backward()
      optimizer.step()
      optimizer.zeroGrad()
    })
    step(image)
    const view = noGrad(() => conv.weight.reshape([-1]))
    const alias = conv.weight.detach()
    for (let i = 0; i < 3; i++) {
      step(image)
      t.deepEqual(list(view), list(conv.weight.detach()))
      t.deepEqual(list(alias), list(conv.weight.detach()))
    }
  })

  test(`${device}: a replaced layer is used at once`, (t) => {
    const linear = () => new nn.Linear(2, 2, { device })
    class Net extends nn.Module {
      body: nn.Sequential = new nn.Sequential(linear(), new nn.ReLU())
      heads = [linear(), linear()]
      scale = 2
      table: { factor: number } = { factor: 1 }
      running = new nn.Buffer(of(1, 1))
      layer: { forward(x: Tensor): Tensor; factor: number } = { factor: 3, forward: (x) => x }
      override forward(x: Tensor): Tensor {
        let y = this.body.forward(x)
        for (const head of this.heads) y = head.forward(y)
        return this.layer.forward(y.mul(this.scale * this.table.factor).add(this.running.detach()))
      }
    }
    const net = new Net().eval()
    const f = net.compile()
    const input = of(1, -2).reshape([1, 2])
    const agree = (change: string) =>
      t.deepEqual(list(f(input)), list(noGrad(() => net.forward(input))), `after ${change}`)
    agree('nothing')
    net.body[0] = linear()
    agree('a layer of Sequential')
    net.body.append(linear())
    agree('a layer more')
    delete net.body[2]
    agree('a layer less')
    net.body = new nn.Sequential(linear())
    agree('a child')
    net.heads[1] = linear()
    agree('an element of an array')
    net.heads.push(linear())
    agree('an element more')
    net.scale = 3
    agree('a number')
    net.table.factor = 5
    agree('a number in an object')
    net.heads[0]!.weight = new nn.Parameter(of(1, 2, 3, 4).reshape([2, 2]))
    agree('a parameter')
    net.heads[0]!.bias = null
    agree('a parameter that is gone')
    net.running = new nn.Buffer(of(5, 5))
    agree('a buffer')
    net.layer = { factor: 3, forward: (x) => x.mul(7) }
    agree('a layer that is no module')
    net.layer.forward = (x) => x.mul(11)
    agree('the forward of a layer that is no module')
    net.to('float64').to('float32')
    agree('a move')
  })

  test(`${device}: layers and parameters that are used without the module that holds them`, (t) => {
    const linear = () => new nn.Linear(2, 2, { device }).requiresGrad_(false)
    const net = new nn.Sequential(new nn.Sequential(linear()), linear())
    const input = of(1, -2).reshape([1, 2])
    const inner = () => (net[0] as nn.Sequential)[0] as nn.Linear
    const call = (x: Tensor) => inner().forward(F.linear(x, (net[1] as nn.Linear).weight))
    const f = compile(call)
    const agree = (change: string) => t.deepEqual(list(f(input)), list(call(input)), `after ${change}`)
    agree('nothing')
    ;(net[1] as nn.Linear).weight = new nn.Parameter(of(1, 2, 3, 4).reshape([2, 2]), false)
    agree('a parameter')
    net[1] = linear()
    agree('its layer')
    ;(net[0] as nn.Sequential)[0] = linear()
    agree('a layer below')
    net[0] = new nn.Sequential(linear())
    agree('a layer two levels up')
  })

  test(`${device}: options of layers are looked at`, (t) => {
    const net = new nn.Sequential(
      new nn.BatchNorm1d(2, { device }),
      new nn.LeakyReLU(0.1),
      new nn.Dropout(0),
      new nn.LayerNorm([2], { device }),
    )
    const input = of(1, -2, 3, 5).reshape([2, 2])
    const f = compile((x: Tensor) => noGrad(() => net.forward(x)))
    const set = (layer: number, name: string, value: unknown) => Object.assign(net[layer]!, { [name]: value })
    f(input)
    set(0, 'eps', 2)
    set(1, 'negativeSlope', 0.5)
    set(3, 'eps', 0.5)
    t.deepEqual(list(f(input)), list(noGrad(() => net.forward(input))))
    set(0, 'momentum', 1)
    f(input)
    t.deepEqual(list((net[0] as nn.BatchNorm1d).runningMean!), [2, 1.5])
    set(2, 'p', 1)
    t.deepEqual(list(f(input)), list(noGrad(() => net.forward(input))))
  })
}

test('a field that forward writes or nobody reads costs one recording', (t) => {
  class Net extends nn.Module {
    last: Tensor | undefined
    seen = 0
    log: number[] = []
    override forward(x: Tensor): Tensor {
      this.last = x.mul(2)
      return this.last.add(1)
    }
  }
  const net = new Net().eval()
  let recordings = 0
  const f = compile((x: Tensor) => {
    recordings++
    return net.forward(x)
  })
  for (let i = 0; i < 20; i++) {
    f(tensor([i]))
    net.seen++
    net.log.push(i)
  }
  t.true(recordings <= 4, `${recordings} recordings`)
  t.deepEqual(Object.keys(net), ['last', 'seen', 'log'])
  t.true(Object.getOwnPropertyDescriptor(net, 'seen')!.writable)
})

test.serial('a field that forward reads and changes is right, and is mentioned', async (t) => {
  class Net extends nn.Module {
    calls = 0
    override forward(x: Tensor): Tensor {
      return x.mul(++this.calls)
    }
  }
  const net = new Net().eval()
  const f = net.compile()
  const messages: string[] = []
  const listen = (warning: Error) => messages.push(warning.message)
  process.on('warning', listen)
  const found = Array.from({ length: 8 }, () => f(tensor([1])).itemSync())
  await new Promise((resolve) => setImmediate(resolve))
  process.off('warning', listen)
  t.deepEqual(found, [1, 2, 3, 4, 5, 6, 7, 8])
  t.is(messages.filter((message) => message.includes('Net.calls')).length, 1)
})

test.serial('a number argument is mentioned at its second value, once', async (t) => {
  const f = compile((x: Tensor, { scale }: { scale: number }) => x.mul(scale))
  const messages: string[] = []
  const listen = (warning: Error) => messages.push(warning.message)
  process.on('warning', listen)
  f(tensor([1]), { scale: 2 })
  f(tensor([1, 2]), { scale: 2 })
  await new Promise((resolve) => setImmediate(resolve))
  t.deepEqual(messages, [])
  for (const scale of [3, 4, 3]) t.is(f(tensor([1]), { scale }).itemSync(), scale)
  await new Promise((resolve) => setImmediate(resolve))
  process.off('warning', listen)
  t.is(messages.length, 1)
  t.regex(messages[0]!, /number among the arguments.*pass a tensor/)
})

test('an argument keeps its place where the function uses it by another name too, in objects as well', (t) => {
  const w = tensor([1, 2])
  const f = compile(({ x }: { x: Tensor }) => ({ y: x.mul(w) }))
  t.deepEqual(list(f({ x: w }).y), [1, 4])
  t.deepEqual(list(f({ x: tensor([3, 3]) }).y), [3, 6])
})

test('a compiled function that is reached from what it captured', (t) => {
  class Net extends nn.Module {
    layer = new nn.Linear(2, 2)
    predict: Compiled<[Tensor], Tensor> | undefined
    override forward(x: Tensor): Tensor {
      return this.layer.forward(x)
    }
  }
  const net = new Net().eval()
  net.predict = net.compile()
  const x = tensor([[1, 2]])
  t.deepEqual(list(net.predict(x)), list(noGrad(() => net.forward(x))))
  net.predict(x)
  t.is(net.predict.programs()[0]!.runs, 2)
})

test('a Trainer whose loss detaches a weight, and one whose layer is replaced', async (t) => {
  const net = new nn.Sequential(new nn.Linear(2, 3), new nn.Linear(3, 2))
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 })
  const loss = (output: Tensor, target: Tensor) =>
    F.crossEntropy(output, target).add((net[1] as nn.Linear).weight.detach().square().mean())
  const trainer = new Trainer(net, { optimizer, loss })
  const x = () =>
    tensor([
      [1, 2],
      [3, 1],
    ])
  const loader = {
    length: 3,
    async *[Symbol.asyncIterator]() {
      for (let i = 0; i < 3; i++) yield { x: x(), y: tensor([0, 1], { dtype: 'int32' }) }
    },
  }
  const [record] = await trainer.fit(loader, { epochs: 1 })
  t.true(Number.isFinite(record!.loss))
  const before = (await trainer.predict(x())).dataSync()
  net[1] = new nn.Linear(3, 2)
  const after = await trainer.predict(x())
  t.notDeepEqual(after.dataSync(), before)
  t.deepEqual(list(after), list(noGrad(() => net.forward(x()))))
})

test('reading while recording rejects, and the process ends', (t) => {
  const library = fileURLToPath(new URL('../lib/index.js', import.meta.url))
  const script = `
    import { compile, tensor } from ${JSON.stringify(library)}
    const seen = []
    for (const read of [(t) => t.data(), (t) => t.item(), (t) => t.toArray()]) {
      compile((x) => { read(x.sum()).catch((error) => seen.push(error.name)); return x.add(1) })(tensor([1])).dataSync()
    }
    await new Promise((resolve) => setImmediate(resolve))
    console.log(seen.join())`
  const args = ['--input-type=module', '-e', script]
  const printed = execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 })
  t.is(printed.trim(), 'ValueError,ValueError,ValueError')
})
