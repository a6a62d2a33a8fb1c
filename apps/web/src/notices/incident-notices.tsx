import { Paper, Stack } from '@mantine/core'
import type { Incident } from '@tocsin/api'
import { useApi } from '../api.ts'
import { Empty, Loaded } from '../parts/page.tsx'
import { ObligationCard } from './obligation-card.tsx'

/** The duties to notify that come from one incident. */
export function IncidentNotices({ incident }: { incident: Incident }) {
  const obligations = useApi('obligations', { query: { view: 'all', incidentId: incident.id } })
  return (
    <Loaded query={obligations}>
      {list =>
        list.length === 0 ? (
          <Paper>
            <Empty title="No customers to notify">
              Add affected customers under Scope. You can draft notices before declaring; deadlines start at declaration.
            </Empty>
          </Paper>
        ) : (
          <Stack>
            {list.map(obligation => (
              <ObligationCard key={obligation.id} obligation={obligation} isClosed={incident.status === 'closed'} />
            ))}
          </Stack>
        )
      }
    </Loaded>
  )
}
