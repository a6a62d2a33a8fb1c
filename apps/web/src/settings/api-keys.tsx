import { Anchor, Button, Group, Modal, MultiSelect, Stack, Table, Text, TextInput } from '@mantine/core'
import { scopes } from '@tocsin/api'
import { useState } from 'react'
import { useApi, useCommand } from '../api.ts'
import { useRouteForm } from '../forms.ts'
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
      title="API keys"
      isFlush
      actions={
        <Anchor component="button" size="sm" onClick={() => setIsAdding(true)}>
          Create key
        </Anchor>
      }
    >
      <Loaded query={keys} rows={2}>
        {list =>
          list.length === 0 ? (
            <Empty title="No API keys yet">For the command line and your own programs. A key has scopes and never exceeds its creator’s role.</Empty>
          ) : (
            <Table.ScrollContainer minWidth={560}>
              <Table>
                <Table.Tbody>
                  {list.map(key => (
                    <Table.Tr key={key.id}>
                      <Table.Td>
                        <Text fw={550}>{key.name}</Text>
                        <Text size="sm" className="quiet">
                          {key.scopes.join(', ')} · by {key.createdBy}
                        </Text>
                      </Table.Td>
                      <Table.Td className="quiet">
                        {key.revokedAt ? 'revoked' : key.lastUsedAt ? <Time at={key.lastUsedAt} isRelative /> : 'never used'}
                      </Table.Td>
                      <Table.Td>
                        {key.revokedAt ? null : (
                          <Button size="xs" variant="default" onClick={() => revoke.mutate({ params: { id: key.id } })}>
                            Revoke
                          </Button>
                        )}
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
          )
        }
      </Loaded>
      {isAdding ? <KeyModal onClose={() => setIsAdding(false)} /> : null}
    </Section>
  )
}

function KeyModal({ onClose }: { onClose: () => void }) {
  const [secret, setSecret] = useState<string>()
  const { form, submit, isBusy } = useRouteForm(
    'createApiKey',
    { name: '', scopes: [] as string[] },
    { onDone: (reply: { secret: string }) => setSecret(reply.secret) },
  )
  return (
    <Modal opened onClose={onClose} title="Create API key">
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
            <MultiSelect label="Scopes" data={[...scopes]} {...form.getInputProps('scopes')} />
            <FormActions submit="Create key" isBusy={isBusy} onCancel={onClose} />
          </Stack>
        </form>
      )}
    </Modal>
  )
}
