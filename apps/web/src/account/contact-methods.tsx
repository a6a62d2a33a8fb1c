import { Button, CloseButton, Group, Select, Stack, Table, Text, TextInput } from '@mantine/core'
import { addressExample, type ContactMethod } from '@tocsin/api'
import { useState } from 'react'
import { tellProblem, useApi, useCommand } from '../api.ts'
import { useRouteForm } from '../forms.ts'
import { Tone } from '../parts/badges.tsx'
import { confirmed } from '../parts/confirm.tsx'
import { FormProblem, Loaded, Section } from '../parts/page.tsx'
import { Secret } from '../parts/secret.tsx'
import { subscribeToPush } from './push.ts'
import { kindLabel, nameOf } from './words.ts'

/** What a browser fills in by itself: one's own address or number. */
const inputPurpose: Partial<Record<ContactMethod['kind'], { type: string; autoComplete: string }>> = {
  email: { type: 'email', autoComplete: 'email' },
  sms: { type: 'tel', autoComplete: 'tel' },
  voice: { type: 'tel', autoComplete: 'tel' },
}

/** Where the signed-in person is paged: each one is verified by a code before it is used. */
export function ContactMethods() {
  const methods = useApi('contactMethods')
  const remove = useCommand('removeContactMethod', { done: 'Removed.' })
  return (
    <Section title="Contact methods" isFlush>
      <Loaded query={methods} rows={1}>
        {list => (
          <Table highlightOnHover={false}>
            <Table.Tbody>
              {list.map(method => (
                <Table.Tr key={method.id}>
                  <Table.Td style={{ overflowWrap: 'anywhere' }}>
                    <Text fw={550}>{nameOf(method)}</Text>
                    {method.label && method.kind !== 'teams-bot' ? (
                      <Text size="sm" className="quiet">
                        {method.address}
                      </Text>
                    ) : null}
                    {method.isVerified ? null : <Verify method={method} />}
                  </Table.Td>
                  <Table.Td w={120}>{method.isVerified ? <Tone color="teal">verified</Tone> : <Tone color="orange">not verified</Tone>}</Table.Td>
                  <Table.Td w={56}>
                    {list.length > 1 ? (
                      <CloseButton
                        aria-label={`Remove ${nameOf(method)}`}
                        onClick={() =>
                          confirmed(
                            {
                              title: `Remove ${nameOf(method)}?`,
                              consequence:
                                'You are no longer paged there, and notification rules that use it no longer do. To add it again, it must be verified again.',
                              action: 'Remove',
                              isDanger: true,
                            },
                            () => remove.mutate({ params: { id: method.id } }),
                          )
                        }
                      />
                    ) : null}
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        )}
      </Loaded>
      <AddMethod />
    </Section>
  )
}

function Verify({ method }: { method: ContactMethod }) {
  const params = { id: method.id }
  const again = useCommand('sendContactCode', { done: 'A new code was sent.' })
  const { form, submit, isBusy } = useRouteForm('verifyContactMethod', { code: '' }, { around: () => ({ params }), done: 'Contact method verified.' })
  return (
    <form onSubmit={submit} noValidate>
      <FormProblem errors={form.errors} />
      <Group gap="xs" mt={6} align="flex-start">
        <TextInput
          aria-label={`Code that was sent to ${nameOf(method)}`}
          placeholder="6-digit code"
          size="xs"
          w={120}
          inputMode="numeric"
          {...form.getInputProps('code')}
        />
        <Button type="submit" size="xs" loading={isBusy}>
          Verify
        </Button>
        <Button size="xs" variant="subtle" loading={again.isPending} onClick={() => again.mutate({ params })}>
          Resend code
        </Button>
      </Group>
    </form>
  )
}

function AddMethod() {
  const offer = useApi('pushKey')
  // The bot in Microsoft Teams leads here with the address of its chat.
  const place = new URLSearchParams(window.location.search).get('teams')
  const [secret, setSecret] = useState<string | null>(null)
  const addPush = useCommand('addContactMethod', { done: 'A code was sent to this browser.' })
  const { form, submit, isBusy } = useRouteForm(
    'addContactMethod',
    place === null ? { kind: 'email', address: '', label: '' } : { kind: 'teams-bot', address: place, label: '' },
    {
      done: 'Contact method added. A code was sent to it.',
      onDone: (reply: { secret: string | null }) => {
        setSecret(reply.secret)
        form.setValues({ kind: 'email', address: '', label: '' })
      },
    },
  )
  const kind = form.values.kind as ContactMethod['kind']
  const subscribe = () => {
    subscribeToPush(offer.data?.key ?? '').then(
      subscription => addPush.mutate({ body: { kind: 'push', label: form.values.label || 'Browser', ...subscription } }),
      tellProblem,
    )
  }
  return (
    <form onSubmit={submit} noValidate>
      <Stack p="md" gap="sm">
        <FormProblem errors={form.errors} />
        {secret ? <Secret value={secret} label="Webhook signing secret (shown only once)" /> : null}
        <Group align="flex-end">
          <Select
            label="Add"
            w={160}
            allowDeselect={false}
            data={(offer.data?.channels ?? ['email']).map(value => ({ value, label: kindLabel(value) }))}
            {...form.getInputProps('kind')}
          />
          {kind === 'push' ? null : (
            <TextInput
              label="Address"
              placeholder={addressExample(kind, 'person')}
              {...inputPurpose[kind]}
              flex={1}
              miw={200}
              {...form.getInputProps('address')}
            />
          )}
          <TextInput label="Label" placeholder="my phone" w={150} {...form.getInputProps('label')} />
          {kind === 'push' ? (
            <Button variant="default" loading={addPush.isPending} onClick={subscribe}>
              Enable push in this browser
            </Button>
          ) : (
            <Button type="submit" variant="default" loading={isBusy}>
              Add
            </Button>
          )}
        </Group>
      </Stack>
    </form>
  )
}
