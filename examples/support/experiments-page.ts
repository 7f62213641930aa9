// One page of all experiments, from the records that they wrote.
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { escapeHtml } from './charts.js'
import type { ExperimentRecord } from './experiment.js'
import { itemsHtml } from './lab.js'
import { type Section, writeReport } from './report.js'

/** The records of a folder, in reading order. */
export async function readRecords(folder: string): Promise<ExperimentRecord[]> {
  const files = (await readdir(folder)).filter((file) => /^\d\d-.*\.json$/.test(file)).sort()
  return Promise.all(files.map(async (file) => JSON.parse(await readFile(path.join(folder, file), 'utf8'))))
}

export async function writeExperimentsPage(file: string, records: readonly ExperimentRecord[]): Promise<void> {
  const checks = records.flatMap(checksOf)
  const holding = checks.filter(({ isTrue }) => isTrue).length
  const seconds = records.reduce((sum, record) => sum + record.seconds, 0)
  await writeReport(file, {
    title: 'Experiments',
    lede: 'What convolutional networks do, from the cross-correlation of two small matrices to networks that learn: each experiment computes, shows and checks its claims.',
    figures: [
      [String(records.length), 'experiments'],
      [`${holding} of ${checks.length}`, 'checks hold'],
      [seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`, 'computing'],
      [[...new Set(records.map(({ device }) => device))].join(', '), 'device'],
    ],
    sections: [{ title: 'Contents', content: contents(records) }, ...records.map(sectionOf)],
  })
}

function checksOf({ items }: ExperimentRecord) {
  return items.filter((item) => item.kind === 'check')
}

function number({ name }: ExperimentRecord): string {
  return String(Number.parseInt(name, 10))
}

function verdict(record: ExperimentRecord): string {
  const checks = checksOf(record)
  const failed = checks.filter(({ isTrue }) => !isTrue).length
  if (record.error) return '✗ it threw'
  return failed > 0 ? `✗ ${failed} of ${checks.length}` : `✓ ${checks.length}`
}

function contents(records: readonly ExperimentRecord[]): string {
  const rows = records.map(
    (record) =>
      `<tr><td class="number">${number(record)}</td><td><a href="#${escapeHtml(record.name)}">${escapeHtml(record.title)}</a></td>` +
      `<td>${verdict(record)}</td><td>${record.seconds.toFixed(1)} s</td></tr>`,
  )
  return `<div class="scroll"><table class="contents"><thead><tr><th></th><th>experiment</th><th>checks</th><th class="number">time</th></tr></thead><tbody>${rows.join('')}</tbody></table></div>`
}

function sectionOf(record: ExperimentRecord): Section {
  const { name, title, question, figures, items, error, isShort, device, date, seconds } = record
  const tiles = figures.map(([value, what]) => `<div><dt>${escapeHtml(what)}</dt><dd>${escapeHtml(value)}</dd></div>`)
  const form = isShort ? 'short form' : 'full form'
  const note = `examples/${name}.ts, ${form}, on ${device}, ${seconds.toFixed(1)} s, ${date.slice(0, 10)}`
  return {
    id: name,
    title: `${number(record)}. ${title}`,
    text: question,
    content: [
      tiles.length > 0 ? `<dl class="figures">${tiles.join('')}</dl>` : '',
      itemsHtml(items),
      error === undefined ? '' : `<pre class="printed">${escapeHtml(error)}</pre>`,
      `<p class="note">${escapeHtml(note)}</p>`,
    ].join('\n'),
  }
}
