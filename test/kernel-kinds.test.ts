// Nothing falls back silently: whose kernels compute the cases of the op suite, forward and backward, op by op and compiled, and the updates. The kinds of
// ops that a device has no own kernel for are listed, with the reason; a kind that is not listed, or no longer true, fails.
import { spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { type Detours, detours } from './kernel-kinds.cases.js'
import { simulatedEnvironment, whyNoPlugin } from './support/simulated.js'
import { temporaryFolder } from './support/temporary.js'

const inFolder = temporaryFolder()
const fixture = fileURLToPath(new URL('fixtures/kernel-kinds.js', import.meta.url))

/** Kind of op → whose kernels it had: own, fallback, widened, widened fallback. */
function kindsOn(t: ExecutionContext, device: string, dtype: string, env: NodeJS.ProcessEnv): Map<string, string[]> {
  const { status, stdout, stderr } = spawnSync(process.execPath, [fixture, device, dtype], {
    env,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  t.is(status, 0, stderr)
  const kinds = new Map<string, string[]>()
  for (const line of JSON.parse(stdout) as string[]) {
    const [kind, whose] = line.split(': ') as [string, string]
    kinds.set(kind, [...(kinds.get(kind) ?? []), whose])
  }
  t.true(kinds.size > 100, 'the suite ran')
  return kinds
}

/** What is not as the list says, a line each. */
function surprises(kinds: Map<string, string[]>, listed: Detours): string[] {
  const lines: string[] = []
  for (const [kind, whose] of kinds) {
    const detoured = whose.filter((each) => each !== 'own')
    const isListed = kind in listed.always || kind in listed.sometimes
    if (detoured.length > 0 && !isListed) lines.push(`${kind}: ${detoured}, which is not listed`)
    if (kind in listed.sometimes && !whose.includes('own')) lines.push(`${kind}: it has no own kernel any more`)
    if (kind in listed.always && whose.includes('own'))
      lines.push(`${kind}: it has an own kernel, and need not be listed`)
  }
  for (const kind of Object.keys({ ...listed.always, ...listed.sometimes })) {
    if (!kinds.get(kind)?.some((each) => each !== 'own')) lines.push(`${kind}: listed, but it makes no detour`)
  }
  return lines
}

test('cpu: float32', (t) => {
  t.timeout(600_000)
  t.deepEqual(surprises(kindsOn(t, 'cpu', 'float32', process.env), detours.cpu), [])
})

for (const dtype of ['float32', 'bfloat16'] as const) {
  const name = `cuda, on the simulated device: ${dtype}`
  const missing = whyNoPlugin()
  if (missing) {
    console.log(`skipped: ${name}, since ${missing}`)
    test.skip(name, (t) => t.fail(missing))
  } else {
    test(name, (t) => {
      t.timeout(1_200_000)
      const env = simulatedEnvironment(mkdtempSync(inFolder('reports-')))
      t.deepEqual(surprises(kindsOn(t, 'cuda:0', dtype, env), detours.cuda[dtype]), [])
    })
  }
}
