import { Paper, SegmentedControl } from '@mantine/core'
import { useState } from 'react'
import { useApi } from '../api.ts'
import { Empty, Loaded, Page } from '../parts/page.tsx'
import { FollowUpRow } from './follow-up-row.tsx'

export function FollowUpsPage() {
  const [view, setView] = useState<'open' | 'all'>('open')
  const followUps = useApi('followUps', { query: { view } })
  return (
    <Page
      title="Follow-up actions"
      lead="Actions from post-incident reviews, tracked until verified effective."
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
          {list =>
            list.length === 0 ? (
              <Empty title="No open follow-up actions">Follow-up actions come from post-incident reviews.</Empty>
            ) : (
              list.map(followUp => <FollowUpRow key={followUp.id} followUp={followUp} />)
            )
          }
        </Loaded>
      </Paper>
    </Page>
  )
}
