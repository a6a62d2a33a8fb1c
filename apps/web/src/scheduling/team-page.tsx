import { Button, Paper, Stack, Tabs } from '@mantine/core'
import { IconBellRinging } from '@tabler/icons-react'
import { useNavigate, useParams } from '@tanstack/react-router'
import type { TeamOnCall } from '@tocsin/api'
import { useState } from 'react'
import { useApi, useCommand } from '../api.ts'
import { confirmed } from '../parts/confirm.tsx'
import { lazyPart } from '../parts/lazy-page.tsx'
import { Empty, Loaded, Page } from '../parts/page.tsx'
import { useMay } from '../session.ts'
import { CalendarTab } from './calendar-tab.tsx'

const Escalation = lazyPart(async () => (await import('../paging/escalation-tab.tsx')).Escalation)
const History = lazyPart(async () => (await import('./history-tab.tsx')).History)
const People = lazyPart(async () => (await import('./people-tab.tsx')).People)
const SetUpModal = lazyPart(async () => (await import('./set-up-modal.tsx')).SetUpModal)

/** Who is paged by a drill, as far as the rotation tells it. */
function drillWords({ team, current }: TeamOnCall): string {
  const [first] = current
  const whom = first && first.people.length > 0 ? first.people.map(({ name }) => name).join(' and ') : `the members of ${team.name}`
  return `Pages ${whom} now by all their contact methods, marked as a drill. If nobody acknowledges, it escalates like a real page.`
}

const tabs = ['calendar', 'escalation', 'people', 'history'] as const

/** One team on call: its calendar, how its pages escalate, its people, and who was on call. */
export function TeamPage() {
  const { id } = useParams({ strict: false }) as { id: string }
  const teams = useApi('onCall')
  const asked = new URLSearchParams(window.location.search).get('tab')
  const [tab, setTab] = useState<(typeof tabs)[number]>(tabs.find(known => known === asked) ?? 'calendar')
  const [isSettingUp, setIsSettingUp] = useState(false)
  const mayLead = useMay('lead')
  const navigate = useNavigate()
  const drill = useCommand('startDrill', { done: 'Drill started.', onDone: page => void navigate({ to: '/pages/$id', params: { id: page.id } }) })
  const policies = useApi('policies')
  const team = teams.data?.find(one => one.team.id === id)
  /** Files and the API make schedules and policies also for a team that is not on call yet. */
  const hasOwn = team !== undefined && (team.schedules.length > 0 || policies.data?.some(policy => policy.teamId === id) === true)
  if (teams.data && !team) return <Page title="Team not found">It may have been deleted.</Page>
  return (
    <Page
      title={team?.team.name ?? 'On call'}
      lead={team?.current.map(({ tier, people }) => `${tier}: ${people.map(person => person.name).join(', ') || 'nobody'}`).join(' · ')}
      actions={
        mayLead && team?.settings ? (
          <Button
            variant="default"
            leftSection={<IconBellRinging size={16} />}
            loading={drill.isPending}
            onClick={() =>
              confirmed({ title: `Start a drill for ${team.team.name}?`, consequence: drillWords(team), action: 'Start drill' }, () =>
                drill.mutate({ params: { id }, body: {} }),
              )
            }
          >
            Start drill
          </Button>
        ) : null
      }
    >
      <Loaded query={teams}>
        {() =>
          !team ? null : (
            <Stack>
              {team.settings === null ? (
                <Paper>
                  <Empty title="Nobody is on call yet" action={mayLead ? <Button onClick={() => setIsSettingUp(true)}>Set up on call</Button> : undefined}>
                    Add a rotation, tiers and an escalation policy. Until then, pages go to all members.
                  </Empty>
                  {isSettingUp ? <SetUpModal team={team} onClose={() => setIsSettingUp(false)} /> : null}
                </Paper>
              ) : null}
              {team.settings !== null || hasOwn ? (
                <Tabs value={tab} onChange={value => setTab(tabs.find(known => known === value) ?? 'calendar')} keepMounted={false}>
                  <Tabs.List mb="md" className="tabs-in-a-row">
                    <Tabs.Tab value="calendar">Calendar</Tabs.Tab>
                    <Tabs.Tab value="escalation">Escalation</Tabs.Tab>
                    <Tabs.Tab value="people">People</Tabs.Tab>
                    <Tabs.Tab value="history">History</Tabs.Tab>
                  </Tabs.List>
                  <Tabs.Panel value="calendar">
                    <CalendarTab team={team} />
                  </Tabs.Panel>
                  <Tabs.Panel value="escalation">
                    <Escalation team={team} />
                  </Tabs.Panel>
                  <Tabs.Panel value="people">
                    <People team={team} />
                  </Tabs.Panel>
                  <Tabs.Panel value="history">
                    <History team={team} />
                  </Tabs.Panel>
                </Tabs>
              ) : null}
            </Stack>
          )
        }
      </Loaded>
    </Page>
  )
}
