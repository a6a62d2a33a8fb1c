import type { Metrics } from '../kernel/telemetry.ts'
import type { Detector } from './detector.ts'
import type { EventIntake } from './intake.ts'

/** What detection tells a monitor of itself. Nothing here is content of events. */
export function measure({ gauge, counter }: Metrics, detector: Detector, intake: EventIntake): void {
  gauge('tocsin_events_waiting_bytes', 'Events that came in and are not matched yet, uncompressed', () => intake.waiting.bytes)
  gauge('tocsin_events_waiting_batches', 'Batches of events that are not matched yet', () => intake.waiting.batches)
  counter('tocsin_events_total', 'Events matched', () => detector.counts.events)
  counter('tocsin_events_invalid_total', 'Lines that were no events', () => detector.counts.invalid)
  counter('tocsin_detection_matches_total', 'Matches of rules, correlations and indicators', () => detector.counts.matches)
  counter('tocsin_matcher_restarts_total', 'Matcher threads that ended by themselves and were replaced', () => detector.deaths.count)
  gauge('tocsin_detection_rules', 'Rules and correlations in force', () => detector.status.inForce)
  gauge('tocsin_detection_indicators', 'Indicators of compromise that are looked for', () => detector.status.indicators)
  gauge('tocsin_correlation_events', 'Events that correlations remember', () => detector.status.correlationEvents)
  counter('tocsin_correlation_evicted_total', 'Events that correlations let go for want of room, before their time', () => detector.status.correlationEvicted)
}
