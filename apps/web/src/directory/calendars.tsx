import { Anchor, MultiSelect, Select, Stack, Table, TagsInput, Text, TextInput } from '@mantine/core'
import type { Calendar } from '@tocsin/api'
import { useState } from 'react'
import { useApi, useCommand } from '../api.ts'
import { useRecordForm } from '../forms.ts'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { newestOf } from '../parts/newest.ts'
import { Empty, FormProblem, Loaded, Section } from '../parts/page.tsx'
import { timeZoneChoices } from '../parts/time-zones.ts'
import { dayChoices, dayNames } from '../parts/weekdays.ts'
import { useMay } from '../session.ts'

/** The calendars that contracts in days are counted by. */
export function CalendarsSection() {
  const calendars = useApi('calendars')
  const mayLead = useMay('lead')
  const [edited, setEdited] = useState<Calendar | 'new'>()
  return (
    <Section
      title="Calendars"
      isFlush
      actions={
        mayLead ? (
          <Anchor component="button" size="sm" onClick={() => setEdited('new')}>
            Add calendar
          </Anchor>
        ) : null
      }
    >
      <Loaded query={calendars} rows={1}>
        {list =>
          list.length === 0 ? (
            <Empty title="No calendars">Business days are Monday to Friday in UTC, without holidays. Add a calendar for contracts that count otherwise.</Empty>
          ) : (
            <Table>
              <Table.Tbody>
                {list.map(calendar => (
                  <Table.Tr key={calendar.id}>
                    <Table.Td>
                      {mayLead ? (
                        <Anchor component="button" fw={550} c="inherit" onClick={() => setEdited(calendar)}>
                          {calendar.name}
                        </Anchor>
                      ) : (
                        <Text fw={550}>{calendar.name}</Text>
                      )}
                      <Text size="sm" className="quiet">
                        {calendar.timeZone}
                      </Text>
                    </Table.Td>
                    <Table.Td>
                      <Text size="sm">{calendar.workdays.map(day => dayNames[day]).join(' ')}</Text>
                      <Text size="sm" className="quiet">
                        {calendar.holidays.length === 1 ? '1 holiday' : `${calendar.holidays.length} holidays`}
                      </Text>
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          )
        }
      </Loaded>
      {edited ? <CalendarModal calendar={edited === 'new' ? undefined : newestOf(calendars.data, edited)} onClose={() => setEdited(undefined)} /> : null}
    </Section>
  )
}

function CalendarModal({ calendar, onClose }: { calendar: Calendar | undefined; onClose: () => void }) {
  const remove = useCommand('removeCalendar', { done: 'Calendar removed.', onDone: onClose })
  const { form, submit, isBusy, newer } = useRecordForm(
    'saveCalendar',
    calendar,
    one => ({
      name: one?.name ?? '',
      timeZone: one?.timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
      workdays: (one?.workdays ?? ['mon', 'tue', 'wed', 'thu', 'fri']) as string[],
      holidays: one?.holidays ?? [],
    }),
    { toBody: values => ({ ...values, ...(calendar ? { id: calendar.id } : {}) }), done: 'Saved.', onDone: onClose },
  )
  return (
    <Dialog onClose={onClose} title={calendar ? calendar.name : 'Add calendar'}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} newer={newer} />
          <TextInput label="Name" required {...form.getInputProps('name')} />
          <Select label="Time zone" data={timeZoneChoices(form.values.timeZone)} searchable allowDeselect={false} {...form.getInputProps('timeZone')} />
          <MultiSelect label="Workdays" data={dayChoices} {...form.getInputProps('workdays')} />
          <TagsInput
            label="Holidays"
            description="Days that are not worked, such as 2026-12-25. Several can be pasted, with commas between them."
            splitChars={[',', ' ', '\n']}
            {...form.getInputProps('holidays')}
          />
          <Text size="sm" className="quiet">
            Deadlines that are running keep the calendar that they were counted by.
          </Text>
          <FormActions
            submit="Save"
            isBusy={isBusy}
            removing={
              calendar && {
                name: calendar.name,
                consequence: 'Its workdays and holidays are deleted. Deadlines that are running keep them.',
                isBusy: remove.isPending,
                onRemove: () => remove.mutate({ params: { id: calendar.id } }),
              }
            }
            onCancel={onClose}
          />
        </Stack>
      </form>
    </Dialog>
  )
}
