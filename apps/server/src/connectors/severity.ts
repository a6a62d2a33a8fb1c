import type { Severity } from '@tocsin/api'
import { shortened } from '../kernel/text.ts'

/** What tools call their severities and priorities. Numbers are no names: 1 is the worst to some and the least to others. */
const known: Readonly<Record<Severity, readonly string[]>> = {
  critical: ['critical', 'crit', 'page', 'emergency', 'emerg', 'fatal', 'panic', 'disaster', 'blocker', 'p1', 'sev1', 's1'],
  high: ['high', 'error', 'err', 'major', 'urgent', 'severe', 'alert', 'p2', 'sev2', 's2'],
  medium: ['medium', 'warning', 'warn', 'moderate', 'average', 'ticket', 'p3', 'sev3', 's3'],
  low: ['low', 'minor', 'notice', 'p4', 'sev4', 's4'],
  info: ['info', 'information', 'informational', 'debug', 'none', 'p5', 'sev5', 's5'],
}
const severityOf = new Map((Object.keys(known) as Severity[]).flatMap(severity => known[severity].map(name => [name, severity] as const)))

/** A name as it is compared: `SEV-1`, `Sev 1` and `sev1` are one. */
export const foldSeverity = (name: string): string => name.toLowerCase().replace(/[\s_-]+/g, '')

/**
 * The severity that a name of another tool means: by the map of its integration, or as tools commonly use it. What is not known is high, because it must not
 * be quiet, and a note says so.
 */
export function readSeverity(name: string | undefined, own: Readonly<Record<string, Severity>>): { readonly severity: Severity; readonly note?: string } {
  const folded = foldSeverity(name ?? '')
  const severity = (Object.hasOwn(own, folded) ? own[folded] : undefined) ?? severityOf.get(folded)
  if (severity !== undefined) return { severity }
  const what = folded === '' ? 'The source named no severity' : `The source named the severity “${shortened(name ?? '', 60)}”, which is not known`
  return { severity: 'high', note: `${what}: taken as high. The map of severities of the integration can say otherwise.` }
}

/** A description with the note about the severity. */
export const withNote = (description: string, note: string | undefined): string => [description, note].filter(part => part).join('\n\n')
