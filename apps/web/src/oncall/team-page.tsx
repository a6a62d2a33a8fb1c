import { Anchor, Button, Group, Paper, Stack, Table, Tabs, Text, Textarea } from '@mantine/core'
import { IconAlertTriangle, IconBellRinging, IconPlus } from '@tabler/icons-react'
import { useNavigate, useParams } from '@tanstack/react-router'
import type { Policy, Schedule, TeamOnCall } from '@tocsin/api'
import { useState } from 'react'
import { useAct, useApi } from '../api.ts'
import { Empty, Loaded, Page, Section } from '../parts/page.tsx'
import { ScrollTable } from '../parts/scroll-table.tsx'
import { Time } from '../parts/time.tsx'
import { useMay } from '../session.ts'
import { Calendar, midnight, PeriodControl, type Picked } from './calendar.tsx'
import { OverrideModal } from './override-modal.tsx'
import { PolicyModal } from './policy-modal.tsx'
import { ScheduleModal } from './schedule-modal.tsx'
import { SetUpModal } from './set-up-modal.tsx'
import { SettingsModal } from './settings-modal.tsx'
import { TeamChannels } from './team-channels.tsx'
import { stepWords } from './words.ts'

const tabs = ['calendar', 'escalation', 'people', 'record'] as const

/** One team on call: its calendar, how its pages climb, its people, and who was on call. */
export function TeamPage() {
  const { id } = useParams({ strict: false }) as { id: string }
  const teams = useApi('onCall')
  const asked = new URLSearchParams(window.location.search).get('tab')
  const [tab, setTab] = useState<(typeof tabs)[number]>(tabs.find(known => known === asked) ?? 'calendar')
  const [isSettingUp, setIsSettingUp] = useState(false)
  const mayLead = useMay('lead')
  const navigate = useNavigate()
  const drill = useAct('startDrill', { done: 'The team is paged.', onDone: page => void navigate({ to: '/pages/$id', params: { id: page.id } }) })
  const team = teams.data?.find(one => one.team.id === id)
  if (teams.data && !team) return <Page title="There is no such team">It may have been removed.</Page>
  return (
    <Page
      title={team?.team.name ?? 'On call'}
      lead={team?.standing.map(({ depth, people }) => `${depth}: ${people.map(person => person.name).join(', ') || 'nobody'}`).join(' · ')}
      actions={
        mayLead && team?.settings ? (
          <Button
            variant="default"
            leftSection={<IconBellRinging size={16} />}
            loading={drill.isPending}
            onClick={() => drill.mutate({ params: { id }, body: {} })}
          >
            Start a drill
          </Button>
        ) : null
      }
    >
      <Loaded query={teams}>
        {() =>
          !team ? null : team.settings === null ? (
            <Paper>
              <Empty title="Nobody is on call yet" action={mayLead ? <Button onClick={() => setIsSettingUp(true)}>Set up on call</Button> : undefined}>
                Say who takes turns, how deep the team stands, and how a page climbs. Until then a page goes to all members.
              </Empty>
              {isSettingUp ? <SetUpModal team={team} onClose={() => setIsSettingUp(false)} /> : null}
            </Paper>
          ) : (
            <Tabs value={tab} onChange={value => setTab(tabs.find(known => known === value) ?? 'calendar')} keepMounted={false}>
              <Tabs.List mb="md" className="tabs-in-a-row">
                <Tabs.Tab value="calendar">Calendar</Tabs.Tab>
                <Tabs.Tab value="escalation">Escalation</Tabs.Tab>
                <Tabs.Tab value="people">People</Tabs.Tab>
                <Tabs.Tab value="record">Record</Tabs.Tab>
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
              <Tabs.Panel value="record">
                <PastCoverage team={team} />
              </Tabs.Panel>
            </Tabs>
          )
        }
      </Loaded>
    </Page>
  )
}

