import { type Correlation, type Filter, type Placeholders, type Rule, type RuleFile, type RuleSet, readRules } from '@tocsin/sigma'
import { countLines, eventLines } from './event-lines.ts'
import { eventsOf } from './file-lines.ts'
import { otlpLines } from './otlp.ts'
import { pack } from './pack.ts'
import { type BulkAsked, takeBulk } from './shipped.ts'
import { type Settings, tryRule } from './try.ts'

const bufferOf = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** What is read of what strangers send, on a worker where it is large: plain data in and out. */
export const parseTasks = {
  bulk: ({ body, asked }: { body: Uint8Array; asked: BulkAsked }) => {
    const { lines, answer } = takeBulk(bufferOf(body), asked)
    return { batches: pack(lines), answer }
  },
  events: ({ body }: { body: Uint8Array }) => {
    const lines = eventLines(bufferOf(body))
    return { batches: pack(lines), ...countLines(lines) }
  },
  otlp: ({ body, type }: { body: Uint8Array; type: string }) => pack(otlpLines(bufferOf(body), type)),
  file: ({ bytes, path, readAt }: { bytes: Uint8Array; path: string; readAt: string }) =>
    eventsOf(bufferOf(bytes), path, readAt).map(({ lines, logsource }) => ({ batches: pack(lines), logsource })),
  rules: ({ files, placeholders }: { files: readonly RuleFile[]; placeholders: Placeholders }): RuleHeads => headsOf(readRules(files, placeholders)),
  tried: ({ text, events, settings }: { text: string; events: readonly string[] | string; settings: Settings }) => tryRule(text, events, settings),
}

type WithoutExpression<T> = T extends unknown ? Omit<T, 'expression'> : never
/** A rule, correlation or filter without what it looks for, which is compiled elsewhere. */
export type RuleHead = WithoutExpression<Rule> | Correlation | WithoutExpression<Filter>

export interface RuleHeads {
  readonly documents: readonly RuleHead[]
  readonly refused: RuleSet['refused']
}

function headsOf({ rules, correlations, filters, refused }: RuleSet): RuleHeads {
  const withoutExpression = <T extends { readonly expression: unknown }>({ expression: _, ...head }: T) => head
  return { documents: [...rules.map(withoutExpression), ...correlations, ...filters.map(withoutExpression)], refused }
}
