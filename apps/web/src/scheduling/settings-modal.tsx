import { Button, Group, MultiSelect, NumberInput, Select, Stack, TagsInput, Text, TextInput } from '@mantine/core'
import { type PageTarget, severities, type TeamOnCall, teamOnCallDefaults, tierNames } from '@tocsin/api'
import { useApi } from '../api.ts'
import { useRecordForm } from '../forms.ts'
import { useTargets } from '../paging/policy-modal.tsx'
import { placeholderOf, ServiceMultiSelect } from '../parts/choices.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'
import { RemoveButton } from '../parts/remove-button.tsx'
import { timeZoneChoices } from '../parts/time-zones.ts'
import { positionLabel } from './words.ts'

type Settings = NonNullable<TeamOnCall['settings']>
const numberOrNull = (value: string | number) => (value === '' ? null : Number(value))

/** A tier in the form: a new one has no id yet. */
type TierDraft = Omit<Settings['tiers'][number], 'id'> & { readonly key: string; readonly id?: string }

function valuesOf(saved: Settings | null) {
  const settings = saved ?? { ...teamOnCallDefaults, timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone }
  return {
    timeZone: settings.timeZone,
    tiers: settings.tiers.map((tier): TierDraft => ({ ...tier, key: tier.id })),
    longestDays: settings.longestDays ?? ('' as string | number),
    longestNights: settings.longestNights ?? ('' as string | number),
    fallback: settings.fallback.map(target => JSON.stringify(target)),
    policyId: settings.policyId ?? '',
    routing: settings.routing.map((rule, place) => ({ ...rule, key: `rule ${place}` })),
    highFrom: settings.highFrom as string,
    progressMinutes: settings.progressMinutes ?? ('' as string | number),
    traineeShifts: settings.traineeShifts,
    holidays: settings.holidays,
  }
}

