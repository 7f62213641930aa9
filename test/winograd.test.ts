// Winograd's algorithm: exact enough whatever the sizes and threads, and chosen once.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { temporaryFolder } from './support/temporary.js'

const inFolder = temporaryFolder()

const runFixture = (name: string, choices: string, threads: number): string =>
  execFileSync(process.execPath, [fileURLToPath(new URL(`fixtures/${name}.js`, import.meta.url))], {
    encoding: 'utf8',
    env: { ...process.env, NODE_CUDNN_CHOICES: choices, OMP_NUM_THREADS: String(threads) },
  })

// Relative errors that are allowed: rounding is a matter of how many inputs a tile has.
const algorithms = { 'winograd F(4×4, 3×3)': 1e-5, 'winograd F(2×2, 3×3)': 2e-6, 'winograd F(2×2, 5×5)': 1e-5 }

for (const threads of [1, 2, 3]) {
  test.serial(`${threads} threads: outputs and gradients are those of the direct algorithm`, (t) => {
    const file = inFolder(`${threads} threads`)
    runFixture('winograd', file, threads) // measures, and so names all candidates
    const measured = readFileSync(file, 'utf8').trimEnd().split('\n')
    for (const [algorithm, tolerance] of Object.entries(algorithms)) {
      let chosen = 0
      const choose = (line: string): string => {
        const candidates = line.slice(0, -1).split(/ (?=winograd)/)
        const number = Math.max(
          0,
          candidates.findIndex((each) => each.startsWith(algorithm)),
        )
        chosen += number > 0 ? 1 : 0
        return line.replace(/\d$/, String(number))
      }
      writeFileSync(file, `${measured.map(choose).join('\n')}\n`)
      t.true(chosen >= 8, `${algorithm} was chosen ${chosen} times`)
      const errors = JSON.parse(runFixture('winograd', file, threads)) as Record<string, Record<string, number>>
      let differing = 0
      for (const [sizes, results] of Object.entries(errors)) {
        for (const [result, error] of Object.entries(results)) {
          t.true(error <= tolerance, `${algorithm}: ${sizes}: ${result} is off by ${error}`)
          differing += error > 0 ? 1 : 0
        }
      }
      t.true(differing >= 8, 'an algorithm that rounds otherwise was used')
    }
  })
}

test.serial('which algorithm is faster is measured once on a machine, and then stays', (t) => {
  const file = inFolder('below', 'choices')
  const run = () => runFixture('winograd-choice', file, 2)
  const first = run()
  const choices = readFileSync(file, 'utf8')
  t.regex(choices, /^(.+: forward \[2, 32, 28, 28\] to .+\t\d\n)/m)
  // Weights that come from memory at each run are timed so.
  t.regex(choices, /^(.+: forward \[1, 512, 6, 6\] to .+, cold: .+F\(2×2, 3×3\).+F\(4×4, 3×3\).+\t\d\n)/m)
  t.is(run(), first)
  t.is(readFileSync(file, 'utf8'), choices)

  // The other choice is obeyed, whatever is slower; lines that are cut off or strange are passed over.
  const other = choices.replace(/\d$/gm, (digit) => (digit === '0' ? '1' : '0'))
  writeFileSync(file, `nonsense\n${other}cut off`)
  t.not(run(), first)
  t.is(readFileSync(file, 'utf8'), `nonsense\n${other}cut off`)
})
