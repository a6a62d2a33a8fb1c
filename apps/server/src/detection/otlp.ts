import { AppProblem, invalid } from '../kernel/problems.ts'

/**
 * OpenTelemetry logs over HTTP (OTLP 1.x, ExportLogsServiceRequest), in JSON or protobuf, as lines of JSON: attributes of the resource
 * and of the record become fields, a body that is itself a map becomes fields too.
 */
export function otlpLines(body: Buffer, contentType: string): Buffer {
  if (contentType === 'application/x-protobuf') return lines(decodeRequest(body))
  if (contentType !== 'application/json') throw invalid('Content-Type', 'must be application/json or application/x-protobuf')
  let request: unknown
  try {
    const text = body.toString('utf8')
    request = hasProtobufNames.test(text) ? JSON.parse(text, withJsonNames) : JSON.parse(text)
  } catch (error) {
    throw invalid('body', `is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (typeof request !== 'object' || request === null || Array.isArray(request)) throw invalid('body', 'must be an ExportLogsServiceRequest: a JSON object')
  if (!('resourceLogs' in request) && Object.keys(request).length > 0) throw invalid('resourceLogs', 'is missing. Nothing was stored')
  return lines(request)
}

/** Names as protobuf writes them, which its JSON mapping allows beside its own, or as OTLP called them before 1.0. Data never are names: maps are lists of pairs. */
const hasProtobufNames = /"(?:[a-z]+(?:_[a-z]+)+|instrumentationLibraryLogs)"\s*:/

/** A reviver for JSON.parse that gives each field the name that is read here. */
function withJsonNames(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [jsonName(name), inner]))
}

function jsonName(name: string): string {
  const camel = name.replace(/_([a-z])/g, (_, first: string) => first.toUpperCase())
  return camel === 'instrumentationLibraryLogs' ? 'scopeLogs' : camel
}

interface AnyValue {
  readonly stringValue?: string
  readonly boolValue?: boolean
  readonly intValue?: string | number
  readonly doubleValue?: number
  readonly arrayValue?: { readonly values?: readonly AnyValue[] }
  readonly kvlistValue?: { readonly values?: readonly KeyValue[] }
  readonly bytesValue?: string
}
interface KeyValue {
  readonly key?: string
  readonly value?: AnyValue
}
interface LogRecord {
  readonly timeUnixNano?: string | number
  readonly observedTimeUnixNano?: string | number
  readonly severityText?: string
  readonly body?: AnyValue
  readonly attributes?: readonly KeyValue[]
}
interface Request {
  readonly resourceLogs?: readonly {
    readonly resource?: { readonly attributes?: readonly KeyValue[] }
    readonly scopeLogs?: readonly { readonly logRecords?: readonly LogRecord[] }[]
  }[]
}

const maxDepth = 50
/** The attributes of a resource are written with each of its records: few bytes of a request could become any number of events. */
const maxBytes = 32 * 1_048_576
const pieceLength = 1_048_576

function plain(value: AnyValue | undefined, depth = 0): unknown {
  if (value === undefined || value === null || depth > maxDepth) return null
  if (value.stringValue !== undefined) return scalar(value.stringValue, 'stringValue')
  if (value.boolValue !== undefined) return scalar(value.boolValue, 'boolValue')
  // 64 bits come as a text: a number keeps what it can hold exactly.
  if (value.intValue !== undefined) return Number.isSafeInteger(Number(value.intValue)) ? Number(value.intValue) : String(value.intValue)
  if (value.doubleValue !== undefined) return scalar(value.doubleValue, 'doubleValue')
  if (value.arrayValue !== undefined) return listOf(value.arrayValue.values, 'arrayValue.values').map(inner => plain(inner, depth + 1))
  if (value.kvlistValue !== undefined) return fields(value.kvlistValue.values, depth + 1)
  return scalar(value.bytesValue, 'bytesValue') ?? null
}

/** @throws AppProblem invalid for what is not a single value, which could be nested at any depth */
function scalar(value: unknown, name: string): unknown {
  if (typeof value === 'object' && value !== null) throw invalid(name, 'must be a single value')
  return value
}

const fields = (list: readonly KeyValue[] | undefined, depth = 0): Record<string, unknown> =>
  Object.fromEntries(listOf(list, 'attributes').map(({ key, value }) => [String(scalar(key, 'key') ?? ''), plain(value, depth)]))

function lines(request: Request): Buffer {
  const pieces: Buffer[] = []
  let piece = ''
  let size = 0
  for (const { resource, scopeLogs } of listOf(request.resourceLogs, 'resourceLogs')) {
    const common = fields(resource?.attributes)
    for (const { logRecords } of listOf(scopeLogs, 'scopeLogs'))
      for (const record of listOf(logRecords, 'logRecords')) {
        const body = plain(record.body)
        const isMap = typeof body === 'object' && body !== null && !Array.isArray(body)
        const nanoseconds = String(record.timeUnixNano ?? record.observedTimeUnixNano ?? '')
        const line = JSON.stringify({
          ...common,
          ...fields(record.attributes),
          ...(isMap ? body : { message: body }),
          ...(/^\d{12,20}$/.test(nanoseconds) ? { '@timestamp': new Date(Number(BigInt(nanoseconds) / 1_000_000n)).toISOString() } : {}),
          ...(record.severityText ? { 'log.level': record.severityText } : {}),
        })
        size += line.length + 1
        if (size > maxBytes)
          throw new AppProblem(
            'too-large',
            `With the attributes of their resources the events are larger than ${maxBytes / 1_048_576} MB. Nothing was stored. Send smaller batches.`,
          )
        piece += `${line}\n`
        // A string takes more memory than its bytes: not all of a request at once.
        if (piece.length > pieceLength) {
          pieces.push(Buffer.from(piece))
          piece = ''
        }
      }
  }
  return Buffer.concat([...pieces, Buffer.from(piece)])
}

function listOf<T>(value: readonly T[] | undefined, path: string): readonly T[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value) || value.some(item => typeof item !== 'object' || item === null)) throw invalid(path, 'must be a list of objects')
  return value
}

/** Reads protobuf's wire format: fields of a message by number. */
class Wire {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** Calls `take` for each field: varints and fixed numbers as bigint, everything else as bytes. */
  each(take: (field: number, value: bigint | Buffer) => void): void {
    while (this.#at < this.#bytes.length) {
      const tag = this.#varint()
      const field = Number(tag >> 3n)
      const type = Number(tag & 7n)
      if (type === 0) take(field, this.#varint())
      else if (type === 1) take(field, this.#slice(8).readBigUInt64LE())
      else if (type === 2) take(field, this.#slice(Number(this.#varint())))
      else if (type === 5) take(field, BigInt(this.#slice(4).readUInt32LE()))
      else throw invalid('body', `has the wire type ${type}, which is not valid in protobuf 3`)
    }
  }

  #slice(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw invalid('body', 'is truncated: not a complete ExportLogsServiceRequest')
    const slice = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return slice
  }

  #varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#slice(1)[0] ?? 0
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return BigInt.asUintN(64, value)
    }
    throw invalid('body', 'has a varint longer than 10 bytes')
  }
}

const inner = (value: bigint | Buffer): Buffer => (Buffer.isBuffer(value) ? value : Buffer.alloc(0))

/** Messages of one field of a message. */
function messages<T>(bytes: Buffer, field: number, decode: (bytes: Buffer) => T): T[] {
  const found: T[] = []
  new Wire(bytes).each((number, value) => {
    if (number === field) found.push(decode(inner(value)))
  })
  return found
}

/** Numbers of fields: opentelemetry/proto/logs/v1/logs.proto, common/v1/common.proto. */
const decodeRequest = (bytes: Buffer): Request => ({
  resourceLogs: messages(bytes, 1, logs => ({
    resource: { attributes: messages(logs, 1, resource => messages(resource, 1, decodeKeyValue)).flat() },
    scopeLogs: messages(logs, 2, scope => ({ logRecords: messages(scope, 2, decodeRecord) })),
  })),
})

function decodeRecord(bytes: Buffer): LogRecord {
  const record: { -readonly [K in keyof LogRecord]: LogRecord[K] } & { attributes: KeyValue[] } = { attributes: [] }
  new Wire(bytes).each((field, value) => {
    if (field === 1) record.timeUnixNano = String(value)
    else if (field === 11) record.observedTimeUnixNano = String(value)
    else if (field === 3) record.severityText = inner(value).toString('utf8')
    else if (field === 5) record.body = decodeAny(inner(value), 0)
    else if (field === 6) record.attributes.push(decodeKeyValue(inner(value)))
  })
  return record
}

function decodeKeyValue(bytes: Buffer, depth = 0): KeyValue {
  let key = ''
  let value: AnyValue = {}
  new Wire(bytes).each((field, content) => {
    if (field === 1) key = inner(content).toString('utf8')
    else if (field === 2) value = decodeAny(inner(content), depth + 1)
  })
  return { key, value }
}

function decodeAny(bytes: Buffer, depth: number): AnyValue {
  if (depth > maxDepth) throw invalid('body', `nests values more than ${maxDepth} levels deep`)
  let found: AnyValue = {}
  new Wire(bytes).each((field, value) => {
    if (field === 1) found = { stringValue: inner(value).toString('utf8') }
    else if (field === 2) found = { boolValue: value !== 0n }
    else if (field === 3 && typeof value === 'bigint') found = { intValue: String(BigInt.asIntN(64, value)) }
    else if (field === 4 && typeof value === 'bigint') found = { doubleValue: doubleOf(value) }
    else if (field === 5) found = { arrayValue: { values: messages(inner(value), 1, item => decodeAny(item, depth + 1)) } }
    else if (field === 6) found = { kvlistValue: { values: messages(inner(value), 1, item => decodeKeyValue(item, depth + 1)) } }
    else if (field === 7) found = { bytesValue: inner(value).toString('base64') }
  })
  return found
}

function doubleOf(bits: bigint): number {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(bits)
  return bytes.readDoubleLE()
}
