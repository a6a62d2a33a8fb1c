import { Paper, SegmentedControl } from '@mantine/core'
import type { FollowUp } from '@tocsin/api'
import { useState } from 'react'
import { Empty, Loaded, LoadMore, Page } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { FollowUpRow } from './follow-up-row.tsx'

export function FollowUpsPage() {
  const [view, setView] = useState<'open' | 'all'>('open')
  const followUps = usePages<FollowUp>('followUps', { view })
  return (
    <Page
      title="Improvements"
      lead="What reviews asked for. Each is looked at again until it is done and shown to work."
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
      <Paper>
        <Loaded query={followUps}>
          {() =>
            followUps.items?.length === 0 ? (
              <Empty title="Nothing is open">Improvements come from the reviews of incidents.</Empty>
            ) : (
              followUps.items?.map(followUp => <FollowUpRow key={followUp.id} followUp={followUp} />)
            )
          }
        </Loaded>
        <LoadMore list={followUps} />
      </Paper>
    </Page>
  )
}
