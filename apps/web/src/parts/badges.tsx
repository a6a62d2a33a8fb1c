import { Badge } from '@mantine/core'
import type { IncidentSeverity, IncidentStatus, Severity } from '@tocsin/api'

/** Colour means severity here, and nothing else has these colours. */
const severityColors: Record<Severity, string> = { critical: 'red', high: 'orange', medium: 'yellow', low: 'blue', info: 'gray' }
const incidentColors: Record<IncidentSeverity, string> = { SEV1: 'red', SEV2: 'orange', SEV3: 'yellow', SEV4: 'blue' }

// The light variants of a component library seldom reach a contrast of 4.5 : 1: these do, in both schemes.
const ink: Record<string, string> = {
  red: 'light-dark(#a61e1e, #ffb3b3)',
  orange: 'light-dark(#9a3412, #ffc69a)',
  yellow: 'light-dark(#7a4d00, #ffe08a)',
  blue: 'light-dark(#1554a0, #a5d0ff)',
  gray: 'light-dark(#454b57, #c5c9d2)',
  teal: 'light-dark(#08614c, #8ce8cf)',
}

export function Tone({ color, children, minWidth }: { color: string; children: React.ReactNode; minWidth?: number }) {
  return (
    <Badge color={color} miw={minWidth} style={{ color: ink[color] ?? 'inherit', flexShrink: 0 }}>
      {children}
    </Badge>
  )
}

export function SeverityBadge({ severity }: { severity: Severity }) {
  return (
    <Tone color={severityColors[severity]} minWidth={68}>
      {severity}
    </Tone>
  )
}

export function IncidentSeverityBadge({ severity }: { severity: IncidentSeverity | null }) {
  return severity === null ? <Tone color="gray">no severity</Tone> : <Tone color={incidentColors[severity]}>{severity}</Tone>
}

export function StatusBadge({ status }: { status: IncidentStatus }) {
  return <Badge variant={status === 'closed' ? 'outline' : 'default'}>{status}</Badge>
}

export function DemoBadge({ isDemo }: { isDemo: boolean }) {
  return isDemo ? (
    <Badge variant="outline" color="gray" style={{ color: ink.gray }}>
      demo
    </Badge>
  ) : null
}

const stateColors: Record<string, string> = {
  sent: 'teal',
  met: 'teal',
  verified: 'teal',
  acknowledged: 'teal',
  finished: 'teal',
  'notified-late': 'orange',
  failed: 'red',
  overdue: 'red',
  exhausted: 'red',
  triggered: 'orange',
  urgent: 'orange',
  held: 'yellow',
  delayed: 'yellow',
  queued: 'blue',
  running: 'blue',
}

export function StateBadge({ state }: { state: string }) {
  return <Tone color={stateColors[state] ?? 'gray'}>{state.replaceAll('-', ' ')}</Tone>
}
