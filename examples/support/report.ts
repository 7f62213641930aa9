// A report as one HTML file that needs nothing else: no network, no script.
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { writeFileAtomically } from '../../lib/io/atomic-file.js'
import { escapeHtml } from './charts.js'

export interface Section {
  /** For links to it. */
  readonly id?: string
  readonly title: string
  /** A sentence or two of plain text below the title. */
  readonly text?: string
  /** HTML of this module and its neighbours. */
  readonly content: string
}

export interface Report {
  readonly title: string
  /** What was done, in plain text. */
  readonly lede: string
  /** The few numbers that matter: [value, what it is]. */
  readonly figures: readonly (readonly [string, string])[]
  readonly sections: readonly Section[]
}

/** Writes the report, whole or not at all, and makes its folder. */
export async function writeReport(file: string, report: Report): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true })
  await writeFileAtomically(file, [Buffer.from(reportHtml(report))])
}

export function reportHtml({ title, lede, figures, sections }: Report): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${css}</style>
</head>
<body>
<header>
<h1>${escapeHtml(title)}</h1>
<p class="lede">${escapeHtml(lede)}</p>
<dl class="figures">${figures.map(([value, name]) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`).join('')}</dl>
</header>
${sections.map(sectionHtml).join('\n')}
</body>
</html>
`
}

function sectionHtml({ id, title, text, content }: Section): string {
  return `<section${id === undefined ? '' : ` id="${escapeHtml(id)}"`}>
<h2>${escapeHtml(title)}</h2>
${text ? `<p>${escapeHtml(text)}</p>` : ''}
${content}
</section>`
}

/** Parts side by side where there is room. */
export function columns(...parts: readonly string[]): string {
  return `<div class="columns">${parts.map((part) => `<div>${part}</div>`).join('')}</div>`
}

/** A part with a heading of its own. */
export function captioned(caption: string, content: string): string {
  return `<h3>${escapeHtml(caption)}</h3>${content}`
}

/** Two columns: what, and its value. */
export function table(rows: readonly (readonly [string, string])[]): string {
  const body = rows.map(
    ([name, value]) => `<tr><th scope="row">${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`,
  )
  return `<table>${body.join('')}</table>`
}

export interface Picture {
  /** A data URI. */
  readonly source: string
  readonly caption: string
  /** Below the caption. */
  readonly note?: string
  readonly isWrong?: boolean
}

/** Pictures with captions; wrong ones are framed and their captions crossed with a sign, not told by colour alone. */
export function gallery(pictures: readonly Picture[]): string {
  const items = pictures.map(({ source, caption, note, isWrong = false }) => {
    const words = `${isWrong ? '✗ ' : ''}${escapeHtml(caption)}${note ? `<small>${escapeHtml(note)}</small>` : ''}`
    return `<figure${isWrong ? ' class="wrong"' : ''}><img src="${source}" alt="${escapeHtml(note ?? caption)}"><figcaption>${words}</figcaption></figure>`
  })
  return `<div class="gallery">${items.join('')}</div>`
}

export function picture(source: string, alt: string): string {
  return `<img class="sheet" src="${source}" alt="${escapeHtml(alt)}">`
}

const css = `
:root { color: #1c2733; background: #fff; font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
body { max-width: 1120px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 32px; line-height: 1.2; margin: 0 0 8px; letter-spacing: -0.01em; }
h2 { font-size: 21px; margin: 0 0 4px; }
h3 { font-size: 14px; margin: 0 0 6px; color: #4a5866; font-weight: 600; }
p { margin: 0 0 16px; max-width: 75ch; color: #4a5866; }
.lede { font-size: 17px; }
section { border-top: 1px solid #dde3ea; padding-top: 24px; margin-top: 32px; }
.figures { display: flex; flex-wrap: wrap; gap: 12px; margin: 24px 0 0; }
section .figures { margin: 16px 0; }
.figures div { flex: 1 1 150px; background: #f4f7fb; border-radius: 8px; padding: 14px 16px; display: flex; flex-direction: column-reverse; justify-content: flex-end; }
.figures dt { color: #4a5866; font-size: 13px; }
.figures dd { margin: 0; font-size: 25px; font-weight: 650; font-variant-numeric: tabular-nums; line-height: 1.25; }
.columns { display: flex; flex-wrap: wrap; gap: 24px; align-items: flex-start; }
.columns > div { flex: 1 1 0; min-width: min(100%, 320px); }
.columns > div:has(.wide) { flex: 2 1 0; }
svg { max-width: 100%; height: auto; overflow: visible; }
.keys { display: flex; gap: 18px; font-size: 13px; margin-bottom: 2px; }
.key::before { content: ""; display: inline-block; width: 16px; height: 3px; border-radius: 2px; background: var(--color); margin-right: 6px; vertical-align: middle; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 6px 24px 6px 0; border-bottom: 1px solid #e8edf2; vertical-align: top; }
th { font-weight: 500; color: #4a5866; white-space: nowrap; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(96px, 1fr)); gap: 12px; }
.gallery figure { margin: 0; border-radius: 8px; background: #f4f7fb; overflow: hidden; border: 2px solid transparent; }
.gallery img { display: block; width: 100%; image-rendering: pixelated; background: #000; }
.gallery figcaption { font-size: 12px; line-height: 1.3; padding: 5px 6px 6px; }
.gallery small { display: block; color: #64717f; font-size: 11px; }
.gallery .wrong { border-color: #c0392b; background: #fdf1ef; }
.gallery .wrong figcaption { color: #a12a1c; font-weight: 600; }
.gallery .wrong small { color: #a12a1c; font-weight: 400; }
.sheet { max-width: 100%; image-rendering: pixelated; }
.expression { display: flex; flex-wrap: wrap; align-items: center; gap: 14px; margin: 0 0 16px; }
.expression figure { margin: 0; text-align: center; } .expression figcaption { font-size: 12px; color: #64717f; margin-top: 2px; }
.expression .expression { gap: 6px; margin: 0 14px 0 0; } .expression > span { font-size: 21px; color: #4a5866; }
.grid rect { stroke: #b8c2cc; } .grid text { text-anchor: middle; dominant-baseline: central; fill: #1c2733; font-variant-numeric: tabular-nums; }
.contents { width: 100%; margin-top: 12px; }
.contents td:last-child, .number { text-align: right; }
a { color: #0b5cad; text-decoration: none; } a:hover { text-decoration: underline; }
.scroll { overflow-x: auto; margin: 0 0 16px; }
thead th { border-bottom: 1px solid #b8c2cc; }
.printed { background: #f4f7fb; border-radius: 8px; padding: 12px 16px; overflow-x: auto; font: 13px/1.45 ui-monospace, "DejaVu Sans Mono", monospace; margin: 0 0 16px; }
.check { margin: 0 0 6px; max-width: none; color: #1c2733; }
.check .mark { color: #1a7f37; font-weight: 700; } .check.untrue, .check.untrue .mark { color: #a12a1c; font-weight: 600; }
.check + .printed { margin-top: 14px; }
.measured { color: #64717f; font-size: 13px; }
.note { font-size: 13px; margin-top: 14px; }
section > .figures { margin: 16px 0; }
section h3 { margin-top: 20px; }
@media print { body { max-width: none; padding: 0; } section { break-inside: avoid; } }
`
