// Memory that runs out at any request of a training step: typed errors, promises that settle, weights of before or after, nothing left behind.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import {
  compile,
  functional as F,
  manualSeed,
  nn,
  OutOfMemoryError,
  ones,
  optim,
  randn,
  synchronize,
  type Tensor,
  tensor,
  tidy,
} from '../lib/index.js'
import { native } from '../lib/native.js'
import { baseline, settled } from './support/run-case.js'

const device = 'cpu'

test.after.always(() => native.failAllocation(device, 0))

class Net extends nn.Module<[Tensor], Tensor> {
  readonly conv = new nn.Conv2d(3, 16, 3, { padding: 1, device })
  readonly norm = new nn.BatchNorm2d(16, { device })
  readonly last = new nn.Linear(16, 3, { device })
  forward(x: Tensor): Tensor {
    const y = F.maxPool2d(this.norm.forward(this.conv.forward(x)).relu(), 2)
    return this.last.forward(F.adaptiveAvgPool2d(y, 1).flatten(1))
  }
}

const flat = (tensors: readonly Tensor[]) => tensors.flatMap((each) => Array.from(each.dataSync()))

function checkError(t: ExecutionContext, error: unknown, at: string): void {
  t.true(error instanceof OutOfMemoryError, `${at}: ${error}`)
  const { figures } = error as OutOfMemoryError
  t.true(figures.requested >= 0 && figures.reserved > 0 && figures.peak > 0, `${at}: ${JSON.stringify(figures)}`)
}

const kinds = ['SGD', 'Adam'] as const
for (const kind of kinds) {
  for (const isCompiled of [false, true]) {
    test.serial(
      `every request of a training step that may fail, ${kind}, ${isCompiled ? 'compiled' : 'eager'}`,
      async (t) => {
        manualSeed(2)
        const x = randn([4, 3, 8, 8], { device })
        const labels = Int32Array.of(0, 1, 2, 1)
        let failed = 0
        let isThrough = false
        const before = await baseline(device)
        for (let n = 1; !isThrough; n++) {
          manualSeed(5)
          const net = new Net()
          const params = net.parameters()
          const optimizer =
            kind === 'Adam' ? new optim.Adam(params, { lr: 0.1 }) : new optim.SGD(params, { lr: 0.1, momentum: 0.9 })
          const body = (input: Tensor, target: Tensor) => {
            const loss = F.crossEntropy(net.forward(input), target)
            loss.backward()
            optimizer.step()
            return loss.detach()
          }
          const run = isCompiled ? compile(body) : (...args: [Tensor, Tensor]) => tidy(() => body(...args))
          const step = () => {
            optimizer.zeroGrad()
            return tidy(() => run(x, tensor(labels, { dtype: 'int32', device })))
          }
          const first = flat(params)
          native.failAllocation(device, n)
          try {
            const loss = step()
            try {
              t.true(Number.isFinite(await loss.item()))
            } finally {
              loss.dispose()
            }
            isThrough = true
          } catch (error) {
            failed++
            checkError(t, error, `request ${n}`)
          }
          native.failAllocation(device, 0)
          const second = flat(params)
          // The same from here, whether that step was taken or not; where it failed on the queue, JavaScript has counted it.
          const hasStepped = isThrough || `${second}` !== `${first}`
          const { state } = optimizer.stateDict()
          const counted = Math.max(0, ...Object.values(state).map((each) => each.step))
          const kept = flat(Object.values(state).flatMap((each) => Object.values(each.tensors)))
          if (!hasStepped) t.true(counted <= 1 && kept.every((value) => value === 0), `request ${n}: ${counted}`)
          const reference = await afterwards(kind, x, labels, hasStepped, hasStepped ? 1 : counted)
          const losses: number[] = []
          for (let i = 0; i < 2; i++) {
            const loss = step()
            losses.push(await loss.item())
            loss.dispose()
          }
          for (const [i, loss] of losses.entries()) {
            t.true(Math.abs(reference[i]! - loss) < 1e-4 * loss, `request ${n}: ${losses}, expected ${reference}`)
          }
          if (isCompiled) (run as unknown as { dispose(): void }).dispose()
          optimizer.zeroGrad()
          optimizer.dispose()
          net.dispose()
        }
        t.true(failed > 10, `${failed} requests`)
        await synchronize(device)
        t.is((await settled(device)).tensors, before.tensors)
      },
    )
  }
}

