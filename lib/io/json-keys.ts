// Finds an object key that a JSON text repeats; JSON.parse would silently keep the last one.

/** The first key that one object of `text` has twice, or undefined. `text` must be valid JSON. */
export function duplicateKey(text: string): string | undefined {
  const objects: Set<string>[] = []
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '{') objects.push(new Set())
    else if (character === '}') objects.pop()
    if (character !== '"') continue
    const end = endOfString(text, at)
    if (isKey(text, end)) {
      const key = JSON.parse(text.slice(at, end)) as string
      const keys = objects.at(-1)
      if (keys?.has(key)) return key
      keys?.add(key)
    }
    at = end - 1
  }
  return undefined
}

/** Where the string that opens at `start` has ended, closing quote included. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

function isKey(text: string, at: number): boolean {
  while (at < text.length && ' \t\n\r'.includes(text[at]!)) at++
  return text[at] === ':'
}
