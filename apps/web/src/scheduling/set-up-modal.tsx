import { Group, NumberInput, Select, Stack, TextInput } from '@mantine/core'
import { type SetUpTarget, type TeamOnCall, tierNames } from '@tocsin/api'
import { useRouteForm } from '../forms.ts'
import { choice, draftOf, LevelsEditor, levelOf } from '../paging/levels-editor.tsx'
import { PersonMultiSelect } from '../parts/choices.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'
import { dayFromNow } from '../parts/time.tsx'
import { timeZoneChoices } from '../parts/time-zones.ts'

/** The first rotation of a team, with its depths and its escalation, in one form. */
export function SetUpModal({ team, onClose }: { team: TeamOnCall; onClose: () => void }) {
  const { form, submit, isBusy } = useRouteForm(
    'setUpOnCall',
    {
      timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      startDate: dayFromNow(0),
      handoffTime: '09:00',
      type: 'weekly',
      participantIds: [] as string[],
      tiers: '2',
      repeats: 2,
      levels: [
        draftOf({ targets: [{ kind: 'tier', tier: 0 }], waitMinutes: 5 }, 0),
        draftOf({ targets: [{ kind: 'tier', tier: 1 }], waitMinutes: 5 }, 1),
        draftOf({ targets: [{ kind: 'everyone' }], waitMinutes: 10 }, 2),
      ],
    },
    {
      around: () => ({ params: { id: team.team.id } }),
      toBody: ({ timeZone, startDate, handoffTime, type, participantIds, tiers, repeats, levels }) => ({
        timeZone,
        rotation: { type, every: 1, start: `${startDate}T${handoffTime}` },
        participantIds,
        tiers: Number(tiers),
        repeats,
        levels: levels.map(level => levelOf<SetUpTarget>(level)),
      }),
      done: 'On call set up.',
      onDone: onClose,
    },
  )
  return (
    <Dialog onClose={onClose} title={`Set up on call for ${team.team.name}`} size="lg">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <PersonMultiSelect isOnCall label="Rotation" description="In order" {...form.getInputProps('participantIds')} />
          <Group grow align="flex-start">
            <Select
              label="Shift length"
              allowDeselect={false}
              data={[
                { value: 'daily', label: '1 day' },
                { value: 'weekly', label: '1 week' },
                { value: 'monthly', label: '1 month' },
              ]}
              {...form.getInputProps('type')}
            />
            <Select
              label="Tiers"
              allowDeselect={false}
              data={tierNames.map((_, last) => ({ value: String(last + 1), label: tierNames.slice(0, last + 1).join(', ') }))}
              {...form.getInputProps('tiers')}
            />
          </Group>
          <Group grow align="flex-start">
            <TextInput label="First handoff" type="date" {...form.getInputProps('startDate')} />
            <TextInput label="Handoff time" type="time" {...form.getInputProps('handoffTime')} />
          </Group>
          <Select label="Time zone" data={timeZoneChoices(form.values.timeZone)} searchable allowDeselect={false} {...form.getInputProps('timeZone')} />
          <LevelsEditor
            isShort
            levels={form.values.levels}
            choices={[
              ...tierNames.slice(0, Number(form.values.tiers)).map((name, tier) => choice({ kind: 'tier', tier }, name)),
              choice({ kind: 'everyone' }, 'Everyone in the team'),
            ]}
            onChange={levels => form.setFieldValue('levels', levels)}
          />
          <NumberInput label="Repeat (times)" min={0} max={9} w={180} {...form.getInputProps('repeats')} />
          <FormActions submit="Set up on call" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
