// What the GPU and its bus give, through the package and, where there is a torch, through PyTorch: the ceilings of everything that follows.
import { fileURLToPath } from 'node:url'
import { figure, table, text } from '../blocks.mjs'
import { resultOf, whyFailed } from '../processes.mjs'
import { needsDevice, runProgram } from './ask.mjs'

const script = fileURLToPath(new URL('../torch_ceilings.py', import.meta.url))
const sizes = { full: { mebibytes: 512, n: 8192 }, small: { mebibytes: 1, n: 32 } }

export const bandwidth = {
  name: 'bandwidth',
  title: 'Bandwidth and product ceilings',
  measures: true,
  weight: 2,
  most: 240,
  skip: needsDevice,
  async run(context) {
    const { facts, record, torch, processes } = context
    const { mebibytes, n } = sizes[facts.size]
    for (const [program, size] of [
      ['copies.mjs', mebibytes],
      ['products.mjs', n],
    ]) {
      const args = [context.device, String(size)]
      const why = await runProgram(context, program, args, 60, (result) => record({ who: 'node-cudnn', ...result }))
      if (why) record({ who: 'node-cudnn', what: program, why })
    }
    if (!torch) return
    const outcome = await processes.run(torch, [script, String(mebibytes), String(n)], {
      env: context.torchEnv,
      limit: 90,
      onLine: (line) => {
        const result = resultOf(line)
        if (result) record({ who: 'PyTorch', ...result })
      },
    })
    const why = whyFailed(outcome)
    if (why) record({ who: 'PyTorch', what: 'torch_ceilings.py', why })
  },
  show(results, { options }) {
    const rows = (who) => results.filter((each) => each.who === who)
    const blocks = []
    const copies = results.filter(({ gigabytesPerSecond }) => gigabytesPerSecond !== undefined)
    if (copies.length > 0) {
      blocks.push(
        table(
          ['copies', 'by', 'MiB', 'GB/s'],
          copies.map((each) => [each.what, each.who, each.mebibytes, figure(each.gigabytesPerSecond)]),
        ),
      )
    }
    const ours = rows('node-cudnn').filter(({ what }) => what === 'product')
    const theirs = rows('PyTorch').filter(({ what }) => what === 'product')
    if (ours.length > 0) {
      blocks.push(
        table(
          ['product n×n×n', 'n', 'node-cudnn, TFLOP/s', 'PyTorch, TFLOP/s'],
          ours.map(({ precision, n, teraflops }) => {
            const peer = theirs.find((each) => each.precision === precision)
            return [precision, n, figure(teraflops), figure(peer?.teraflops)]
          }),
        ),
      )
    }
    for (const { who, what, why } of results.filter(({ why }) => why)) blocks.push(text(`${who}, ${what}: ${why}.`))
    blocks.push(
      text(
        'The best of five timings. The package copies every array through its own page-locked buffers, so it has one figure for the way up; PyTorch is told which memory it gets.',
      ),
    )
    if (!options.torch) blocks.push(text("PyTorch's figures are not there, since no --torch was given."))
    return blocks
  },
}
