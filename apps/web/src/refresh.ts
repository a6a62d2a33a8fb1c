import type { Query } from '@tanstack/react-query'
import type { RouteName } from '@tocsin/api'
import { queryClient } from './query-client.ts'

/** An entry of the audit log, as the live stream tells it: what happened to what, never its content. */
export interface Heard {
  readonly type: string
  readonly subject: { readonly kind: string; readonly id: string }
  readonly within?: string | null
}

/** What is read of a thing, by the first word of the types of its entries. Of what is not here everything is read again: it is rare. */
const readsOf: Readonly<Record<string, readonly RouteName[]>> = {
  alert: ['alerts', 'alertRows', 'alertFacets', 'alert', 'alertOccurrences', 'alertMatches', 'counters', 'silences', 'integrations'],
  page: ['pages', 'myPages', 'page', 'counters', 'alerts', 'alertRows', 'alert', 'messageLog', 'fairness'],
  drill: ['pages', 'myPages', 'page', 'drills', 'counters', 'messageLog'],
  note: ['incident', 'incidentTimeline', 'incidentNotes', 'erasures'],
  task: ['incident', 'incidentTimeline', 'myTasks', 'counters'],
  notice: ['obligations', 'counters', 'incident', 'incidentTimeline', 'messageLog'],
  'follow-up': ['followUps', 'review', 'counters'],
  heartbeat: ['heartbeats'],
  source: ['logSources', 'detectionStatus', 'detectionCoverage'],
  'dead-letter': ['deadLetters', 'logSources', 'alerts', 'alertRows', 'alertFacets', 'counters'],
  silence: ['silences', 'alerts', 'alertRows', 'alertFacets', 'counters'],
  'api-key': ['apiKeys', 'me'],
  'contact-method': ['contactMethods', 'notificationRules', 'pushKey'],
  indicator: ['ignoredIndicators', 'indicatorLists', 'alertMatches'],
  // Signing in and reading change nothing that is shown.
  session: [],
  sessions: [],
  'sign-in': [],
}
/** Entries that only say that somebody has looked. */
const looks = new Set(['incident.read', 'report.read', 'report-file.read', 'records.read'])
/** The record of an incident tells everything that is written within it. */
const incidentReads: readonly RouteName[] = ['incident', 'incidentTimeline']
/** Lists that grow with every entry are read at this pace in a storm, and at once when it is quiet; everything else twice as often. */
const slow = new Set<RouteName>(['alerts', 'alertRows', 'alertFacets', 'counters', 'journal', 'integrations', 'silences', 'messageLog'])
const slowMs = 2_000
const paceMs = 1_000
/** Entries of one act come together. */
const gatherMs = 80

/** Which routes are read again after an entry; undefined for all. */
export function readsAfter({ type, within }: Heard): readonly RouteName[] | undefined {
  if (looks.has(type)) return []
  const reads = readsOf[type.split('.')[0] ?? '']
  if (reads === undefined || reads.length === 0) return reads
  return [...reads, 'journal', ...(within ? incidentReads : [])]
}

/** What being read is itself on record is not read again by itself. */
const recordedReads: ReadonlySet<unknown> = new Set<RouteName>(['reportOfAlert'])

/** Reads again what is shown of these routes; of all without any. A list that is just being continued is read again after that: it would be given up. */
export function refresh(names?: ReadonlySet<unknown>): Promise<void> {
  const predicate = ({ queryKey: [name] }: Query) => !recordedReads.has(name) && (names === undefined || names.has(name))
  const growing = new Set(queryClient.getQueryCache().findAll({ predicate: query => predicate(query) && query.state.fetchMeta?.fetchMore !== undefined }))
  for (const query of growing) {
    const again = () => void queryClient.invalidateQueries({ queryKey: query.queryKey, exact: true })
    query.promise?.then(again, again)
  }
  return queryClient.invalidateQueries({ predicate: query => predicate(query) && !growing.has(query) })
}

/**
 * Reads again what entries name. Each route is read at once after the first entry, and then at its pace, after the reading before has come back:
 * a storm of alerts, or a slow server, makes no storm of requests.
 * @returns what hears an entry, and what stops it
 */
export function pacedRefresh(): { hear: (entry: Heard) => void; stop: () => void } {
  const due = new Set<RouteName>()
  const resting = new Set<RouteName>()
  const timers = new Set<ReturnType<typeof setTimeout>>()
  let isGathering = false
  const after = (ms: number, act: () => void) => {
    const timer = setTimeout(() => {
      timers.delete(timer)
      act()
    }, ms)
    timers.add(timer)
  }
  const gather = () => {
    if (isGathering) return
    isGathering = true
    after(gatherMs, () => {
      isGathering = false
      const names = new Set([...due].filter(name => !resting.has(name)))
      if (names.size === 0) return
      for (const name of names) {
        due.delete(name)
        resting.add(name)
      }
      const read = refresh(names)
      for (const [ms, of] of [
        [slowMs, [...names].filter(name => slow.has(name))],
        [paceMs, [...names].filter(name => !slow.has(name))],
      ] as const)
        after(ms, () => {
          void read.finally(() => {
            for (const name of of) resting.delete(name)
            if (of.some(name => due.has(name))) gather()
          })
        })
    })
  }
  return {
    hear(entry) {
      const names = readsAfter(entry)
      if (names === undefined) {
        void refresh()
        return
      }
      for (const name of names) due.add(name)
      if (names.length > 0) gather()
    },
    stop() {
      for (const timer of timers) clearTimeout(timer)
    },
  }
}
