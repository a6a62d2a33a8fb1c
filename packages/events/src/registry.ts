import type { z } from 'zod'
import { accessEvents } from './access.ts'
import { alertActEvents } from './alert-acts.ts'
import { alertEvents } from './alerts.ts'
import { detectEvents } from './detect.ts'
import { directoryEvents } from './directory.ts'
import { erasureEvents } from './erasure.ts'
import { type Line, UnreadableEvent } from './event.ts'
import { factEvents } from './facts.ts'
import { incidentEvents } from './incidents.ts'
import { noticeEvents } from './notices.ts'
import { pagingEvents } from './paging.ts'
import { proposalEvents } from './proposals.ts'
import { reviewEvents } from './reviews.ts'
import { schedulingEvents } from './scheduling.ts'
import { segregationEvents } from './segregation.ts'
import { systemEvents } from './system.ts'

/** Every type of journal entry. */
export const events = [
  ...alertEvents,
  ...alertActEvents,
  ...incidentEvents,
  ...proposalEvents,
  ...segregationEvents,
  ...factEvents,
  ...pagingEvents,
  ...schedulingEvents,
  ...accessEvents,
  ...directoryEvents,
  ...detectEvents,
  ...noticeEvents,
  ...reviewEvents,
  ...erasureEvents,
  ...systemEvents,
] as const

type Defined = (typeof events)[number]
export type EventType = Defined['type']
type DefinitionOf<Type extends EventType> = Extract<Defined, { readonly type: Type }>

type DeepReadonly<T> = T extends readonly (infer Member)[]
  ? readonly DeepReadonly<Member>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T

/** The kind of record that entries of a type are about. */
export type SubjectOf<Type extends EventType> = DefinitionOf<Type>['subject']
/** The data of entries of a type, in its newest form. */
export type DataOf<Type extends EventType> = DeepReadonly<z.output<DefinitionOf<Type>['data']>>
/** The id of the incident that an entry belongs to, as its type says. */
export type WithinOf<Type extends EventType> = { incident: string; either: string | null; none: null }[DefinitionOf<Type>['within']]

const byType: ReadonlyMap<string, Defined> = new Map(events.map(definition => [definition.type, definition]))

export function isEventType(type: string): type is EventType {
  return byType.has(type)
}

function defined(type: string): Defined {
  const found = byType.get(type)
  if (found === undefined) throw new UnreadableEvent(`${type} is not a known type of journal entry`)
  return found
}

/** What is known of a type of entry, by its name. @throws UnreadableEvent for a name that is none */
export function versionOf(type: EventType): number {
  return defined(type).version
}

/** The texts of a type's data that can be erased, as patterns of paths; none of an unknown type. */
export const erasableOf = (type: string): readonly string[] => byType.get(type)?.erasable ?? []

/** The types of entries that have texts which can be erased. */
export const erasableTypes: readonly string[] = events.filter(({ erasable }) => erasable.length > 0).map(({ type }) => type)

/**
 * Checks stored data of a type, and brings that of an older version into the newest form.
 * @throws UnreadableEvent for an unknown type or version, and for data that is not as the type says
 */
export function readEvent(type: string, version: number, data: unknown): unknown {
  return defined(type).read(version, data)
}

/**
 * An entry as a line of a timeline or of the audit log.
 * @throws UnreadableEvent for what `readEvent` would refuse
 */
export function tellEvent(type: string, told: { actor: string; at: string; data: unknown }): Line {
  return defined(type).tell(told)
}
