import { Paper, SegmentedControl, Stack } from '@mantine/core'
import type { Obligation } from '@tocsin/api'
import { useState } from 'react'
import { Empty, Loaded, LoadMore, Page } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { ObligationCard } from './obligation-card.tsx'

export function NoticesPage() {
  const [view, setView] = useState<'open' | 'all'>('open')
  const obligations = usePages<Obligation>('obligations', { view })
  return (
    <Page
      title="Notices"
      lead="Whom we must tell, by when. The one due first stands on top."
      actions={
        <SegmentedControl
          value={view}
          onChange={value => setView(value === 'all' ? 'all' : 'open')}
          data={[
            { value: 'open', label: 'Running' },
            { value: 'all', label: 'All' },
          ]}
        />
      }
    >
      <Loaded query={obligations}>
        {() =>
          obligations.items?.length === 0 ? (
            <Paper>
              <Empty title="No clock runs">
                When an incident with affected customers is declared, a clock starts for each of them and is shown on every page until it is met.
              </Empty>
            </Paper>
          ) : (
            <Stack>
              {obligations.items?.map(obligation => (
                <ObligationCard key={obligation.id} obligation={obligation} isClosed={false} showsIncident />
              ))}
              <LoadMore list={obligations} />
            </Stack>
          )
        }
      </Loaded>
    </Page>
  )
}
