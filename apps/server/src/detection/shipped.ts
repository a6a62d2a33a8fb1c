import { AppProblem, invalid } from '../kernel/problems.ts'

/** Actions of one request of the bulk API. */
const maxBulkItems = 50_000
/** Items of an answer that are written at once. */
const itemsAtOnce = 500
/** Paths of an answer that a caller may ask for, and names in each. */
const maxPaths = 20
const maxNames = 8

interface BulkItem {
  readonly action: string
  readonly index: string
  readonly id: string | null
}

/**
 * Reads a body of Elasticsearch's bulk API: an action, and for all but delete a document, a line each.
 * @throws AppProblem invalid, naming the line, or too-large
 */
function readBulk(body: Buffer, index: string | undefined): { lines: Buffer; items: BulkItem[] } {
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

/** Paths of an answer: names, of which each may have wildcards. */
type Paths = readonly (readonly string[])[]

/** The paths of Elasticsearch's `filter_path`, such as `errors,items.*.error`. @throws AppProblem invalid */
function pathsOf(filter: string): Paths {
  const paths = filter.split(',', maxPaths + 1).map(path => path.trim().split('.', maxNames + 1))
  if (paths.length > maxPaths || paths.some(names => names.length > maxNames))
    throw invalid('filter_path', `must be at most ${maxPaths} paths of at most ${maxNames} names each`)
  if (paths.some(([first = '']) => first.startsWith('-'))) throw invalid('filter_path', 'cannot exclude fields; name those that are wanted')
  return paths.filter(([first]) => first !== '')
}

/** True where the name meets the pattern; `*` is any text. Each part is looked for once, from left to right. */
function isNamed(name: string, pattern: string): boolean {
  const [first = '', ...parts] = pattern.split('*')
  const last = parts.pop()
  if (last === undefined) return name === pattern
  if (!name.startsWith(first)) return false
  let at = first.length
  for (const part of parts) {
    const found = name.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return name.length - last.length >= at && name.endsWith(last)
}

/** What of a value the paths want; undefined where they want nothing of it. `**` is any number of names. */
function filtered(value: unknown, paths: Paths): unknown {
  if (paths.some(path => path.every(name => name === '**'))) return value
  if (typeof value !== 'object' || value === null) return undefined
  const kept = Object.entries(value).flatMap(([name, inner]) => {
    const rest = [...new Map(paths.flatMap(path => after(name, path)).map(path => [path.join('.'), path])).values()]
    const part = rest.length === 0 ? undefined : filtered(inner, rest)
    return part === undefined ? [] : [[name, part] as const]
  })
  return kept.length === 0 ? undefined : Object.fromEntries(kept)
}

/** What is left of a path behind a name. */
function after(name: string, [first = '', ...rest]: readonly string[]): readonly (readonly string[])[] {
  if (first !== '**') return isNamed(name, first) ? [rest] : []
  return [['**', ...rest], ...after(name, rest)]
}

/** What the answer of the bulk API is made of, beside its items. */
export interface BulkAsked {
  /** The one of the address. */
  readonly index: string | undefined
  /** Elasticsearch's `filter_path`. */
  readonly filter: string | undefined
  /** Too much waits: nothing is taken. */
  readonly isRefused: boolean
}

/** A body of the bulk API: its events, and the answer. @throws AppProblem */
export function takeBulk(body: Buffer, { index, filter, isRefused }: BulkAsked): { lines: Buffer; answer: Buffer } {
  const { lines, items } = readBulk(body, index)
  const wanted = filter === undefined ? undefined : pathsOf(filter)
  return { lines: isRefused ? Buffer.alloc(0) : lines, answer: Buffer.from([...bulkAnswer(items, isRefused, wanted)].join('')) }
}

/** The answer, in pieces. @param wanted paths that the caller asked for */
function* bulkAnswer(items: readonly BulkItem[], isRefused: boolean, wanted: Paths | undefined): Generator<string> {
  const head = { took: 1, errors: isRefused }
  const said = wanted === undefined ? head : (filtered(head, wanted) ?? {})
  const ofItem = wanted?.flatMap(path => after('items', path))
  const start = JSON.stringify(said).slice(0, -1)
  let count = 0
  for (let from = 0; from < items.length && ofItem?.length !== 0; from += itemsAtOnce) {
    const texts = items.slice(from, from + itemsAtOnce).flatMap(item => {
      const whole = bulkItem(item, isRefused)
      const kept = ofItem === undefined ? whole : filtered(whole, ofItem)
      return kept === undefined ? [] : [JSON.stringify(kept)]
    })
    if (texts.length === 0) continue
    yield `${count === 0 ? `${start}${start === '{' ? '' : ','}"items":[` : ','}${texts.join(',')}`
    count += texts.length
  }
  if (count > 0) yield ']}'
  else yield wanted === undefined ? `${start},"items":[]}` : `${start}}`
}

function bulkItem({ action, index, id }: BulkItem, isRefused: boolean): object {
  const common = { _index: index, _id: id }
  if (isRefused)
    return {
      [action]: { ...common, status: 429, error: { type: 'es_rejected_execution_exception', reason: 'Too many events are queued. Try again.' } },
    }
  return { [action]: { ...common, _version: 1, result: action === 'delete' ? 'not_found' : 'created', status: action === 'delete' ? 404 : 201 } }
}
