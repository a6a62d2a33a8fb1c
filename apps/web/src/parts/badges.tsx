import { Badge } from '@mantine/core'
import type { Alert, FollowUp, IncidentSeverity, IncidentStatus, Message, Notice, Obligation, Page, ReportView, Review, Severity } from '@tocsin/api'
import { dayFromNow } from './time.tsx'

// The light variants of a component library seldom reach a contrast of 4.5 : 1: these do, in both schemes.
const ink = {
  red: 'light-dark(#a61e1e, #ffb3b3)',
  orange: 'light-dark(#9a3412, #ffc69a)',
  yellow: 'light-dark(#7a4d00, #ffe08a)',
  blue: 'light-dark(#1554a0, #a5d0ff)',
  gray: 'light-dark(#454b57, #c5c9d2)',
  teal: 'light-dark(#08614c, #8ce8cf)',
} as const
type Color = keyof typeof ink

/** Colour means severity here, and nothing else has these colours. */
const severityColors: Record<Severity, Color> = { critical: 'red', high: 'orange', medium: 'yellow', low: 'blue', info: 'gray' }
const incidentColors: Record<IncidentSeverity, Color> = { SEV1: 'red', SEV2: 'orange', SEV3: 'yellow', SEV4: 'blue' }

export function Tone({ color, children, minWidth }: { color: Color; children: React.ReactNode; minWidth?: number }) {
  return (
    <Badge color={color} miw={minWidth} bg={color === 'gray' ? 'light-dark(#eceef1, #32353d)' : undefined} style={{ color: ink[color], flexShrink: 0 }}>
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

export function ExerciseBadge({ isExercise }: { isExercise: boolean }) {
  return isExercise ? <Tone color="blue">exercise</Tone> : null
}

/** Until when something is to be done; red once that day has passed. Days are those of UTC, as reminders count them. */
export function DueBadge({ dueOn }: { dueOn: string }) {
  const today = dayFromNow(0)
  if (dueOn < today) return <Tone color="red">overdue since {dueOn}</Tone>
  return <Badge variant="default">{dueOn === today ? 'due today' : `due ${dueOn}`}</Badge>
}

/** The title of a page of the browser: what belongs to an exercise says so before anything else. */
export const markedTitle = ({ title, isExercise }: { readonly title: string; readonly isExercise: boolean }): string =>
  isExercise ? `[EXERCISE] ${title}` : title

/** Everything whose state a badge shows. One that has no tone below does not compile. */
type State =
  | Page['state']
  | Message['state']
  | Alert['status']
  | Notice['state']
  | Obligation['state']
  | Review['state']
  | FollowUp['state']
  | ReportView['stage']
  | 'notified-late'
  | 'overdue'

const stateColors: Record<State, Color> = {
  sent: 'teal',
  notified: 'teal',
  verified: 'teal',
  delivered: 'teal',
  acknowledged: 'teal',
  finished: 'teal',
  'notified-late': 'orange',
  triggered: 'orange',
  failed: 'red',
  bounced: 'red',
  overdue: 'red',
  exhausted: 'red',
  held: 'yellow',
  deferred: 'yellow',
  delayed: 'yellow',
  queued: 'blue',
  sending: 'blue',
  due: 'blue',
  approved: 'gray',
  'being-looked-at': 'gray',
  cancelled: 'gray',
  closed: 'gray',
  dismissed: 'gray',
  done: 'gray',
  draft: 'gray',
  escalated: 'gray',
  open: 'gray',
  pending: 'gray',
  received: 'gray',
  resolved: 'gray',
  'under-investigation': 'gray',
  waived: 'gray',
  ended: 'gray',
}

export function StateBadge({ state }: { state: State }) {
  return <Tone color={stateColors[state]}>{state.replaceAll('-', ' ')}</Tone>
}