const known = new Map<string, number[]>()
/** Losses of the steps that follow where the first one was taken, or was not but was counted, or neither. */
async function afterwards(
  kind: (typeof kinds)[number],
  x: Tensor,
  labels: Int32Array,
  hasStepped: boolean,
  counted: number,
): Promise<number[]> {
  const key = `${kind} ${hasStepped} ${counted}`
  let losses = known.get(key)
  if (!losses) {
    manualSeed(5)
    const net = new Net()
    const params = net.parameters()
    const optimizer =
      kind === 'Adam' ? new optim.Adam(params, { lr: 0.1 }) : new optim.SGD(params, { lr: 0.1, momentum: 0.9 })
    if (!hasStepped && counted > 0) {
      const names = kind === 'Adam' ? ['expAvg', 'expAvgSq'] : ['momentumBuffer']
      const zeros = (param: Tensor) => Object.fromEntries(names.map((name) => [name, param.detach().mul(0)]))
      tidy(() => {
        const state = Object.fromEntries(params.map((param, i) => [i, { step: counted, tensors: zeros(param) }]))
        optimizer.loadStateDict({ ...optimizer.stateDict(), state } as never)
      })
    }
    const list: number[] = []
    for (let i = 0; i < (hasStepped ? 3 : 2); i++) {
      optimizer.zeroGrad()
      const loss = tidy(() => {
        const loss = F.crossEntropy(net.forward(x), tensor(labels, { dtype: 'int32', device }))
        loss.backward()
        optimizer.step()
        return loss.detach()
      })
      list.push(await loss.item())
      loss.dispose()
    }
    losses = hasStepped ? list.slice(1) : list
    known.set(key, losses)
    optimizer.zeroGrad()
    optimizer.dispose()
    net.dispose()
  }
  return losses
}

test.serial('reads and uploads that find no memory', async (t) => {
  const x = ones([1000], { device })
  const half = ones([1000], { device, dtype: 'bfloat16' })
  const attempts: [string, () => unknown][] = [
    ['data', () => x.data()],
    ['dataSync', () => x.dataSync()],
    ['data of a half type', () => half.data()],
    ['dataSync of a half type', () => half.dataSync()],
    ['to another device', () => x.to('reference')],
    ['from JavaScript', () => tensor(new Float32Array(1000), { device })],
    ['clone', () => x.clone()],
    ['copy_ of another type', () => x.copy_(half)],
    ['fill_', () => x.fill_(1)],
  ]
  const before = await baseline(device)
  for (const [name, run] of attempts) {
    let failed = 0
    for (let n = 1; ; n++) {
      native.failAllocation(device, n)
      try {
        const result = await run()
        if (result !== x && typeof result === 'object' && 'dispose' in result!) (result as Tensor).dispose()
        break
      } catch (error) {
        failed++
        checkError(t, error, name)
      } finally {
        native.failAllocation(device, 0)
      }
    }
    t.true(failed > 0 || name === 'from JavaScript' || name === 'to another device', name)
    t.deepEqual(await x.data(), new Float32Array(1000).fill(1))
  }
  await settled('reference')
  t.is((await settled(device)).tensors, before.tensors)
})

const onLinux = process.platform === 'linux' ? test.serial : test.serial.skip
for (const how of ['eager', 'compiled']) {
  for (const beside of [770_000, 2_270_000]) {
    onLinux(`a process of ${beside / 1e6} GB of address space beside Node's own, ${how}`, async (t) => {
      const file = fileURLToPath(new URL('./fixtures/little-memory.js', import.meta.url))
      const status = "require('node:fs').readFileSync('/proc/self/status', 'utf8')"
      const node = await shell(`exec "${process.execPath}" -p "/VmPeak:\\s+(\\d+)/.exec(${status})[1]"`)
      const room = Number(node.stdout) + beside // KiB; versions of Node differ by half a GB
      t.true(room > beside, node.stderr)
      const run = () => shell(`ulimit -v ${room}; ulimit -c 0; exec "${process.execPath}" "${file}" ${how}`)
      let outcome = await run()
      // V8 ends the process where its own heap finds no page, which is chance.
      for (let i = 0; i < 4 && outcome.stderr.includes('JavaScript heap out of memory'); i++) outcome = await run()
      const { code, signal, stdout, stderr } = outcome
      t.is(signal, null, stderr)
      t.is(code, 0, stderr)
      const result = JSON.parse(stdout)
      t.deepEqual(result.failures, ['OutOfMemoryError'])
      t.true(result.isFinite)
    })
  }
}

function shell(
  command: string,
): Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }> {
  const child = spawn('bash', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  return new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr })))
}
