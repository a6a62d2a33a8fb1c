import type { Random } from './random.ts'

export type Schema = Readonly<Record<string, unknown>>

const schemaOf = (value: unknown): Schema => (typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {})
const schemasOf = (value: unknown): Schema[] => (Array.isArray(value) ? value.map(schemaOf) : [])

/** What programs trip over, whatever the schema says. Some are made when asked for, as they are large. */
const hostile: readonly (() => unknown)[] = [
  ...[null, true, 0, -1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 63), 1e308, Number.MIN_VALUE].map(value => () => value),
  ...['', ' ', '\0', '\ud800', '\u202e', '\u200b', '%', '%00', '../../etc/passwd', "' or 1=1 --", '"; drop table people; --', '{{7*7}}'].map(
    value => () => value,
  ),
  ...['<script>alert(1)</script>', '=cmd|x', '\r\nBcc: x@evil.test', 'constructor', '__proto__', 'toString', 'NaN', 'null', '-0', '1e999', '💥'].map(
    value => () => value,
  ),
  ...['0000-01-01', '2026-02-30', '9999-12-31', '2026-11-23T24:00:00Z', '0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z', '+275760-09-13T00:00:00Z'].map(
    value => () => value,
  ),
  ...['http://169.254.169.254/', 'file:///etc/passwd', 'javascript:alert(1)', 'https://[::1]/', 'a@b', '00000000-0000-0000-0000-000000000000'].map(
    value => () => value,
  ),
  () => 'a'.repeat(70_000),
  () => '\u0301'.repeat(5_000),
  () => '('.repeat(3_000),
  () => [],
  () => ({}),
  () => [[]],
  () => ({ constructor: 1, toString: 2, hasOwnProperty: 3, length: -1 }),
  () => JSON.parse('{"__proto__":{"isAdministrator":true}}'),
  () => JSON.parse(`${'['.repeat(150)}${']'.repeat(150)}`),
  () => Array.from({ length: 2_000 }, (_, n) => n),
  () => Object.fromEntries(Array.from({ length: 2_000 }, (_, n) => [`key${n}`, n])),
]

/** Words of the field, so that names are met again: equal names, known services, labels that rules ask for. */
const words = ['billing', 'web', 'db-1', 'Globex', 'Suspicious sign-in', 'root', 'UTC', 'Europe/Berlin', '203.0.113.7', 'a'.repeat(64), 'x'] as const

/** Texts of some shape, for fields whose schema says which by a regular expression. */
const shaped = ['08:00', '23:59', '2026-11-23T00:00', '2026-11-23', '1234567890', '123456', 'a'.repeat(64), 'T1566.001', 'abc', 'ABC', '#00ff00'] as const

const rule = 'title: Fuzzed\nlogsource:\n  product: linux\ndetection:\n  selection:\n    message|contains: fuzzed\n  condition: selection\n'

/** What a field of this name takes, where its schema says only that it is text. */
const named: Readonly<Record<string, readonly string[]>> = {
  timeZone: ['UTC', 'Europe/Berlin', 'America/New_York', 'Pacific/Apia'],
  address: ['kim@tocsin.test', 'https://pager.example/hook', '+14155550123'],
  senders: ['203.0.113.7', '203.0.113.0/24', '2001:db8::/32'],
  networks: ['203.0.113.7', '127.0.0.0/8', '2001:db8::/32'],
  value: ['203.0.113.7', 'evil.example', 'https://evil.example/x', 'a'.repeat(64)],
  text: [rule],
}

/** What something else is to be later than. */
const isStart = /^(start|from|since|after|begin)/

const nobody = '01900000-0000-7000-8000-000000000000'
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
/** Of one kind: enough to be met again, and few enough that several inputs are about the same thing. */
const maxIds = 40

/** What something is of, by the name of a field or of a part of an address: `memberIds` and `members` are of a member, `report-files` of a file. */
export function kindOf(name: string): string {
  const bare = (name.split('-').at(-1) ?? '').replace(/Ids?$/, '')
  if (bare === 'people') return 'person'
  if (bare.endsWith('ies')) return `${bare.slice(0, -3)}y`
  return bare.replace(/s$/, '')
}

/** Values that a schema describes, and those that it does not. */
export class Values {
  readonly #random: Random
  readonly #components: Readonly<Record<string, Schema>>
  /** IDs that the server named, by what they are of, so that what is sent is about something. */
  readonly #ids = new Map<string, string[]>()
  /** The version of each as it was last read. */
  readonly #versions = new Map<string, number>()
  /** What the address of a request names. */
  #subject = nobody

  constructor(random: Random, components: Readonly<Record<string, Schema>>) {
    this.#random = random
    this.#components = components
  }

  /** Remembers the IDs in an answer, of which the last of each kind are kept. `kind` is what the answer itself is or lists. */
  learn(answer: unknown, kind: string): void {
    if (Array.isArray(answer)) {
      for (const item of answer.slice(0, 50)) this.learn(item, kind)
      return
    }
    const { id, version } = schemaOf(answer)
    if (typeof id === 'string' && typeof version === 'number') this.#versions.set(id, version)
    for (const [name, value] of Object.entries(schemaOf(answer))) {
      if (typeof value === 'string') {
        if (uuid.test(value)) this.#remember(name === 'id' ? kind : kindOf(name), value)
      } else if (name === 'items') this.learn(value, kind)
      else this.learn(value, kindOf(name))
    }
  }

  #remember(kind: string, id: string): void {
    const known = this.#ids.get(kind) ?? []
    if (known.includes(id)) return
    if (known.length < maxIds) known.push(id)
    else known[this.#random.below(known.length)] = id
    this.#ids.set(kind, known)
  }

