import type { Metrics } from '../kernel/telemetry.ts'
import type { Detector } from './detector.ts'
import type { EventIntake } from './intake.ts'

/** What detection tells a monitor of itself. Nothing here is content of events. */
export function measure({ gauge, counter }: Metrics, detector: Detector, intake: EventIntake): void {
  gauge('tocsin_events_waiting_bytes', 'Uncompressed size of events not matched yet', () => intake.waiting.bytes)
  gauge('tocsin_events_waiting_batches', 'Batches of events not matched yet', () => intake.waiting.batches)
  counter('tocsin_events_total', 'Events matched', () => detector.counts.events)
  counter('tocsin_events_invalid_total', 'Lines that were not valid events', () => detector.counts.invalid)
  counter('tocsin_detection_matches_total', 'Matches of rules, correlations and indicators', () => detector.counts.matches)
  counter('tocsin_matcher_restarts_total', 'Matcher threads that exited unexpectedly and were restarted', () => detector.deaths.count)
  gauge('tocsin_detection_rules', 'Enabled rules and correlations', () => detector.status.activeRules)
  gauge('tocsin_detection_indicators', 'Active indicators of compromise', () => detector.status.indicators)
  gauge('tocsin_correlation_events', 'Events held by correlations', () => detector.status.correlationEvents)
  counter('tocsin_correlation_evicted_total', 'Events evicted by correlations before their timespan ended', () => detector.status.correlationEvicted)
}
