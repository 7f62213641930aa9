// The report of the examples: one file that loads nothing, with text that cannot become markup.
import { readdirSync, readFileSync } from 'node:fs'
import test from 'ava'
import sharp from 'sharp'
import { confusionMatrix, lineChart, scatterChart, shareBars } from '../examples/support/charts.js'
import { greyPicture, signedTiles } from '../examples/support/pictures.js'
import { captioned, columns, gallery, picture, reportHtml, table, writeReport } from '../examples/support/report.js'
import { temporaryFolder } from './support/temporary.js'

const inFolder = temporaryFolder()
const evil = '<script>alert("&")</script>'
const names = ['cat', evil]
const line = { name: evil, points: [[0, 1] as const, [1, 0.5] as const] }

async function wholeReport() {
  const source = await greyPicture(new Uint8Array(4).fill(9), 2, 2)
  const content = [
    columns(captioned(evil, lineChart([line, { ...line, dots: true }], { x: evil, y: 'loss', xDomain: [0, 1] }))),
    confusionMatrix(
      [
        [9, 1],
        [0, 10],
      ],
      names,
    ),
    shareBars(
      [
        ['cat', 0.9],
        [evil, 1],
      ],
      evil,
    ),
    scatterChart([{ name: evil, x: 1, y: 0.5 }], { x: evil, y: evil, percent: true }),
    gallery([{ source, caption: evil, note: evil, isWrong: true }]),
    picture(source, evil),
    table([[evil, evil]]),
  ]
  return {
    title: evil,
    lede: evil,
    figures: [[evil, evil]] as const,
    sections: [{ title: evil, text: evil, content: content.join('') }],
  }
}

test('a report loads nothing and no text of it is markup', async (t) => {
  const html = reportHtml(await wholeReport())
  t.notRegex(html, /<script|<link|<iframe|<object|@import|url\(|\bon[a-z]+=/i)
  t.notRegex(html, /(?:src|href)="(?!data:image\/png;base64,)/)
  t.regex(html, /&#60;script&#62;|&lt;script/)
  t.is(html.match(/<svg/g)?.length, 4)
})

test('names of a scatter chart stay in the frame and do not lie over each other', (t) => {
  const name = 'as long as this'
  const points = [
    [1, 0],
    [1.05, 0.01],
    [9.5, 1],
    [10, 1.01],
  ].map(([x, y]) => ({ name, x: x!, y: y! }))
  const html = scatterChart(points, { x: 'cost', y: 'gain', width: 400 })
  const number = '(-?[\\d.]+)'
  const place = `translate\\(${number},${number}\\)"`
  // Without text-anchor, a text is centred.
  const pattern = new RegExp(`${place}(?: text-anchor="(\\w+)")?[^>]*><text transform="${place}[^>]*>${name}<`, 'g')
  const width = 6 * name.length
  const starts: Record<string, number> = { start: 0, middle: -width / 2, end: -width }
  const boxes = [...html.matchAll(pattern)].map(([, dx, dy, anchor = 'middle', x, y]) => ({
    left: Number(x) + Number(dx) + starts[anchor]!,
    middle: Number(y) + Number(dy),
  }))
  t.is(boxes.length, points.length)
  for (const [i, { left, middle }] of boxes.entries()) {
    t.true(left >= 0 && left + width <= 400, `${left} to ${left + width}`)
    const over = boxes
      .slice(i + 1)
      .some((other) => Math.abs(other.left - left) < width && Math.abs(other.middle - middle) < 12)
    t.false(over, `${i} lies over another`)
  }
})

test('it is written whole, into a new folder', async (t) => {
  await writeReport(inFolder('new', 'folder', 'report.html'), await wholeReport())
  t.deepEqual(readdirSync(inFolder('new', 'folder')), ['report.html'])
  t.true(readFileSync(inFolder('new', 'folder', 'report.html'), 'utf8').endsWith('</html>\n'))
})

async function pixelsOf(uri: string) {
  const png = Buffer.from(uri.slice(uri.indexOf(',') + 1), 'base64')
  const { data, info } = await sharp(png)
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  const at = (x: number, y: number) => [...data.subarray((y * info.width + x) * info.channels).subarray(0, 3)]
  return { at, width: info.width, height: info.height }
}

test('grey pictures keep their pixels', async (t) => {
  const { at, width, height } = await pixelsOf(await greyPicture(Uint8Array.of(0, 50, 100, 255), 2, 2, 3))
  t.deepEqual([width, height], [6, 6])
  t.deepEqual(
    [at(0, 0), at(3, 0), at(2, 5), at(5, 5)],
    [
      [0, 0, 0],
      [50, 50, 50],
      [100, 100, 100],
      [255, 255, 255],
    ],
  )
})

test('signed tiles: blue below zero, white at it, red above', async (t) => {
  const options = { count: 2, width: 2, height: 1, columns: 2, scale: 2 }
  const { at, width, height } = await pixelsOf(await signedTiles([-3, 3, 0, 0], options))
  t.deepEqual([width, height], [20, 8])
  t.deepEqual(
    [at(3, 3), at(5, 3), at(0, 0)],
    [
      [33, 102, 172],
      [178, 24, 43],
      [255, 255, 255],
    ],
  )
  t.deepEqual(
    [at(13, 3), at(15, 3)],
    [
      [255, 255, 255],
      [255, 255, 255],
    ],
  )
})
