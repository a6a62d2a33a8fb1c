import { Paper, Stack, Text } from '@mantine/core'
import type { Incident, Obligation } from '@tocsin/api'
import { Empty, Loaded, LoadMore } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { ObligationCard } from './obligation-card.tsx'

/** The notification obligations of one incident. */
export function IncidentNotices({ incident }: { incident: Incident }) {
  const obligations = usePages<Obligation>('obligations', { view: 'all', incidentId: incident.id })
  return (
    <Loaded query={obligations}>
      {() =>
        obligations.items?.length === 0 ? (
          <Paper>
            <Empty title="No customers to notify">
              Add affected customers under Scope. You can draft notices before declaring; deadlines start at declaration.
            </Empty>
          </Paper>
        ) : (
          <Stack>
            {obligations.items ? <Summary obligations={obligations.items} hasMore={obligations.hasNextPage} /> : null}
            {obligations.items?.map(obligation => (
              <ObligationCard key={obligation.id} obligation={obligation} />
            ))}
            <LoadMore list={obligations} />
          </Stack>
        )
      }
    </Loaded>
  )
}

/** How many are overdue, due and done, where there are too many to see that at a glance. */
function Summary({ obligations, hasMore }: { obligations: readonly Obligation[]; hasMore: boolean }) {
  if (obligations.length < 4) return null
  const isOpen = ({ state }: Obligation) => state === 'due' || state === 'deferred'
  const count = (which: (obligation: Obligation) => boolean) => obligations.filter(which).length
  const counts = [
    [count(each => isOpen(each) && each.timing === 'overdue'), 'overdue'],
    [count(each => each.state === 'due' && each.timing !== 'overdue'), 'due'],
    [count(each => each.state === 'deferred' && each.timing !== 'overdue'), 'deferred'],
    [count(each => each.state === 'pending'), 'pending'],
    [count(each => each.state === 'notified'), 'notified'],
    [count(each => each.state === 'waived'), 'waived'],
    [count(each => each.state === 'ended'), 'ended'],
  ] as const
  return (
    <Text size="sm" className="quiet numeric">
      {hasMore ? `Of the first ${obligations.length}: ` : ''}
      {counts.flatMap(([n, name]) => (n > 0 ? [`${n} ${name}`] : [])).join(' · ')}
    </Text>
  )
}
