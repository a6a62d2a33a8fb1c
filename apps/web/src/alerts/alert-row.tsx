import { Badge, Group, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { Alert } from '@tocsin/api'
import { DemoBadge, ExerciseBadge, SeverityBadge } from '../parts/badges.tsx'
import { Time } from '../parts/time.tsx'

const statusWords: Record<Alert['status'], string> = {
  open: 'Unassigned',
  acknowledged: 'acknowledged it',
  escalated: 'escalated',
  dismissed: 'dismissed',
  resolved: 'resolved by the source',
}

/** @param hasLeft it is shown only because the pointer is on the list */
export function AlertRow({ alert, isSelected = false, hasLeft = false }: { alert: Alert; isSelected?: boolean; hasLeft?: boolean }) {
  return (
    <Link to="/alerts/$id" params={{ id: alert.id }} className="list-row" data-row={alert.id} data-selected={isSelected} data-left={hasLeft}>
      <Group gap={8} wrap="nowrap" align="flex-start">
        <SeverityBadge severity={alert.severity} />
        <div style={{ minWidth: 0, flex: 1 }}>
          <Text fw={550} lineClamp={2}>
            {alert.title}
          </Text>
          <Group gap={6} mt={2}>
            <Text size="sm" className="quiet" component="div">
              {alert.service?.name ?? alert.source} · <Time at={alert.lastSeenAt} isRelative /> ·{' '}
              {hasLeft
                ? 'no longer in the queue'
                : alert.status === 'acknowledged'
                  ? `${alert.acknowledgedBy ?? 'the source'} ${statusWords.acknowledged}`
                  : alert.incident
                    ? `incident ${alert.incident.number}`
                    : statusWords[alert.status]}
            </Text>
            {alert.count > 1 ? <Badge variant="default">× {alert.count}</Badge> : null}
            {alert.kind === 'report' ? <Badge variant="default">report</Badge> : null}
            <DemoBadge isDemo={alert.isDemo} />
            <ExerciseBadge isExercise={alert.isExercise} />
          </Group>
        </div>
      </Group>
    </Link>
  )
}
