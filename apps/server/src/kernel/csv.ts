import { Readable } from 'node:stream'
import { Produced } from './http.ts'

/** One value of a CSV file (RFC 4180). What a spreadsheet would run as a formula begins with an apostrophe, so that it is shown as text. */
function cell(value: string | number | null): string {
  const text = value === null ? '' : String(value)
  const inert = typeof value === 'string' && /^\s*[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert
}

const line = (values: readonly (string | number | null)[]) => `${values.map(cell).join(',')}\r\n`

/**
 * A CSV file, written page by page while it is sent.
 * @param chunks yields some rows at a time
 * @param max rows at most; a last line says that there are more
 */
export function csvFile(
  name: string,
  header: readonly string[],
  chunks: AsyncIterable<readonly (readonly (string | number | null)[])[]>,
  max: number,
): Produced {
  async function* lines() {
    yield line(header)
    let left = max
    for await (const rows of chunks) {
      yield rows.slice(0, left).map(line).join('')
      left -= rows.length
      if (left >= 0) continue
      yield line([`Only the first ${max.toLocaleString('en-US')} are listed. Narrow the filter for the others.`])
      return
    }
  }
  return new Produced(Readable.from(lines()), { 'content-disposition': `attachment; filename="${name}"` })
}
