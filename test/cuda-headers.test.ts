// The cuda backend compiles with the headers of older CUDA and cuDNN, where those are here. With the newest ones the build compiles it.
import test from 'ava'

interface HeaderSet {
  name: string
  missing?: string
}

const script = new URL('../../scripts/cuda-headers.mjs', import.meta.url).href
const { asOf, backendSources, compileAll, headerSets } = (await import(script)) as {
  asOf(text: string, version: string): string
  backendSources(): string[]
  compileAll(set: HeaderSet): Promise<{ file: string; output: string }[]>
  headerSets(): Promise<HeaderSet[]>
}

const header = `#define CUDNN_GRAPH_MAJOR 9
#define CUDNN_GRAPH_MINOR 24
#define CUDNN_GRAPH_PATCH 1
typedef enum {
    CUDNN_A = 1, /**< The first. @since cuDNN 9.0.0 */
    CUDNN_B      = 2, /**< Later, over
                       two lines. @since cuDNN 9.8.0 */
    CUDNN_C = 3, /**< Of unknown age. */
    CUDNN_D = 4, /**< Newest. @since cuDNN 9.10.0 */
} cudnnLetters_t;
`

test('a header as an older version had it', (t) => {
  const left = (version: string) => [...asOf(header, version).matchAll(/CUDNN_([A-Z]) /g)].map(([, letter]) => letter)
  t.deepEqual(left('9.0'), ['A', 'C'])
  t.deepEqual(left('9.8'), ['A', 'B', 'C'])
  t.deepEqual(left('9.24'), ['A', 'B', 'C', 'D'])
  t.true(
    asOf(header, '9.1').startsWith(
      '#define CUDNN_GRAPH_MAJOR 9\n#define CUDNN_GRAPH_MINOR 1\n#define CUDNN_GRAPH_PATCH 0\n',
    ),
  )
})

test('every source is looked at', (t) => {
  t.true(backendSources().filter((file) => file.endsWith('.cu')).length >= 20)
  t.true(backendSources().filter((file) => file.endsWith('.cpp')).length >= 30)
})

for (const set of (await headerSets()).slice(0, -1)) {
  const title = `the backend compiles with ${set.name}`
  if (set.missing) {
    console.log(`  - [not run] cuda-headers: ${title}: ${set.missing}`)
    test.skip(title, (t) => t.fail(set.missing))
  } else {
    test.serial(title, async (t) => {
      t.timeout(20 * 60_000)
      t.deepEqual(await compileAll(set), [])
    })
  }
}