/** The tiers of a team and their coverage requirements, the fallback, and which pages escalate by which policy. */
export function SettingsModal({ team, onClose }: { team: TeamOnCall; onClose: () => void }) {
  const policies = useApi('policies')
  const all = useApi('onCall')
  const choices = useTargets(team, team.settings?.fallback ?? [])
  const { form, submit, isBusy, newer } = useRecordForm('saveTeamOnCall', team.settings, valuesOf, {
    around: () => ({ params: { id: team.team.id } }),
    toBody: values => ({
      ...values,
      tiers: values.tiers.map(({ key: _key, ...tier }) => tier),
      routing: values.routing.map(({ key: _key, ...rule }) => rule),
      longestDays: numberOrNull(values.longestDays),
      longestNights: numberOrNull(values.longestNights),
      progressMinutes: numberOrNull(values.progressMinutes),
      fallback: values.fallback.map(text => JSON.parse(text) as PageTarget),
      policyId: values.policyId === '' ? null : values.policyId,
    }),
    done: 'Saved.',
    onDone: onClose,
  })
  const schedules = (all.data ?? []).flatMap(one => one.schedules).map(one => ({ value: one.id, label: one.name }))
  const policyChoices = (policies.data ?? []).map(one => ({ value: one.id, label: one.name }))
  return (
    <Dialog onClose={onClose} title={`On-call settings of ${team.team.name}`} size="xl">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} newer={newer} />
          <Text fw={550} size="sm">
            Tiers
          </Text>
          {form.values.tiers.map((tier, place) => (
            <Group key={tier.key} align="flex-end" gap="xs">
              <TextInput label="Name" w={130} {...form.getInputProps(`tiers.${place}.name`)} />
              <Select
                label="Schedule"
                flex={1}
                miw={180}
                data={schedules}
                placeholder={placeholderOf(all, 'Schedules')}
                searchable
                allowDeselect={false}
                {...form.getInputProps(`tiers.${place}.scheduleId`)}
              />
              <Select
                label="Position"
                w={190}
                allowDeselect={false}
                data={[0, 1, 2].map(position => ({ value: String(position), label: positionLabel(position) }))}
                value={String(tier.position ?? 0)}
                onChange={value =>
                  form.setFieldValue(
                    'tiers',
                    form.values.tiers.map((one, i) => (i === place ? { ...one, position: Number(value ?? 0) } : one)),
                  )
                }
              />
              <RemoveButton label="Remove tier" onClick={() => form.removeListItem('tiers', place)} />
            </Group>
          ))}
          <div>
            <Button
              variant="default"
              size="xs"
              disabled={schedules.length === 0}
              onClick={() =>
                form.insertListItem('tiers', {
                  key: crypto.randomUUID(),
                  name: tierNames[form.values.tiers.length] ?? '',
                  scheduleId: schedules[0]?.value ?? '',
                  position: form.values.tiers.length,
                } satisfies TierDraft)
              }
            >
              Add tier
            </Button>
          </div>
          <Group grow align="flex-start">
            <NumberInput label="Longest stretch (days)" placeholder="any" min={1} max={365} {...form.getInputProps('longestDays')} />
            <NumberInput label="Max nights in a row" placeholder="any" min={1} max={365} {...form.getInputProps('longestNights')} />
          </Group>
          <Select
            label="Default policy"
            data={policyChoices}
            clearable
            placeholder={placeholderOf(policies, 'Policies', 'Everyone is paged')}
            {...form.getInputProps('policyId')}
          />
          {form.values.routing.map((rule, place) => (
            <Group key={rule.key} align="flex-end" gap="xs" className="step-card">
              <ServiceMultiSelect
                label="Pages about"
                placeholder={rule.serviceIds?.length ? '' : 'any service'}
                flex={1}
                miw={160}
                {...form.getInputProps(`routing.${place}.serviceIds`)}
              />
              <MultiSelect
                label="of severity"
                placeholder={rule.severities?.length ? '' : 'any'}
                data={[...severities]}
                flex={1}
                miw={140}
                {...form.getInputProps(`routing.${place}.severities`)}
              />
              <Select
                label="use"
                w={180}
                data={policyChoices}
                placeholder={placeholderOf(policies, 'Policies')}
                allowDeselect={false}
                {...form.getInputProps(`routing.${place}.policyId`)}
              />
              <RemoveButton label="Remove rule" onClick={() => form.removeListItem('routing', place)} />
            </Group>
          ))}
          <div>
            <Button
              variant="default"
              size="xs"
              disabled={policyChoices.length === 0}
              onClick={() =>
                form.insertListItem('routing', { key: crypto.randomUUID(), serviceIds: [], severities: [], policyId: policyChoices[0]?.value ?? '' })
              }
            >
              Add escalation rule
            </Button>
          </div>
          <MultiSelect
            label="Fallback"
            description="Paged when a page would reach nobody. Defaults to the team’s members, then administrators."
            data={choices}
            searchable
            {...form.getInputProps('fallback')}
          />
          <Group grow align="flex-start">
            <Select label="High urgency from" data={[...severities]} allowDeselect={false} {...form.getInputProps('highFrom')} />
            <NumberInput label="Re-escalate without progress (min)" placeholder="off" min={5} max={1_440} {...form.getInputProps('progressMinutes')} />
            <NumberInput label="Shadow shifts to complete training" min={0} max={100} {...form.getInputProps('traineeShifts')} />
          </Group>
          <Select
            label="Time zone of coverage hours"
            data={timeZoneChoices(form.values.timeZone)}
            searchable
            allowDeselect={false}
            {...form.getInputProps('timeZone')}
          />
          <TagsInput
            label="Holidays"
            description="Public holidays where the team works. Shown in each person’s on-call load."
            placeholder={form.values.holidays.length > 0 ? '' : '2026-12-25'}
            splitChars={[',', ' ']}
            rightSection={null}
            {...form.getInputProps('holidays')}
          />
          <FormActions submit="Save" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
