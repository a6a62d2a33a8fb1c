import { Button, CloseButton, Group, Select, Stack, Text, TextInput } from '@mantine/core'
import { addressExample, type TeamChannel, teamChannelKinds } from '@tocsin/api'
import { useState } from 'react'
import { type Reply, useApi, useCommand } from '../api.ts'
import { useRouteForm } from '../forms.ts'
import { channelLabel } from '../parts/channels.ts'
import { confirmed } from '../parts/confirm.tsx'
import { FormProblem, isAbsent, Loaded, Section } from '../parts/page.tsx'
import { Secret } from '../parts/secret.tsx'
import { useMay } from '../session.ts'

const kinds = teamChannelKinds.map(value => ({ value, label: channelLabel(value) }))

/** Where the team talks: a step of a policy can page it. */
export function TeamChannels({ teamId }: { teamId: string }) {
  const channels = useApi('teamChannels')
  const mayLead = useMay('lead')
  const [secret, setSecret] = useState<string | null>(null)
  const remove = useCommand('removeTeamChannel', { done: 'Removed.' })
  const { form, submit, isBusy } = useRouteForm(
    'saveTeamChannel',
    { kind: 'slack', name: '', address: '' },
    {
      around: () => ({ params: { id: teamId } }),
      done: 'Channel added. Escalation policies can now page it.',
      onDone: (reply: { secret: string | null }) => {
        setSecret(reply.secret)
        form.reset()
      },
    },
  )
  const ofTeam = (list: Reply<'teamChannels'>) => list.filter(channel => channel.teamId === teamId)
  if (!mayLead && isAbsent(channels, list => ofTeam(list).length === 0)) return null
  return (
    <Section title="Channels" isFlush>
      <Loaded query={channels} rows={1}>
        {list =>
          ofTeam(list).map(channel => (
            <Group key={channel.id} className="list-row" justify="space-between">
              <Text>
                <b>{channel.name}</b> <span className="quiet">{channelLabel(channel.kind)}</span>
              </Text>
              {mayLead ? (
                <CloseButton
                  aria-label={`Remove ${channel.name}`}
                  onClick={() =>
                    confirmed(
                      {
                        title: `Remove ${channel.name}?`,
                        consequence: 'The team is no longer paged there, and escalation levels that page it no longer do.',
                        action: 'Remove',
                        isDanger: true,
                      },
                      () => remove.mutate({ params: { id: channel.id } }),
                    )
                  }
                />
              ) : null}
            </Group>
          ))
        }
      </Loaded>
      {mayLead ? (
        <form onSubmit={submit} noValidate>
          <Stack p="md" gap="sm">
            <FormProblem errors={form.errors} />
            {secret ? <Secret value={secret} label="Webhook signing secret (shown only once)" /> : null}
            <Group align="flex-end">
              <Select label="Add" w={170} allowDeselect={false} data={kinds} {...form.getInputProps('kind')} />
              <TextInput label="Name" w={150} {...form.getInputProps('name')} />
              <TextInput
                label="Address"
                placeholder={addressExample(form.values.kind as TeamChannel['kind'], 'team')}
                flex={1}
                miw={200}
                {...form.getInputProps('address')}
              />
              <Button type="submit" variant="default" loading={isBusy}>
                Add
              </Button>
            </Group>
          </Stack>
        </form>
      ) : null}
    </Section>
  )
}
