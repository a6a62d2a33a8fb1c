import { Anchor, Button, Group, Paper, Stack, Text } from '@mantine/core'
import { IconAlertTriangle, IconPlus } from '@tabler/icons-react'
import type { Schedule, TeamOnCall } from '@tocsin/api'
import { useState } from 'react'
import { useApi } from '../api.ts'
import { newestOf } from '../parts/newest.ts'
import { Loaded, Section } from '../parts/page.tsx'
import { Time } from '../parts/time.tsx'
import { useMay } from '../session.ts'
import { Calendar, midnight, PeriodControl, type Picked } from './calendar.tsx'
import { CalendarTables } from './calendar-tables.tsx'
import { OverrideModal } from './override-modal.tsx'
import { ScheduleModal } from './schedule-modal.tsx'
import { coverageWords } from './words.ts'

/** The calendar of a team, with what is wrong ahead of it. */
export function CalendarTab({ team }: { team: TeamOnCall }) {
  const [weeks, setWeeks] = useState(() => (window.innerWidth < 600 ? 1 : 2))
  const [start, setStart] = useState(() => midnight(-1))
  const [picked, setPicked] = useState<Picked>()
  const [edited, setEdited] = useState<Schedule | 'new'>()
  const [isTouch] = useState(() => window.matchMedia('(pointer: coarse)').matches)
  const mayRespond = useMay('responder')
  const mayLead = useMay('lead')
  const period = { from: start, until: midnight(7 * weeks, start) }
  const calendar = useApi('calendar', {
    params: { id: team.team.id },
    query: { from: new Date(period.from).toISOString(), until: new Date(period.until).toISOString() },
  })
  const [first] = team.schedules
  const pickNext = () =>
    first ? setPicked({ scheduleId: first.id, position: 0, start: new Date(midnight(1)).toISOString(), end: new Date(midnight(2)).toISOString() }) : undefined
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
                    {mayRespond
                      ? `${isTouch ? 'Press and hold, then drag' : 'Drag'} across the calendar to add an override, or drag an override to move it; the buttons do the same. `
                      : ''}
                    Times are in your zone.
                  </Text>
                  <Group gap="xs">
                    {mayRespond && first ? (
                      <Button size="xs" onClick={pickNext}>
                        Add override
                      </Button>
                    ) : null}
                    {mayLead
                      ? team.schedules.map(schedule => (
                          <Button key={schedule.id} size="xs" variant="default" onClick={() => setEdited(schedule)}>
                            Edit {schedule.name}
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
                <CalendarTables calendar={data} onPick={mayRespond ? setPicked : undefined} />
                {picked ? <OverrideModal calendar={data} picked={picked} onClose={() => setPicked(undefined)} /> : null}
              </>
            )}
          </Loaded>
        </Stack>
      </Paper>
      {edited ? (
        <ScheduleModal teamId={team.team.id} schedule={edited === 'new' ? undefined : newestOf(team.schedules, edited)} onClose={() => setEdited(undefined)} />
      ) : null}
    </Stack>
  )
}

const maxConcerns = 5

/** What is wrong in the coming 90 days, the first first. */
function Concerns({ team }: { team: TeamOnCall }) {
  const [isWhole, setIsWhole] = useState(false)
  const lines = [
    ...team.vacancies.map(one => ({
      key: `${one.schedule.id} ${one.person.id} ${one.layer}`,
      text: one.sentence,
      concern: undefined,
    })),
    ...team.concerns.map(concern => ({
      key: `${concern.kind} ${concern.tier} ${concern.start} ${concern.person?.id ?? ''}`,
      text: concern.sentence,
      concern,
    })),
  ]
  if (lines.length === 0) return null
  return (
    <Section title={`${coverageWords(team)} in the next 90 days`} isFlush>
      {(isWhole ? lines : lines.slice(0, maxConcerns)).map(({ key, text, concern }) => (
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
      {lines.length > maxConcerns ? (
        <Group className="list-row">
          <Anchor component="button" size="sm" onClick={() => setIsWhole(!isWhole)}>
            {isWhole ? 'Fewer' : `All ${lines.length}`}
          </Anchor>
        </Group>
      ) : null}
    </Section>
  )
}
