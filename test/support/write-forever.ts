// A program for test/safetensors.test.ts: saves one file again and again until it is killed.
import { saveSafetensors, tensor } from '../../lib/index.js'

const [, , file = '', size = '0'] = process.argv
for (let round = 1; ; round++) {
  const x = tensor(new Float32Array(Number(size)).fill(round))
  await saveSafetensors(file, { x }, { metadata: { round: String(round) } })
  x.dispose()
  if (round === 1) process.stdout.write('saved\n')
}
