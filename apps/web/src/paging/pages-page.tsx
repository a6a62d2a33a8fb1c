import { Group, Paper, SegmentedControl, Text } from '@mantine/core'
import { Link, useNavigate } from '@tanstack/react-router'
import type { Page as OncallPage } from '@tocsin/api'
import { useState } from 'react'
import { ExerciseBadge, SeverityBadge, StateBadge } from '../parts/badges.tsx'
import { useHeldRows } from '../parts/held-rows.ts'
import { useListKeys } from '../parts/list-keys.ts'
import { Empty, Loaded, LoadMore, Page } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { Time } from '../parts/time.tsx'
import { AcknowledgeButton } from './page-actions.tsx'
import { pagedTo } from './paged-to.ts'

/** The pages that went out: to the one who looks, or to everybody. */
export function PagesPage() {
  const [whose, setWhose] = useState(() => (new URLSearchParams(window.location.search).get('view') === 'all' ? 'all' : 'mine'))
  const mine = usePages<OncallPage>('myPages', {}, { isEnabled: whose === 'mine' })
  const all = usePages<OncallPage>('pages', {}, { isEnabled: whose === 'all' })
  const shown = whose === 'mine' ? mine : all
  const { rows, hold } = useHeldRows(shown.items)
  const navigate = useNavigate()
  useListKeys(
    rows.map(({ row }) => row.id),
    id => void navigate({ to: '/pages/$id', params: { id } }),
  )
  return (
    <Page
      title="Pages"
      lead="Recent pages, unacknowledged first."
      actions={
        <SegmentedControl
          aria-label="Whose pages"
          value={whose}
          onChange={setWhose}
          data={[
            { value: 'mine', label: 'To me' },
            { value: 'all', label: 'All' },
          ]}
        />
      }
    >
      <Paper>
        <Loaded query={shown}>
          {() =>
            shown.items?.length === 0 ? (
              <Empty title={whose === 'mine' ? 'You have no pages' : 'No pages yet'}>Alerts at or above a service’s page severity page its team.</Empty>
            ) : (
              <div {...hold}>
                {rows.map(({ row, hasLeft }) => (
                  <PageRow key={row.id} page={row} hasLeft={hasLeft} />
                ))}
              </div>
            )
          }
        </Loaded>
        <LoadMore list={shown} />
      </Paper>
    </Page>
  )
}

function PageRow({ page, hasLeft }: { page: OncallPage; hasLeft: boolean }) {
  return (
    <Group className="list-row" data-left={hasLeft} justify="space-between" wrap="nowrap" align="flex-start">
      <div style={{ minWidth: 0 }}>
        <Group gap={8}>
          <SeverityBadge severity={page.severity} />
          <StateBadge state={page.state} />
          <ExerciseBadge isExercise={page.isExercise} />
          <Link to="/pages/$id" params={{ id: page.id }} className="row-link" data-row={page.id}>
            {page.title}
          </Link>
        </Group>
        <Text size="sm" className="quiet" component="div" mt={2}>
          {pagedTo(page)} · <Time at={page.createdAt} isRelative />
          {page.acknowledgedBy ? ` · acknowledged by ${page.acknowledgedBy}` : ''}
          {page.snoozedUntil ? (
            <>
              {' · snoozed until '}
              <Time at={page.snoozedUntil} />
            </>
          ) : null}
        </Text>
      </div>
      {hasLeft ? null : <AcknowledgeButton page={page} />}
    </Group>
  )
}