function CalendarTab({ team }: { team: TeamOnCall }) {
  const [weeks, setWeeks] = useState(() => (window.innerWidth < 600 ? 1 : 2))
  const [start, setStart] = useState(() => midnight(-1))
  const [picked, setPicked] = useState<Picked>()
  const [edited, setEdited] = useState<Schedule | 'new'>()
  const mayRespond = useMay('responder')
  const mayLead = useMay('lead')
  const period = { from: start, until: midnight(7 * weeks, start) }
  const calendar = useApi('calendar', {
    params: { id: team.team.id },
    query: { from: new Date(period.from).toISOString(), until: new Date(period.until).toISOString() },
  })
  const [first] = team.schedules
  const pickNext = () =>
    first ? setPicked({ scheduleId: first.id, turn: 0, start: new Date(midnight(1)).toISOString(), end: new Date(midnight(2)).toISOString() }) : undefined
  return (
    <Stack>
      <Concerns team={team} />
      <Paper p="md">
        <Stack>
          <PeriodControl weeks={weeks} start={start} onWeeks={setWeeks} onStart={setStart} />
          <Loaded query={calendar} rows={6}>
            {data => (
              <>
                <Calendar calendar={data} period={period} onPick={mayRespond ? setPicked : undefined} />
                <Group justify="space-between">
                  <Text size="sm" className="quiet">
                    {mayRespond ? 'Drag over a time to override it, or drag an override to move it. ' : ''}Times are in your zone.
                  </Text>
                  <Group gap="xs">
                    {mayRespond && first ? (
                      <Button size="xs" onClick={pickNext}>
                        Add an override
                      </Button>
                    ) : null}
                    {mayLead
                      ? team.schedules.map(schedule => (
                          <Button key={schedule.id} size="xs" variant="default" onClick={() => setEdited(schedule)}>
                            Change {schedule.name}
                          </Button>
                        ))
                      : null}
                    {mayLead ? (
                      <Button size="xs" variant="default" leftSection={<IconPlus size={14} />} onClick={() => setEdited('new')}>
                        Schedule
                      </Button>
                    ) : null}
                  </Group>
                </Group>
                {picked ? <OverrideModal calendar={data} picked={picked} onClose={() => setPicked(undefined)} /> : null}
              </>
            )}
          </Loaded>
        </Stack>
      </Paper>
      {edited ? <ScheduleModal teamId={team.team.id} schedule={edited === 'new' ? undefined : edited} onClose={() => setEdited(undefined)} /> : null}
    </Stack>
  )
}

const mostConcerns = 5

/** What is wrong in the coming 90 days, the first first. */
function Concerns({ team }: { team: TeamOnCall }) {
  const [isWhole, setIsWhole] = useState(false)
  const lines = [
    ...team.vacancies.map(one => ({
      key: `${one.schedule.id} ${one.person.id} ${one.layer}`,
      text: `${one.person.name} has left and still stands in ${one.schedule.name}, ${one.layer}.`,
      concern: undefined,
    })),
    ...team.concerns.map(concern => ({
      key: `${concern.kind} ${concern.depth} ${concern.start} ${concern.person?.id ?? ''}`,
      text: concern.sentence,
      concern,
    })),
  ]
  if (lines.length === 0) return null
  return (
    <Section title={`${lines.length === 1 ? 'One thing' : `${lines.length} things`} to mend in the coming 90 days`} isFlush>
      {(isWhole ? lines : lines.slice(0, mostConcerns)).map(({ key, text, concern }) => (
        <Group key={key} className="list-row" justify="space-between">
          <Group gap={8} wrap="nowrap" align="flex-start">
            <IconAlertTriangle size={16} aria-hidden style={{ marginTop: 4, flexShrink: 0 }} color="light-dark(#c2410c, #ffa94d)" />
            <Text>{text}</Text>
          </Group>
          {concern ? (
            <Text size="sm" className="quiet" component="div">
              <Time at={concern.start} /> – <Time at={concern.end} />
            </Text>
          ) : null}
        </Group>
      ))}
      {lines.length > mostConcerns ? (
        <Group className="list-row">
          <Anchor component="button" size="sm" onClick={() => setIsWhole(!isWhole)}>
            {isWhole ? 'Fewer' : `All ${lines.length}`}
          </Anchor>
        </Group>
      ) : null}
    </Section>
  )
}

