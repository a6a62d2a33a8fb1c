import { AppProblem, invalid } from '../kernel/problems.ts'

/** Actions of one request of the bulk API. */
const maxBulkItems = 50_000

/** Lines that begin as a JSON object does, and others; empty ones are neither. What only looks like an object is found when it is matched. */
export function countLines(lines: Buffer): { events: number; others: number } {
  const count = { events: 0, others: 0 }
  for (let at = 0; at < lines.length; ) {
    const end = lines.indexOf(10, at)
    const to = end < 0 ? lines.length : end
    const first = lines.subarray(at, to).find(byte => byte > 32)
    if (first === 0x7b) count.events++
    else if (first !== undefined) count.others++
    at = to + 1
  }
  return count
}

export interface BulkItem {
  readonly action: string
  readonly index: string
  readonly id: string | null
}

/**
 * Reads a body of Elasticsearch's bulk API: an action, and for all but delete a document, a line each.
 * @throws AppProblem invalid, naming the line, or too-large
 */
export function readBulk(body: Buffer, index: string | undefined): { lines: Buffer; items: BulkItem[] } {
  const items: BulkItem[] = []
  const pieces: Buffer[] = []
  let number = 0
  const next = (from: number): [Buffer, number] => {
    const end = body.indexOf(10, from)
    number++
    return end < 0 ? [body.subarray(from), body.length] : [body.subarray(from, end + 1), end + 1]
  }
  for (let at = 0; at < body.length; ) {
    const [line, after] = next(at)
    at = after
    if (line.toString('latin1').trim() === '') continue
    if (items.length === maxBulkItems)
      throw new AppProblem(
        'too-large',
        `A bulk request may have at most ${maxBulkItems.toLocaleString('en')} actions. Nothing was stored. Send smaller batches.`,
      )
    const [action = '', meta] = actionOf(line, number)
    items.push({ action, index: meta._index ?? index ?? 'logs', id: meta._id ?? null })
    if (action === 'delete') continue
    if (at >= body.length) throw invalid(`line ${number}`, 'is an action without its document')
    const [document, end] = next(at)
    at = end
    pieces.push(document.at(-1) === 10 ? document : Buffer.concat([document, Buffer.from('\n')]))
  }
  return { lines: Buffer.concat(pieces), items }
}

function actionOf(line: Buffer, number: number): [string, { _index?: string; _id?: string }] {
  const problem = () => invalid(`line ${number}`, 'must be an action of the bulk API, such as {"create":{}}')
  let value: unknown
  try {
    value = JSON.parse(line.toString('utf8'))
  } catch {
    throw problem()
  }
  const [entry, ...rest] = typeof value === 'object' && value !== null ? Object.entries(value) : []
  if (entry === undefined || rest.length > 0 || !['create', 'index', 'update', 'delete'].includes(entry[0])) throw problem()
  const meta = entry[1] as { _index?: unknown; _id?: unknown } | null
  return [entry[0], { ...(typeof meta?._index === 'string' ? { _index: meta._index } : {}), ...(typeof meta?._id === 'string' ? { _id: meta._id } : {}) }]
}
