import { Group, Paper, Text } from '@mantine/core'
import { RouteLink } from '../parts/route-link.tsx'
import { progressOf, useChecklist } from './checklist.ts'

/** A way to the setup checklist, while something on it is missing. */
export function ChecklistCard() {
  const checklist = useChecklist()
  const steps = checklist.data?.steps
  if (steps === undefined || steps.every(({ state }) => state === 'done')) return null
  return (
    <Paper p="md" component="section" aria-label="Setup">
      <Group justify="space-between">
        <Text fw={620}>Set up Tocsin: {progressOf(steps)}</Text>
        <RouteLink to="/setup-checklist" size="sm">
          Setup checklist
        </RouteLink>
      </Group>
    </Paper>
  )
}