function Escalation({ team }: { team: TeamOnCall }) {
  const policies = useApi('policies')
  const people = useApi('people')
  const teams = useApi('onCall')
  const services = useApi('services')
  const channels = useApi('teamChannels')
  const mayLead = useMay('lead')
  const [edited, setEdited] = useState<Policy | 'new' | 'settings'>()
  const names = new Map([
    ...(people.data?.people ?? []).map(person => [person.id, person.name] as const),
    ...(teams.data ?? []).flatMap(one => [[one.team.id, one.team.name] as const, ...one.schedules.map(schedule => [schedule.id, schedule.name] as const)]),
    ...(services.data ?? []).map(service => [service.id, service.name] as const),
    ...(channels.data ?? []).map(channel => [channel.id, `channel ${channel.name}`] as const),
  ])
  const { settings } = team
  return (
    <Stack>
      <Section
        title="Which pages climb what"
        actions={
          mayLead ? (
            <Anchor component="button" size="sm" onClick={() => setEdited('settings')}>
              Change
            </Anchor>
          ) : null
        }
      >
        <Loaded query={policies}>
          {list => {
            const nameOf = (id: string | null | undefined) => list.find(one => one.id === id)?.name ?? 'everyone is paged'
            return (
              <Stack gap={6}>
                {settings?.routing.map((rule, place) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: a rule is its place
                  <Text key={place}>
                    {rule.severities?.length ? rule.severities.join(' or ') : 'Any severity'}
                    {rule.serviceIds?.length ? ` in ${rule.serviceIds.map(id => names.get(id) ?? 'a service').join(', ')}` : ''}: <b>{nameOf(rule.policyId)}</b>
                    {rule.urgency ? `, ${rule.urgency} urgency` : ''}
                  </Text>
                ))}
                <Text>
                  {settings?.routing.length ? 'All others' : 'All pages'}: <b>{nameOf(settings?.policyId)}</b>
                </Text>
                <Text size="sm" className="quiet">
                  High urgency from {settings?.highFrom}.{' '}
                  {settings?.progressMinutes ? `Acknowledged pages that see nothing happen for ${settings.progressMinutes} min are paged again.` : ''}
                </Text>
              </Stack>
            )
          }}
        </Loaded>
      </Section>
      <Section
        title="Policies"
        isFlush
        actions={
          mayLead ? (
            <Anchor component="button" size="sm" onClick={() => setEdited('new')}>
              Add a policy
            </Anchor>
          ) : null
        }
      >
        <Loaded query={policies}>
          {list => {
            const own = list.filter(one => one.teamId === team.team.id)
            return own.length === 0 ? (
              <Empty title="No policy yet">Without one everyone in the team is paged, three times.</Empty>
            ) : (
              own.map(policy => (
                <div key={policy.id} className="list-row">
                  <Group justify="space-between" align="flex-start">
                    <Text fw={550}>{policy.name}</Text>
                    {mayLead ? (
                      <Anchor component="button" size="sm" onClick={() => setEdited(policy)}>
                        Change
                      </Anchor>
                    ) : null}
                  </Group>
                  <ol className="policy-steps">
                    {policy.steps.map((step, place) => (
                      // biome-ignore lint/suspicious/noArrayIndexKey: a step is its place
                      <li key={place}>{stepWords(team, step as never, names)}</li>
                    ))}
                  </ol>
                  <Text size="sm" className="quiet">
                    {policy.repeats === 0 ? 'Not repeated.' : `Repeated ${policy.repeats === 1 ? 'once' : `${policy.repeats} times`}.`}
                    {policy.businessHours ? ' Low urgency waits for business hours.' : ''}
                  </Text>
                </div>
              ))
            )
          }}
        </Loaded>
      </Section>
      <TeamChannels teamId={team.team.id} />
      {edited === 'settings' ? <SettingsModal team={team} onClose={() => setEdited(undefined)} /> : null}
      {edited !== undefined && edited !== 'settings' ? (
        <PolicyModal team={team} policy={edited === 'new' ? undefined : edited} onClose={() => setEdited(undefined)} />
      ) : null}
    </Stack>
  )
}

