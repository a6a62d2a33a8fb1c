import { fold } from '../fold.ts'
import type { LogSource } from '../rule.ts'
import { isMetBy, type Marked, marked, providerChannels, type Route, routes } from './sources.ts'

/**
 * What an event says of its origin, as far as routing cares:
 * a channel with its event id; a kind known by its fields; a declared source; or nothing, and then every rule judges it.
 */
export type EventClass =
  | { readonly kind: 'channel'; readonly channel: string; readonly eventId: number | undefined }
  | { readonly kind: 'marked'; readonly marked: Marked }
  | { readonly kind: 'declared'; readonly logsource: LogSource }
  | { readonly kind: 'unknown' }

/** How a rule reads the events of a class: with these fields renamed. Undefined: not at all. */
export type Reading = { readonly fields: Readonly<Record<string, string>> } | undefined

const asIs = { fields: {} } as const
const byChannel = Map.groupBy(
  routes.flatMap(route => route.channels.map(channel => ({ channel: channel.toLowerCase(), route }))),
  pair => pair.channel,
)
const channelOfProvider = new Map(Object.entries(providerChannels).map(([provider, channel]) => [provider.toLowerCase(), channel.toLowerCase()]))

/** Channels that some log source of the taxonomy means, in lower case. */
export const knownChannels: readonly string[] = [...byChannel.keys()]

/** The channel of an event, in lower case: it names it, or its provider is known to write there only. */
export function channelOf(channel: string | undefined, provider: string | undefined): string | undefined {
  if (channel !== undefined) return fold(channel)
  return provider === undefined ? undefined : channelOfProvider.get(fold(provider))
}

/** Providers whose channel is known, in lower case. */
export const knownProviders: ReadonlyMap<string, string> = channelOfProvider

/** Event ids that the taxonomy names for a channel. */
export function idsOfChannel(channel: string): number[] {
  return (byChannel.get(channel) ?? []).flatMap(({ route }) => route.eventIds ?? [])
}

/** How a rule with this log source reads the events of a class. */
export function readingOf(logsource: LogSource, eventClass: EventClass): Reading {
  if (eventClass.kind === 'unknown') return asIs
  if (eventClass.kind === 'declared') return isMetBy(logsource, eventClass.logsource) ? asIs : undefined
  if (eventClass.kind === 'marked') return isMarked(logsource, eventClass.marked) ? asIs : undefined
  return channelReading(logsource, eventClass.channel, eventClass.eventId)
}

function isMarked({ category, product, service }: LogSource, kind: Marked): boolean {
  if (product !== undefined && product !== kind.product) return false
  if (category !== undefined && !kind.categories.includes(category)) return false
  if (service !== undefined && kind.services !== undefined && !kind.services.includes(service)) return false
  return product !== undefined || category !== undefined || service === undefined || kind.services?.includes(service) === true
}

function channelReading({ category, product, service }: LogSource, channel: string, eventId: number | undefined): Reading {
  const here = (byChannel.get(channel) ?? []).map(({ route }) => route)
  const itsProduct = here[0]?.product ?? 'windows'
  if (product !== undefined && product !== itsProduct) return undefined
  const isHere = (route: Route) => route.eventIds === undefined || (eventId !== undefined && route.eventIds.includes(eventId))
  if (service !== undefined && !here.some(route => route.service === service && isHere(route))) return undefined
  if (category === undefined) return asIs
  const route = here.find(candidate => candidate.category === category && isHere(candidate))
  return route === undefined ? undefined : { fields: route.fields ?? {} }
}

/** The class of an event by what it has. `has` says whether a path exists in it. */
export function classOf(channel: string | undefined, eventId: number | undefined, has: (path: string) => boolean): EventClass {
  if (channel !== undefined) return { kind: 'channel', channel, eventId }
  const kind = marked.find(candidate => candidate.has.every(has))
  return kind === undefined ? { kind: 'unknown' } : { kind: 'marked', marked: kind }
}
