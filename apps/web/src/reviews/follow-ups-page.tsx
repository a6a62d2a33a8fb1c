import { Paper, SegmentedControl } from '@mantine/core'
import type { FollowUp } from '@tocsin/api'
import { useState } from 'react'
import { useKept } from '../parts/kept.ts'
import { Empty, Loaded, LoadMore, Page } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { FollowUpRow } from './follow-up-row.tsx'

export function FollowUpsPage() {
  const [view, setView] = useState<'open' | 'all'>('open')
  const followUps = usePages<FollowUp>('followUps', { view })
  const { records, keep } = useKept(followUps.items)
  return (
    <Page
      title="Follow-up actions"
      lead="Actions from post-incident reviews, tracked until verified effective."
      actions={
        <SegmentedControl
          aria-label="Follow-up actions shown"
          value={view}
          onChange={value => setView(value === 'all' ? 'all' : 'open')}
          data={[
            { value: 'open', label: 'Open' },
            { value: 'all', label: 'All' },
          ]}
        />
      }
    >
      <Paper>
        <Loaded query={followUps}>
          {() =>
            records?.length === 0 ? (
              <Empty title="No open follow-up actions">Follow-up actions come from post-incident reviews.</Empty>
            ) : (
              records?.map(followUp => <FollowUpRow key={followUp.id} followUp={followUp} keep={keep} />)
            )
          }
        </Loaded>
        <LoadMore list={followUps} />
      </Paper>
    </Page>
  )
}
