// Ours against PyTorch on the same GPU: eager channels-last and torch.compile, in slices that alternate; medians of the slices' medians.
import path from 'node:path'
import { figure, table, text } from '../blocks.mjs'
import { needsDevice, runProgram } from './ask.mjs'

const ROUNDS = 5
const LEAST_BATCH = 16

/** `steps`: how many are queued between two waits for the device. */
const workloads = {
  full: [
    { title: 'ResNet-50', net: 'resnet50', batch: 256, precision: 'bf16', steps: 5 },
    { title: 'ResNet-50', net: 'resnet50', batch: 256, precision: 'TF32', steps: 5 },
    { title: 'MobileNetV2', net: 'mobilenetv2', batch: 256, precision: 'TF32', steps: 5 },
    { title: 'CIFAR-10 network', net: 'cifar', batch: 128, precision: 'TF32', steps: 50 },
    { title: 'ResNet-50', net: 'resnet50', batch: 256, precision: 'float32', steps: 3 },
  ],
  small: ['bf16', 'TF32', 'float32'].map((precision) => {
    return { title: 'LeNet-5', net: 'lenet', batch: 1, precision, steps: 2 }
  }),
}
/** Seconds at most that a contender runs before the next one does. */
const longest = { full: 3, small: 0.2 }
const trainer = { full: [25_600, 128, 4], small: [16, 4, 2] }

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]
const isOutOfMemory = (error) => /out.?of.?memory/i.test(error)

/** The processes that race, by name. Each is new for each workload: none has the memory, or the choices, of another. */
function contenders({ root, device, env, torch, torchEnv, processes }, precision) {
  const ours = ['dist/benchmarks/worker.js', device, ...(precision === 'bf16' ? ['--autocast'] : [])]
  const started = {
    'node-cudnn': processes.talk(process.execPath, ours, {
      cwd: root,
      env: { ...env, NODE_CUDNN_ALLOW_TF32: precision === 'TF32' ? '1' : '0', NODE_CUDNN_BENCHMARK: '1' },
    }),
  }
  if (!torch) return started
  const script = path.join(root, 'benchmarks/peers/torch_worker.py')
  for (const [name, mode] of [
    ['torch, channels-last', 'nhwc'],
    ['torch.compile', 'compile'],
  ]) {
    const args = [script, mode, '--device', device, '--precision', precision.toLowerCase()]
    started[name] = processes.talk(torch, args, { cwd: root, env: torchEnv })
  }
  return started
}

/** One workload within `seconds`: { batch, times: { name: { wall, slices, peak } | { error } } }, or undefined where its batch needs too much memory. */
async function race(context, { net, batch, precision, steps }, seconds) {
  const end = Date.now() + seconds * 1000
  const left = () => Math.max(1, (end - Date.now()) / 1000)
  const started = contenders(context, precision)
  const workload = `${net}:train:${batch}`
  const times = {}
  try {
    // one after the other: cuDNN's candidates are timed meanwhile
    for (const [name, contender] of Object.entries(started)) {
      const { error, version } = await contender.ask(`prep ${workload}`, left() * 0.7)
      if (error && isOutOfMemory(error) && batch > LEAST_BATCH) return undefined
      times[name] = error ? { error } : { version, slices: [], peak: 0 }
    }
    const running = Object.keys(started).filter((name) => !times[name].error)
    const slice = Math.min(
      longest[context.facts.size],
      Math.max(0.1, left() / (ROUNDS * Math.max(1, running.length)) - 0.2),
    )
    for (let round = 0; round < ROUNDS; round++) {
      for (let i = 0; i < running.length; i++) {
        const name = running[(i + round) % running.length]
        if (times[name].error) continue
        const answer = await started[name].ask(`go ${workload} ${slice} ${steps}`, 30 + left())
        if (answer.error && isOutOfMemory(answer.error) && batch > LEAST_BATCH) return undefined
        if (answer.error) times[name].error = answer.error
        else {
          times[name].slices.push(answer.wall)
          times[name].peak = Math.max(times[name].peak, answer.peak ?? 0)
        }
      }
      if (Date.now() > end) break
    }
    for (const each of Object.values(times)) if (each.slices?.length > 0) each.wall = median(each.slices)
    return { batch, times }
  } finally {
    for (const contender of Object.values(started)) contender.stop()
  }
}

