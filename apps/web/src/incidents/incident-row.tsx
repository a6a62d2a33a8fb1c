import { Group, Text } from '@mantine/core'
import { IconLock } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import type { IncidentSummary } from '@tocsin/api'
import { DemoBadge, ExerciseBadge, IncidentSeverityBadge, StatusBadge } from '../parts/badges.tsx'
import { Time } from '../parts/time.tsx'

export function IncidentRow({ incident, isSelected = false }: { incident: IncidentSummary; isSelected?: boolean }) {
  return (
    <Link to="/incidents/$id" params={{ id: incident.id }} className="list-row" data-row={incident.id} data-selected={isSelected}>
      <Group justify="space-between" align="flex-start" gap="xs">
        <div style={{ minWidth: 0, flex: '1 1 260px' }}>
          <Text fw={550} lineClamp={2}>
            <span className="quiet numeric">{incident.number}</span> {incident.title}{' '}
            {incident.isRestricted ? <IconLock size={14} aria-label="restricted" /> : null}
          </Text>
          <Text size="sm" className="quiet" component="div" mt={2}>
            Opened <Time at={incident.openedAt} isRelative /> · Lead: {incident.lead?.name ?? 'Unassigned'} · Owner: {incident.owner?.name ?? 'Unassigned'}
          </Text>
        </div>
        <Group gap={6} style={{ flexShrink: 0 }}>
          <DemoBadge isDemo={incident.isDemo} />
          <ExerciseBadge isExercise={incident.isExercise} />
          <StatusBadge status={incident.status} />
          <IncidentSeverityBadge severity={incident.severity} />
        </Group>
      </Group>
    </Link>
  )
}
