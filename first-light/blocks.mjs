// What a stage's part of the report is made of: paragraphs, listings, tables.

/** A paragraph, or, `asIs`, a listing. */
export const text = (content, asIs = false) => ({ kind: asIs ? 'listing' : 'text', content })

/** Cells are texts or numbers; a head of empty cells is left out where it can be. */
export const table = (head, rows) => ({ kind: 'table', head, rows })

/** A number with three figures that count. */
export function figure(value) {
  if (value === undefined || value === null || !Number.isFinite(value)) return '–'
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : Number(value.toPrecision(3)).toString()
}
