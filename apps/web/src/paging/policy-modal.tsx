import { NumberInput, Stack, Switch, TextInput } from '@mantine/core'
import { type PageTarget, type Policy, type TeamOnCall, weekdays } from '@tocsin/api'
import { useApi, useCommand } from '../api.ts'
import { useRecordForm } from '../forms.ts'
import { usePersonChoices } from '../parts/choices.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'
import { choice, draftOf, LevelsEditor, levelOf, type TargetChoice } from './levels-editor.tsx'

const office = { days: weekdays.slice(0, 5), from: '09:00', until: '17:00' }

/**
 * What a step can page: the team's tiers first, then everything else by name.
 * @param current what is paged already, also by name where somebody has left
 */
export function useTargets(team: TeamOnCall, current: readonly PageTarget[]): TargetChoice[] {
  const people = usePersonChoices(
    current.flatMap(target => (target.kind === 'person' ? [target.personId] : [])),
    true,
  )
  const teams = useApi('onCall')
  const channels = useApi('teamChannels')
  return [
    ...(team.settings?.tiers ?? []).map(tier => choice({ kind: 'tier', tierId: tier.id }, tier.name)),
    choice({ kind: 'everyone' }, 'Everyone in the team'),
    ...(channels.data ?? []).map(channel => choice({ kind: 'channel', channelId: channel.id }, `channel ${channel.name}`)),
    ...people.map(({ value, label }) => choice({ kind: 'person', personId: value }, label)),
    ...(teams.data ?? []).filter(one => one.team.id !== team.team.id).map(one => choice({ kind: 'team', teamId: one.team.id }, `everyone in ${one.team.name}`)),
    ...(teams.data ?? []).flatMap(one =>
      one.schedules.map(schedule => choice({ kind: 'schedule', scheduleId: schedule.id, position: 0 }, `on call in ${schedule.name}`)),
    ),
  ]
}

function firstTargets(team: TeamOnCall): PageTarget[] {
  const [tier] = team.settings?.tiers ?? []
  return [tier ? { kind: 'tier', tierId: tier.id } : { kind: 'everyone' }]
}

export function PolicyModal({ team, policy, onClose }: { team: TeamOnCall; policy: Policy | undefined; onClose: () => void }) {
  const choices = useTargets(
    team,
    (policy?.levels ?? []).flatMap(level => level.targets),
  )
  const remove = useCommand('removePolicy', { done: 'Policy removed.', onDone: onClose })
  const { form, submit, isBusy, newer } = useRecordForm(
    'savePolicy',
    policy,
    one => ({
      name: one?.name ?? '',
      repeats: one?.repeats ?? 2,
      levels: (one?.levels ?? [{ targets: firstTargets(team), waitMinutes: 5 }]).map(draftOf),
      isOffice: one?.businessHours !== null && one !== undefined,
    }),
    {
      around: () => ({ params: { id: team.team.id } }),
      toBody: ({ name, repeats, levels, isOffice }) => ({
        name,
        repeats,
        levels: levels.map(levelOf),
        businessHours: isOffice ? (policy?.businessHours ?? { timeZone: team.settings?.timeZone ?? 'UTC', hours: [office] }) : null,
        ...(policy ? { id: policy.id } : {}),
      }),
      done: 'Policy saved. Open pages follow it from their next level.',
      onDone: onClose,
    },
  )
  return (
    <Dialog onClose={onClose} title={policy ? policy.name : 'New policy'} size="xl">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} newer={newer} />
          <TextInput label="Name" {...form.getInputProps('name')} />
          <LevelsEditor levels={form.values.levels} choices={choices} onChange={levels => form.setFieldValue('levels', levels)} />
          <NumberInput label="Repeat (times)" min={0} max={9} w={180} {...form.getInputProps('repeats')} />
          <Switch
            label="Hold low urgency pages until business hours"
            description={`Monday to Friday, 09:00 to 17:00, ${policy?.businessHours?.timeZone ?? team.settings?.timeZone ?? 'UTC'}`}
            {...form.getInputProps('isOffice', { type: 'checkbox' })}
          />
          <FormActions
            submit="Save"
            isBusy={isBusy}
            removing={
              policy && {
                name: policy.name,
                consequence: 'Its escalation levels are deleted. Pages no longer escalate by it.',
                isBusy: remove.isPending,
                onRemove: () => remove.mutate({ params: { id: policy.id } }),
              }
            }
            onCancel={onClose}
          />
        </Stack>
      </form>
    </Dialog>
  )
}