  /** An ID of something of this kind, or of anything where the name says too little, such as `ownerId`. */
  #id(kind: string): string {
    const random = this.#random
    const known = random.once(20) ? [] : (this.#ids.get(kind) ?? this.#ids.get('person') ?? [])
    return known.length > 0 ? random.pick(known) : random.pick([...this.#ids.values()].flat().concat(nobody))
  }

  /** What stands for a placeholder of an address. A body that is made after it is about the same. */
  inAddress(schema: Schema, wildness: number, folder: string): unknown {
    const value = this.of(schema, wildness, kindOf(folder))
    if (typeof value === 'string') this.#subject = value
    return value
  }

  hostile(): unknown {
    return this.#random.pick(hostile)()
  }

  /**
   * A value of the schema; `wildness` is how many of a hundred parts of it are something else, and `name` is under which it stands.
   */
  of(schema: Schema, wildness: number, name: string, depth = 0): unknown {
    const random = this.#random
    if (random.below(100) < wildness) return this.hostile()
    if (typeof schema.$ref === 'string') return this.of(this.#components[schema.$ref.split('/').at(-1) ?? ''] ?? {}, wildness, name, depth + 1)
    if ('const' in schema) return schema.const
    if (Array.isArray(schema.enum)) return random.pick(schema.enum)
    const branches = [...schemasOf(schema.anyOf), ...schemasOf(schema.oneOf)]
    if (branches.length > 0) return this.of(random.pick(branches), wildness, name, depth + 1)
    const all = schemasOf(schema.allOf)
    if (all.length > 0) return Object.assign({}, ...all.map(part => this.of(part, wildness, name, depth + 1)))
    const type = Array.isArray(schema.type) ? random.pick(schema.type) : schema.type
    switch (type) {
      case 'object':
        return this.#object(schema, wildness, name, depth)
      case 'array':
        return this.#array(schema, wildness, name, depth)
      case 'string':
        return this.#text(schema, name)
      case 'integer':
      case 'number':
        return this.#number(schema, name)
      case 'boolean':
        return random.once(2)
      case 'null':
        return null
      default:
        return this.hostile()
    }
  }

  #object(schema: Schema, wildness: number, parent: string, depth: number): Record<string, unknown> {
    const random = this.#random
    const required: ReadonlySet<unknown> = new Set(Array.isArray(schema.required) ? schema.required : [])
    const properties = Object.entries(schemaOf(schema.properties))
    const made = properties
      .filter(([name]) => (required.has(name) ? random.below(100) >= wildness : depth < 6 && random.once(2)))
      .map(([name, property]) => [name, this.of(schemaOf(property), wildness, name === 'id' ? parent : name, depth + 1)])
    if (properties.length === 0 && typeof schema.additionalProperties === 'object')
      for (let n = random.below(4); n > 0; n -= 1) made.push([random.pick(words), this.of(schemaOf(schema.additionalProperties), wildness, parent, depth + 1)])
    if (random.below(200) < wildness) made.push([random.pick(['unknown', 'constructor', 'id', 'toString', '']), this.hostile()])
    return Object.fromEntries(made)
  }

  #array(schema: Schema, wildness: number, name: string, depth: number): unknown[] {
    const least = typeof schema.minItems === 'number' ? schema.minItems : 0
    const most = Math.min(typeof schema.maxItems === 'number' ? schema.maxItems : least + 3, least + 3)
    const length = depth > 6 ? least : least + this.#random.below(most - least + 1)
    return Array.from({ length }, () => this.of(schemaOf(schema.items), wildness, name, depth + 1))
  }

  #number(schema: Schema, name: string): number {
    if (name === 'version' && !this.#random.once(10)) return this.#versions.get(this.#subject) ?? 1
    const least = [schema.minimum, schema.exclusiveMinimum].find(value => typeof value === 'number') ?? 0
    const most = [schema.maximum, schema.exclusiveMaximum].find(value => typeof value === 'number') ?? least + 100
    const near = this.#random.pick([least, most, least + 1, Math.floor(least + this.#random.next() * Math.min(most - least, 1_000))])
    return schema.type === 'integer' ? Math.trunc(near) : near
  }

  #text(schema: Schema, name: string): string {
    const random = this.#random
    switch (schema.format) {
      case 'uuid':
        return this.#id(kindOf(name))
      case 'date':
        return random.pick(isStart.test(name) ? ['2026-11-20', '2026-11-23'] : ['2026-11-30', '2026-12-01', '1970-01-01', '9999-12-31', '2024-02-29'])
      case 'date-time':
        return random.pick(
          isStart.test(name)
            ? ['2026-11-23T08:00:00.000Z', '2026-11-22T23:59:59Z']
            : ['2026-11-24T00:00:00Z', '2026-11-30T00:00:00Z', '2026-12-24T00:00:00+14:00', '1970-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z'],
        )
      case 'email':
        return `person${random.below(50)}@tocsin.test`
      case 'uri':
        return random.pick(['https://example.test/hook', 'https://127.0.0.1/', 'https://example.test/%ff'])
      default: {
        const known = Object.hasOwn(named, name) ? named[name] : undefined
        if (known !== undefined && !random.once(4)) return random.pick(known)
        if (typeof schema.pattern === 'string') {
          const shape = new RegExp(schema.pattern, 'u')
          const fitting = shaped.filter(text => shape.test(text))
          if (fitting.length > 0) return random.pick(fitting)
        }
        const least = typeof schema.minLength === 'number' ? schema.minLength : 0
        const most = Math.min(typeof schema.maxLength === 'number' ? schema.maxLength : 300, 20_000)
        const text = random.once(12) ? 'é'.repeat(most) : `${random.pick(words)}${random.once(3) ? '' : ` ${random.below(1_000)}`}`
        return text.slice(0, Math.max(most, least)).padEnd(least, 'x')
      }
    }
  }
}
