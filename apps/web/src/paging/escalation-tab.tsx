import { Anchor, Group, Stack, Text } from '@mantine/core'
import { type Policy, type TeamOnCall, teamOnCallDefaults } from '@tocsin/api'
import { useState } from 'react'
import { useApi } from '../api.ts'
import { TeamChannels } from '../notify/team-channels.tsx'
import { newestOf } from '../parts/newest.ts'
import { Empty, Loaded, Section } from '../parts/page.tsx'
import { SettingsModal } from '../scheduling/settings-modal.tsx'
import { levelSummary } from '../scheduling/words.ts'
import { useMay } from '../session.ts'
import { PolicyModal } from './policy-modal.tsx'

/** The routing rules, the policies, and the channels of a team. */
export function Escalation({ team }: { team: TeamOnCall }) {
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
  const settings = team.settings ?? teamOnCallDefaults
  return (
    <Stack>
      <Section
        title="Escalation rules"
        actions={
          mayLead ? (
            <Anchor component="button" size="sm" onClick={() => setEdited('settings')}>
              Edit
            </Anchor>
          ) : null
        }
      >
        <Loaded query={policies}>
          {list => {
            const nameOf = (id: string | null | undefined) => list.find(one => one.id === id)?.name ?? 'Everyone is paged'
            return (
              <Stack gap={6}>
                {settings.routing.map((rule, place) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: a rule is its place
                  <Text key={place}>
                    {rule.severities?.length ? rule.severities.join(' or ') : 'Any severity'}
                    {rule.serviceIds?.length ? ` in ${rule.serviceIds.map(id => names.get(id) ?? 'a service').join(', ')}` : ''}: <b>{nameOf(rule.policyId)}</b>
                    {rule.urgency ? `, ${rule.urgency} urgency` : ''}
                  </Text>
                ))}
                <Text>
                  {settings.routing.length > 0 ? 'All other pages' : 'All pages'}: <b>{nameOf(settings.policyId)}</b>
                </Text>
                <Text size="sm" className="quiet">
                  High urgency at severity {settings.highFrom} and above.{' '}
                  {settings.progressMinutes ? `Acknowledged pages without progress for ${settings.progressMinutes} min escalate again.` : ''}
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
              Add policy
            </Anchor>
          ) : null
        }
      >
        <Loaded query={policies}>
          {list => {
            const own = list.filter(one => one.teamId === team.team.id)
            return own.length === 0 ? (
              <Empty title="No policies yet">Without a policy, pages go to everyone in the team, three times.</Empty>
            ) : (
              own.map(policy => (
                <div key={policy.id} className="list-row">
                  <Group justify="space-between" align="flex-start">
                    <Text fw={550}>{policy.name}</Text>
                    {mayLead ? (
                      <Anchor component="button" size="sm" onClick={() => setEdited(policy)}>
                        Edit
                      </Anchor>
                    ) : null}
                  </Group>
                  <ol className="policy-steps">
                    {policy.levels.map(level => (
                      <li key={level.id}>{levelSummary(team, level, names)}</li>
                    ))}
                  </ol>
                  <Text size="sm" className="quiet">
                    {policy.repeats === 0 ? 'Does not repeat.' : `Repeats ${policy.repeats === 1 ? 'once' : `${policy.repeats} times`}.`}
                    {policy.businessHours ? ' Low urgency pages wait for business hours.' : ''}
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
        <PolicyModal team={team} policy={edited === 'new' ? undefined : newestOf(policies.data, edited)} onClose={() => setEdited(undefined)} />
      ) : null}
    </Stack>
  )
}