function People({ team }: { team: TeamOnCall }) {
  const [from] = useState(() => new Date(midnight(-90)).toISOString())
  const [until] = useState(() => new Date(midnight(0)).toISOString())
  const params = { id: team.team.id }
  const shares = useApi('fairness', { params, query: { from, until } })
  const learning = useApi('apprenticeships', { params })
  const mayLead = useMay('lead')
  const finish = useAct('saveApprenticeship', { done: 'They stand alone from now on.' })
  const most = Math.max(1, ...(shares.data ?? []).map(share => share.hours))
  return (
    <Stack>
      <Section title="Load in the last 90 days" isFlush>
        <Loaded query={shares}>
          {list =>
            list.length === 0 ? (
              <Empty title="Nothing yet">Who carried how many hours, nights and pages stands here after the first shifts.</Empty>
            ) : (
              <ScrollTable label="Load of each person" minWidth={640}>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>Person</Table.Th>
                    <Table.Th w="35%">Hours</Table.Th>
                    <Table.Th ta="right">Nights, h</Table.Th>
                    <Table.Th ta="right">Weekends, h</Table.Th>
                    <Table.Th ta="right">Pages</Table.Th>
                    <Table.Th ta="right">At night</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {list.map(share => (
                    <Table.Tr key={share.person.id}>
                      <Table.Td fw={550}>{share.person.name}</Table.Td>
                      <Table.Td>
                        <Group gap={8} wrap="nowrap">
                          <span className="share-bar" style={{ width: `${(share.hours / most) * 75}%` }} aria-hidden />
                          <span className="numeric">{Math.round(share.hours)}</span>
                        </Group>
                      </Table.Td>
                      <Table.Td ta="right" className="numeric">
                        {Math.round(share.nightHours)}
                      </Table.Td>
                      <Table.Td ta="right" className="numeric">
                        {Math.round(share.weekendHours)}
                      </Table.Td>
                      <Table.Td ta="right" className="numeric">
                        {share.pages}
                      </Table.Td>
                      <Table.Td ta="right" className="numeric">
                        {share.nightPages}
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </ScrollTable>
            )
          }
        </Loaded>
      </Section>
      <HandoffNotes teamId={team.team.id} />
      {learning.data && learning.data.length > 0 ? (
        <Section title="Apprenticeship" isFlush>
          {learning.data.map(one => (
            <Group key={one.person.id} className="list-row" justify="space-between">
              <div>
                <Text fw={550}>{one.person.name}</Text>
                <Text size="sm" className="quiet">
                  {one.finishedAt ? `stands alone, said ${one.finishedBy ?? 'somebody'}` : `watched ${one.watched} of ${one.needed} shifts`}
                </Text>
              </div>
              {mayLead && !one.finishedAt ? (
                <Button
                  size="xs"
                  variant="default"
                  disabled={one.watched < one.needed}
                  onClick={() => finish.mutate({ params: { ...params, personId: one.person.id }, body: { isFinished: true } })}
                >
                  Stands alone
                </Button>
              ) : null}
            </Group>
          ))}
        </Section>
      ) : null}
    </Stack>
  )
}

function HandoffNotes({ teamId }: { teamId: string }) {
  const mayRespond = useMay('responder')
  const notes = useApi('handoffNotes', { params: { id: teamId } }, { isEnabled: mayRespond })
  const [text, setText] = useState('')
  const write = useAct('writeHandoffNote', { done: 'Whoever comes on call next is sent it.', onDone: () => setText('') })
  if (!mayRespond || notes.isError) return null
  return (
    <Section title="Handoff notes">
      <Stack>
        <Textarea
          label="For whoever comes on call next"
          description="They are sent it, with the open incidents, when their shift begins"
          autosize
          minRows={2}
          value={text}
          onChange={event => setText(event.currentTarget.value)}
        />
        <Group justify="flex-end">
          <Button size="xs" disabled={text.trim() === ''} loading={write.isPending} onClick={() => write.mutate({ params: { id: teamId }, body: { text } })}>
            Leave the note
          </Button>
        </Group>
        {notes.data?.slice(0, 5).map(note => (
          <div key={note.id}>
            <Text className="prewrap">{note.text}</Text>
            <Text size="sm" className="quiet" component="div">
              {note.writtenBy}, <Time at={note.writtenAt} isRelative />
            </Text>
          </div>
        ))}
      </Stack>
    </Section>
  )
}

/** Who was on call, as it was written down when it happened. */
function PastCoverage({ team }: { team: TeamOnCall }) {
  const [from] = useState(() => new Date(midnight(-60)).toISOString())
  const [until] = useState(() => new Date(midnight(1)).toISOString())
  const past = useApi('pastCoverage', { params: { id: team.team.id }, query: { from, until } })
  return (
    <Section title="Who was on call in the last 60 days" isFlush>
      <Loaded query={past}>
        {list =>
          list.length === 0 ? (
            <Empty title="Nothing is written down yet">
              Each change of who is on call stands here from the moment it happens, with its entry of the journal.
            </Empty>
          ) : (
            <ScrollTable label="Who was on call" minWidth={640}>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>From</Table.Th>
                  <Table.Th>Until</Table.Th>
                  <Table.Th>Schedule</Table.Th>
                  <Table.Th>Turn</Table.Th>
                  <Table.Th>Who</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {list.toReversed().map(one => (
                  <Table.Tr key={one.entryId}>
                    <Table.Td>
                      <Time at={one.start} />
                    </Table.Td>
                    <Table.Td>{one.end ? <Time at={one.end} /> : 'now'}</Table.Td>
                    <Table.Td>{one.schedule.name}</Table.Td>
                    <Table.Td>{one.turn === 0 ? 'on call' : one.turn === 1 ? 'next in turn' : `${one.turn + 1} in turn`}</Table.Td>
                    <Table.Td fw={550}>
                      {one.people.map(person => person.name).join(', ') || 'nobody'}
                      {one.shadows.length > 0 ? <Text span className="quiet">{` + ${one.shadows.map(person => person.name).join(', ')} watching`}</Text> : null}
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </ScrollTable>
          )
        }
      </Loaded>
    </Section>
  )
}
