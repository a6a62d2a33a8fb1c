import { Paper, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import type { ProblemError, ReportView } from '@tocsin/api'
import { call } from '../api.ts'
import { EntryFrame } from '../entry/frame.tsx'
import { StateBadge } from '../parts/badges.tsx'
import { Loaded } from '../parts/page.tsx'
import { Time } from '../parts/time.tsx'

export function FollowReportPage() {
  const { token } = useParams({ strict: false }) as { token: string }
  const report = useQuery<ReportView, ProblemError>({
    queryKey: ['followReport', token],
    queryFn: () => call('followReport', { body: { token } }),
    refetchInterval: 30_000,
    retry: false,
  })
  return (
    <EntryFrame title={report.data ? `Report ${report.data.reference}` : 'Your report'} width={560}>
      <Loaded query={report}>
        {view => (
          <Stack gap="sm">
            <div>
              <StateBadge state={view.stage} />
            </div>
            <Text>{view.explanation}</Text>
            <Paper p="sm" className="prewrap">
              {view.text}
            </Paper>
            <Text size="sm" className="quiet" component="div">
              Received <Time at={view.receivedAt} />
              {view.files.length > 0 ? ` with ${view.files.map(file => file.name).join(', ')}` : ''}
            </Text>
          </Stack>
        )}
      </Loaded>
    </EntryFrame>
  )
}
