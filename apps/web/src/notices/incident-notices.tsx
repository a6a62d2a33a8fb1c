import { Paper, Stack } from '@mantine/core'
import type { Incident, Obligation } from '@tocsin/api'
import { Empty, Loaded, LoadMore } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { ObligationCard } from './obligation-card.tsx'

/** The duties to notify that come from one incident. */
export function IncidentNotices({ incident }: { incident: Incident }) {
  const obligations = usePages<Obligation>('obligations', { view: 'all', incidentId: incident.id })
  return (
    <Loaded query={obligations}>
      {() =>
        obligations.items?.length === 0 ? (
          <Paper>
            <Empty title="Nobody to notify yet">
              List the affected customers under Scope. Their notices can be drafted before the declaration; the clock starts with it.
            </Empty>
          </Paper>
        ) : (
          <Stack>
            {obligations.items?.map(obligation => (
              <ObligationCard key={obligation.id} obligation={obligation} isClosed={incident.status === 'closed'} />
            ))}
            <LoadMore list={obligations} />
          </Stack>
        )
      }
    </Loaded>
  )
}
