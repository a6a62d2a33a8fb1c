import { CliProblem } from './output.ts'

const maxBytes = 1_000_000_000

/**
 * Lines of JSON from what may be lines already, one list of events, or one event over several lines. Only the latter two are held in
 * memory as a whole.
 */
export async function* jsonDocuments(pieces: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  const iterator = pieces[Symbol.asyncIterator]()
  const held: Buffer[] = []
  let size = 0
  // Until the first line is whole, or the first sign tells.
  for (;;) {
    const next = await iterator.next()
    if (next.done === true) break
    held.push(next.value)
    size += next.value.length
    const start = Buffer.concat(held)
    const text = start
      .toString('utf8')
      .replace(/^\u{feff}/u, '')
      .trimStart()
    if (text.startsWith('[')) {
      yield* oneDocument(held, size, iterator)
      return
    }
    const newline = text.indexOf('\n')
    if (newline < 0 && size < maxBytes) continue
    if (isJson(text.slice(0, newline)) || !text.startsWith('{')) break
    yield* oneDocument(held, size, iterator)
    return
  }
  const start = Buffer.concat(held)
  yield start.subarray(start[0] === 0xef && start[1] === 0xbb && start[2] === 0xbf ? 3 : 0)
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value
}

/** Whether a text is one whole JSON value. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

async function* oneDocument(held: Buffer[], size: number, iterator: AsyncIterator<Buffer>): AsyncIterable<Buffer> {
  const pieces = [...held]
  let bytes = size
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    pieces.push(next.value)
    bytes += next.value.length
    if (bytes > maxBytes) throw new CliProblem(`A JSON document can be at most ${maxBytes / 1e9} GB. Write one event per line instead.`, 2)
  }
  const text = Buffer.concat(pieces)
    .toString('utf8')
    .replace(/^\u{feff}/u, '')
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (error) {
    // The first line alone may have been broken: then each line is judged by itself.
    if (!text.trimStart().startsWith('[')) {
      yield Buffer.from(text)
      return
    }
    throw new CliProblem(`The input starts as a JSON array of events but is not valid JSON: ${(error as Error).message}`, 2)
  }
  for (const event of Array.isArray(document) ? document : [document]) yield Buffer.from(`${JSON.stringify(event)}\n`)
}
