// The report of first light: its first line, its tables, and what it says of a simulated device.
import test from 'ava'
import { load, type Stage, stage, type Told } from './support/first-light.js'

const { writeReport } = (await load('report.mjs')) as {
  writeReport(report: Told, stages: Stage[]): Record<string, string>
}

const told = (facts: Record<string, unknown>): Told => ({
  started: '2026-01-02T03:04:05.000Z',
  seconds: 12.3,
  budget: 60,
  state: 'done',
  options: { device: 'cuda:0', jobs: 2 },
  facts,
  stages: [
    { name: 'a', title: 'First', status: 'done', seconds: 1, results: [{ n: 1 }] },
    { name: 'b', title: 'Second', status: 'skipped', why: 'it <can> not', results: [] },
  ],
})
const shown = [
  stage('a', async () => {}, {
    show: () => [
      { kind: 'table', head: ['x|y', 'z'], rows: [['1 < 2', 3]] },
      { kind: 'listing', content: 'a\nb' },
    ],
  }),
  stage('b', async () => {}),
]

test('the first line of a report says on what it ran', (t) => {
  const device = (product: string) => ({ name: 'cuda:0', description: `cuDNN 9 on ${product}`, cuda: { product } })
  const lines = (facts: Record<string, unknown>) => {
    const files = writeReport(told(facts), shown)
    const json = JSON.parse(files['report.json']!)
    const [markdown] = files['report.md']!.split('\n')
    t.is(markdown, `**${json.headline}**`)
    t.regex(files['report.html']!, new RegExp(`<body><p class="device[a-z ]*">${json.headline}</p>`))
    return [json.headline, json.simulated]
  }
  t.deepEqual(lines({ device: device('simulated GPU'), isSimulated: true }), [
    'SIMULATED device, no GPU: cuDNN 9 on simulated GPU. No time below is that of a GPU.',
    true,
  ])
  t.deepEqual(lines({ device: device('NVIDIA H100'), isSimulated: false }), [
    'NVIDIA H100: cuDNN 9 on NVIDIA H100',
    false,
  ])
  t.deepEqual(lines({ whyNoDevice: 'the NVIDIA driver is not installed' }), [
    'No GPU was used: the NVIDIA driver is not installed',
    false,
  ])
})

test('what was measured on a simulated device says so where it stands', (t) => {
  const facts = { device: { name: 'cuda:0', description: 'simulated GPU' }, isSimulated: true }
  const measuring = shown.map((each) => ({ ...each, measures: true }))
  t.regex(writeReport(told(facts), measuring)['report.md']!, /## 1\. First\n\nSIMULATED: these times/)
  t.notRegex(writeReport(told({ ...facts, isSimulated: false }), measuring)['report.md']!, /SIMULATED/)
})

test('a report has the tables, and a sentence for what did not run', (t) => {
  const { 'report.md': markdown, 'report.html': html } = writeReport(told({}), shown)
  t.regex(markdown!, /\| x\\\|y \| z \|\n\| --- \| --- \|\n\| 1 < 2 \| 3 \|/)
  t.regex(markdown!, /## 2\. Second\n\nThis stage did not run: it <can> not\./)
  t.true(html!.includes('<td>1 &lt; 2</td>'))
  t.true(html!.includes('did not run: it &lt;can&gt; not.'))
  t.notRegex(html!, /src=|href=/)
})
