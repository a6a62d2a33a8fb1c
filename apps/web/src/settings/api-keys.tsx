import { Anchor, Button, Checkbox, Group, MultiSelect, NumberInput, Select, Stack, Table, TagsInput, Text, TextInput } from '@mantine/core'
import { type ApiKey, roles, scopes } from '@tocsin/api'
import { useState } from 'react'
import { useApi, useCommand } from '../api.ts'
import { useRouteForm } from '../forms.ts'
import { serverNow } from '../parts/clock.ts'
import { confirmed } from '../parts/confirm.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { Empty, FormProblem, Loaded, Section } from '../parts/page.tsx'
import { Secret } from '../parts/secret.tsx'
import { Time } from '../parts/time.tsx'

export function ApiKeys() {
  const keys = useApi('apiKeys')
  const [isAdding, setIsAdding] = useState(false)
  const revoke = useCommand('revokeApiKey', { done: 'Revoked.' })
  return (
    <Section
      title="Service accounts"
      isFlush
      actions={
        <Anchor component="button" size="sm" onClick={() => setIsAdding(true)}>
          Create service account
        </Anchor>
      }
    >
      <Loaded query={keys} rows={2}>
        {list =>
          list.length === 0 ? (
            <Empty title="No service accounts yet">
              For the command line and your own programs. Each has an API key, a role and scopes, and sees no restricted incident unless you allow it.
            </Empty>
          ) : (
            <Table>
              <Table.Tbody>
                {list.map(key => (
                  <Table.Tr key={key.id}>
                    <Table.Td>
                      <Text fw={550}>{key.name}</Text>
                      <Text size="sm" className="quiet">
                        {key.role} · {key.scopes.join(', ')}
                        {key.seesRestricted ? ' · restricted incidents' : ''}
                        {key.networks.length > 0 ? ` · from ${key.networks.join(', ')}` : ''} · by {key.createdBy}
                      </Text>
                      <Text size="sm" className="quiet" component="div">
                        <Validity accountKey={key} />
                        {' · '}
                        {key.lastUsedAt ? (
                          <>
                            Last used <Time at={key.lastUsedAt} isRelative />
                            {key.lastUsedFrom ? ` from ${key.lastUsedFrom}` : ''}
                          </>
                        ) : (
                          'Never used'
                        )}
                      </Text>
                    </Table.Td>
                    <Table.Td ta="right" w={100}>
                      {key.revokedAt ? null : (
                        <Button
                          size="xs"
                          variant="default"
                          aria-label={`Revoke ${key.name}`}
                          onClick={() =>
                            confirmed(
                              {
                                title: `Revoke ${key.name}?`,
                                consequence: 'Programs that use its API key are refused from now on. A revoked key cannot be restored.',
                                action: 'Revoke',
                                isDanger: true,
                              },
                              () => revoke.mutate({ params: { id: key.id } }),
                            )
                          }
                        >
                          Revoke
                        </Button>
                      )}
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          )
        }
      </Loaded>
      {isAdding ? <KeyModal onClose={() => setIsAdding(false)} /> : null}
    </Section>
  )
}

/** Whether a key still opens anything. */
function Validity({ accountKey: { revokedAt, expiresAt } }: { accountKey: ApiKey }) {
  if (revokedAt) return 'Revoked'
  return (
    <>
      {Date.parse(expiresAt) <= serverNow() ? 'Expired' : 'Expires'} <Time at={expiresAt} />
    </>
  )
}

function KeyModal({ onClose }: { onClose: () => void }) {
  const [secret, setSecret] = useState<string>()
  const { form, submit, isBusy } = useRouteForm(
    'createApiKey',
    { name: '', role: 'responder' as string, scopes: [] as string[], seesRestricted: false, networks: [] as string[], expiresInDays: 365 as number | string },
    { onDone: (reply: { secret: string }) => setSecret(reply.secret) },
  )
  return (
    <Dialog onClose={onClose} title="Create service account">
      {secret ? (
        <Stack>
          <Text>The key is shown only once.</Text>
          <Secret value={secret} label="Key" />
          <Group justify="flex-end">
            <Button onClick={onClose}>Done</Button>
          </Group>
        </Stack>
      ) : (
        <form onSubmit={submit} noValidate>
          <Stack>
            <FormProblem errors={form.errors} />
            <TextInput label="Name" description="What it is used for" required {...form.getInputProps('name')} />
            <Select label="Role" data={[...roles]} allowDeselect={false} {...form.getInputProps('role')} />
            <MultiSelect label="Scopes" data={[...scopes]} {...form.getInputProps('scopes')} />
            <NumberInput label="Expires after (days)" min={1} max={730} {...form.getInputProps('expiresInDays')} />
            <TagsInput
              label="Allowed networks"
              description="In CIDR notation, such as 203.0.113.0/24. Leave empty to allow all addresses."
              {...form.getInputProps('networks')}
            />
            <Checkbox label="May see restricted incidents" {...form.getInputProps('seesRestricted', { type: 'checkbox' })} />
            <FormActions submit="Create service account" isBusy={isBusy} onCancel={onClose} />
          </Stack>
        </form>
      )}
    </Dialog>
  )
}
