import { Paper, SegmentedControl, Stack } from '@mantine/core'
import { useState } from 'react'
import { useApi } from '../api.ts'
import { Empty, Loaded, Page } from '../parts/page.tsx'
import { ObligationCard } from './obligation-card.tsx'

export function NoticesPage() {
  const [view, setView] = useState<'open' | 'all'>('open')
  const obligations = useApi('obligations', { query: { view } })
  return (
    <Page
      title="Customer notifications"
      lead="Notification obligations by deadline."
      actions={
        <SegmentedControl
          value={view}
          onChange={value => setView(value === 'all' ? 'all' : 'open')}
          data={[
            { value: 'open', label: 'Open' },
            { value: 'all', label: 'All' },
          ]}
        />
      }
    >
      <Loaded query={obligations}>
        {list =>
          list.length === 0 ? (
            <Paper>
              <Empty title="No open notification obligations">
                Declaring an incident with affected customers starts a deadline for each. It shows on every page until they are notified.
              </Empty>
            </Paper>
          ) : (
            <Stack>
              {list.map(obligation => (
                <ObligationCard key={obligation.id} obligation={obligation} isClosed={false} showsIncident />
              ))}
            </Stack>
          )
        }
      </Loaded>
    </Page>
  )
}
