// The README's programs compile as they stand, and run; where they load Fashion-MNIST, on a few random pictures.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'
import { data } from '../lib/index.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const run = promisify(execFile)
const samples = [...readFileSync(path.join(root, 'README.md'), 'utf8').matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(
  ([, code]) => code!,
)

const pictures = (count: number) => `new data.TensorDataset(randn([${count}, 1, 28, 28]), randint(0, 10, [${count}]))`

/** Loads what a sample loads, without the files that a machine may not have. */
function withoutDownloads(sample: string): string {
  const loads = /data\.FashionMNIST\.load\(\{ train: (true|false) \}\)/g
  if (!loads.test(sample)) return sample
  const small = sample.replace(loads, (_, train) => pictures(train === 'true' ? 256 : 64))
  return `import { randint, randn } from 'node-cudnn'\n${small}`
}

test('the programs of the README compile and run', async (t) => {
  t.timeout(300_000)
  t.is(samples.length, 2)
  mkdirSync(path.join(root, 'out'), { recursive: true })
  // Inside of the package its own name leads to it.
  const folder = mkdtempSync(path.join(root, 'out', 'readme-'))
  try {
    for (const [i, sample] of samples.entries()) {
      writeFileSync(path.join(folder, `sample${i}.mts`), sample)
      writeFileSync(path.join(folder, `run${i}.mts`), withoutDownloads(sample))
    }
    const compilerOptions = { rootDir: '.', outDir: '.', typeRoots: [path.join(root, 'node_modules/@types')] }
    const project = { extends: path.join(root, 'tsconfig.json'), compilerOptions, include: ['*.mts'], exclude: [] }
    writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(project))
    const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc')
    const compiled = await run(process.execPath, [tsc, '--project', folder]).catch((error) => error)
    t.is(compiled.stdout, '')
    const [first, second] = await Promise.all(
      samples.map((_, i) => run(process.execPath, [`run${i}.mjs`], { cwd: folder })),
    )
    t.regex(first!.stdout, /^0 \d\.\d+\n10 /)
    t.regex(second!.stdout, /accuracy: [01]/)
    const [, prediction] = /^the first picture: (.*)\n$/m.exec(second!.stdout) ?? []
    t.true(data.FashionMNIST.classes.includes(prediction!), prediction)
    for (const file of ['run.safetensors', 'weights.safetensors']) t.true(existsSync(path.join(folder, file)), file)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
