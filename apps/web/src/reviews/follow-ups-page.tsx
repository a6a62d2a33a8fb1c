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
          {list =>
            list.length === 0 ? (
              <Empty title="Nothing is open">Improvements come from the reviews of incidents.</Empty>
            ) : (
              list.map(followUp => <FollowUpRow key={followUp.id} followUp={followUp} />)
            )
          }
        </Loaded>
      </Paper>
    </Page>
  )
}
