import { Paper, SegmentedControl, Stack } from '@mantine/core'
import type { Obligation } from '@tocsin/api'
import { useState } from 'react'
import { useKept } from '../parts/kept.ts'
import { Empty, Loaded, LoadMore, Page } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { ObligationCard } from './obligation-card.tsx'

export function NoticesPage() {
  const [view, setView] = useState<'open' | 'all'>('open')
  const obligations = usePages<Obligation>('obligations', { view })
  const { records, keep } = useKept(obligations.items)
  return (
    <Page
      title="Customer notifications"
      lead="Notification obligations by deadline."
      actions={
        <SegmentedControl
          aria-label="Notices shown"
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
        {() =>
          records?.length === 0 ? (
            <Paper>
              <Empty title="No open notification obligations">
                Declaring an incident with affected customers starts a deadline for each. It shows on every page until they are notified.
              </Empty>
            </Paper>
          ) : (
            <Stack>
              {records?.map(obligation => (
                <ObligationCard key={obligation.id} obligation={obligation} keep={keep} showsIncident />
              ))}
              <LoadMore list={obligations} />
            </Stack>
          )
        }
      </Loaded>
    </Page>
  )
}