export const raceStage = {
  name: 'race',
  title: 'Ours and PyTorch on the same GPU',
  measures: true,
  weight: 10,
  skip: needsDevice,
  async run(context) {
    const { facts, record, secondsLeft } = context
    const all = workloads[facts.size]
    for (const [i, workload] of all.entries()) {
      const { title, precision } = workload
      // the Trainer takes as long as one of them
      const seconds = (secondsLeft() - 2) / (all.length - i + 1)
      if (seconds < 1) {
        record({ title, precision, batch: workload.batch, why: 'no time was left' })
        continue
      }
      let found
      let { batch } = workload
      for (; !found; batch /= 2) found = await race(context, { ...workload, batch }, seconds)
      record({ title, precision, ...found, wantedBatch: workload.batch })
    }
    const args = [context.device, ...trainer[facts.size].map(String)]
    const limit = Math.max(1, secondsLeft() - 1)
    const why = await runProgram(context, 'trainer.mjs', args, limit, (found) => record({ trainer: found }))
    if (why) record({ trainer: { source: 'not all', why } })
  },
  sum(results) {
    const races = results.filter(({ title }) => title)
    return `${races.filter(({ times }) => times?.['node-cudnn']?.wall).length} of ${races.length} workloads ran`
  },
  isGood: (results) => results.every(({ times }) => !times?.['node-cudnn']?.error),
  show(results, { options }) {
    const blocks = []
    const races = results.filter(({ title }) => title)
    const names = ['node-cudnn', ...(options.torch ? ['torch, channels-last', 'torch.compile'] : [])]
    const rows = races.map(({ title, precision, batch, times = {}, why }) => {
      const cells = names.map((name) => (times[name]?.error ? 'failed' : figure(times[name]?.wall)))
      const peers = names.slice(1).flatMap((name) => times[name]?.wall ?? [])
      const ours = times['node-cudnn']?.wall
      const ratio = ours && peers.length > 0 ? figure(Math.min(...peers) / ours) : '–'
      const rate = ours ? figure((batch / ours) * 1000) : '–'
      return [title, batch, precision, ...cells, ratio, rate, why ?? '']
    })
    if (rows.length > 0) {
      const head = [
        'training',
        'batch',
        'precision',
        ...names.map((name) => `${name}, ms`),
        'best of torch / ours',
        'images/s',
        '',
      ]
      blocks.push(table(head, rows))
      blocks.push(
        text(
          'Milliseconds of a whole step: forward, loss, backward, SGD. Medians of five slices that alternate between the contenders; the device is waited for after every few steps. Both time the candidates of cuDNN for each shape. A batch is halved, for all, where the memory does not hold it for all at once.',
        ),
      )
    }
    for (const { title, precision, times = {} } of races) {
      for (const [name, { error }] of Object.entries(times)) {
        if (error) blocks.push(text(`${title} in ${precision}, ${name}: ${error}.`))
      }
    }
    if (races.some(({ batch, wantedBatch }) => batch !== wantedBatch && wantedBatch))
      blocks.push(text('The memory did not hold every batch that was wanted: see the column.'))
    const peaks = races.flatMap(({ title, precision, batch, times = {} }) =>
      Object.entries(times).flatMap(([name, { peak }]) =>
        peak ? [[title, batch, precision, name, figure(peak / 2 ** 20)]] : [],
      ),
    )
    if (peaks.length > 0)
      blocks.push(table(['training', 'batch', 'precision', 'who', 'most memory of tensors, MiB'], peaks))
    const fed = results.flatMap(({ trainer }) => trainer ?? [])
    if (fed.length > 0) {
      blocks.push(
        table(
          ['Trainer, CIFAR-10 network', 'examples', 'batch', 'examples/s'],
          fed.map(({ source, length, batchSize, examplesPerSecond, why }) => [
            source,
            length ?? '–',
            batchSize ?? '–',
            why ?? figure(examplesPerSecond),
          ]),
        ),
      )
    }
    if (!options.torch) blocks.push(text('Ours alone, since no --torch was given.'))
    return blocks
  },
}
