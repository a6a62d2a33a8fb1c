import { Paper, Stack } from '@mantine/core'
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
