// The report: the same blocks as JSON, as Markdown and as one HTML page that needs nothing besides. Its first line says on what it ran.
import { table, text } from './blocks.mjs'

/** What everybody has to know first: a GPU, a simulated device, or none. */
export function headline({ facts }) {
  if (facts.isSimulated) {
    return `SIMULATED device, no GPU: ${facts.device.description}. No time below is that of a GPU.`
  }
  if (facts.device) return `${facts.device.cuda?.product ?? facts.device.name}: ${facts.device.description}`
  return `No GPU was used: ${facts.whyNoDevice ?? 'the devices are not known yet'}`
}

const statuses = {
  done: 'done',
  failed: 'failed',
  'out of time': 'out of time',
  skipped: 'did not run',
  'not reached': 'did not run',
  'to come': 'to come',
  running: 'runs',
  interrupted: 'interrupted',
}

const simulated = text('SIMULATED: these times are those of a program on the processor, and say nothing about a GPU.')

function sectionsOf(report, stages) {
  const { kit, device, size, jobs, torch } = report.options
  const summary = [
    ['begun', report.started],
    ['state', `${report.state}, after ${Math.round(report.seconds)} of ${report.budget} seconds`],
    ['built from', kit && `${kit.version}, commit ${kit.commit}${kit.isChanged ? ' with changes' : ''}`],
    ['plugin', kit && `CUDA ${kit.cuda}, architectures ${kit.architectures}`],
    ['device', `${device}, sizes: ${report.facts.size ?? size ?? 'not chosen'}, ${jobs} suites at once`],
    ['PyTorch', torch ?? 'none was given'],
  ]
  const stageOf = ({ name }) => stages.find((stage) => stage.name === name)
  const rows = report.stages.map((record, i) => {
    const { title, status, seconds, why, results } = record
    const sum = results.length > 0 ? stageOf(record).sum?.(results) : undefined
    return [i + 1, title, statuses[status], seconds?.toFixed(0) ?? '–', [sum, why].filter(Boolean).join('; ')]
  })
  const overview = [
    table(
      ['', ''],
      summary.filter(([, value]) => value),
    ),
    table(['', 'stage', '', 'seconds', ''], rows),
  ]
  const parts = report.stages.map((record, i) => {
    const { show, measures } = stageOf(record)
    const { title, status, why, results } = record
    const reason =
      status === 'done' || !why
        ? []
        : [text(`This stage ${status === 'skipped' ? 'did not run' : `is ${statuses[status]}`}: ${why}.`)]
    const blocks = results.length > 0 && show ? show(results, report) : []
    const warning = measures && report.facts.isSimulated && blocks.length > 0 ? [simulated] : []
    return { title: `${i + 1}. ${title}`, blocks: [...reason, ...warning, ...blocks] }
  })
  return [{ title: undefined, blocks: overview }, ...parts.filter(({ blocks }) => blocks.length > 0)]
}

const line = (value) => String(value).replaceAll('|', '\\|').replaceAll('\n', ' ')

const markdownOf = {
  text: ({ content }) => content,
  listing: ({ content }) => `\`\`\`\n${content}\n\`\`\``,
  table: ({ head, rows }) =>
    [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(line).join(' | ')} |`).join('\n'),
}

const escapes = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escaped = (value) => String(value).replace(/[&<>"]/g, (character) => escapes[character])
const cells = (row, tag) => row.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')

const htmlOf = {
  text: ({ content }) => `<p>${escaped(content)}</p>`,
  listing: ({ content }) => `<pre>${escaped(content)}</pre>`,
  table: ({ head, rows }) => {
    const top = head.some(Boolean) ? `<thead><tr>${cells(head, 'th')}</tr></thead>` : ''
    return `<div class="wide"><table>${top}<tbody>${rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('\n')}</tbody></table></div>`
  },
}

const style = `body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b; background: #fff }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2.2rem }
.device { font-weight: 600; padding: .6rem .8rem; background: #eef3f8; border-left: 4px solid #3b6ea5 }
.simulated { background: #fdf3e1; border-color: #c77d0a }
table { border-collapse: collapse; font-size: 14px } td, th { padding: .2rem .9rem .2rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid #e3e3e3; white-space: nowrap }
td:last-child { white-space: normal; overflow-wrap: anywhere }
pre { font-size: 12.5px; background: #f6f6f6; padding: .6rem .8rem; overflow-x: auto; white-space: pre-wrap } .wide { overflow-x: auto; margin: .8rem 0 }`

/** { 'report.json', 'report.md', 'report.html' } of what a Runner tells. */
export function writeReport(report, stages) {
  const first = headline(report)
  const sections = sectionsOf(report, stages)
  const json = {
    format: 'node-cudnn first light 1',
    headline: first,
    simulated: report.facts.isSimulated ?? false,
    ...report,
  }

  const markdown = sections.map(({ title, blocks }) =>
    [...(title ? [`## ${title}`] : []), ...blocks.map((block) => markdownOf[block.kind](block))].join('\n\n'),
  )
  const html = sections.map(({ title, blocks }) =>
    [...(title ? [`<h2>${escaped(title)}</h2>`] : []), ...blocks.map((block) => htmlOf[block.kind](block))].join('\n'),
  )
  const kind = report.facts.isSimulated || !report.facts.device ? 'device simulated' : 'device'
  return {
    'report.json': `${JSON.stringify(json, undefined, 1)}\n`,
    'report.md': `**${first}**\n\n# First light of node-cudnn\n\n${markdown.join('\n\n')}\n`,
    'report.html': `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escaped(first)}</title><style>${style}</style></head>
<body><p class="${kind}">${escaped(first)}</p><h1>First light of node-cudnn</h1>
${html.join('\n')}
</body></html>
`,
  }
}
