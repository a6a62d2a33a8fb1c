import { Button, Group, PasswordInput, Switch, Table } from '@mantine/core'
import { IconFingerprint } from '@tabler/icons-react'
import { useQueryClient } from '@tanstack/react-query'
import type { Me } from '@tocsin/api'
import { tellProblem, useApi, useCommand } from '../api.ts'
import { enrolPasskey } from '../entry/passkeys.ts'
import { deviceName } from '../entry/second-factor.tsx'
import { useRouteForm } from '../forms.ts'
import { confirmed } from '../parts/confirm.tsx'
import { FormProblem, Loaded, Page, Section } from '../parts/page.tsx'
import { RemoveButton } from '../parts/remove-button.tsx'
import { SessionTable } from '../parts/session-table.tsx'
import { shortcuts, useShortcutsOn } from '../parts/shortcuts.ts'
import { Time } from '../parts/time.tsx'
import { ContactMethods } from './contact-methods.tsx'
import { NotificationRules } from './notification-rules.tsx'
import { RecoveryCodes } from './recovery-codes.tsx'

export function AccountPage() {
  const me = useApi('me')
  return (
    <Page title="Account" lead="Contact methods, sign-in and sessions.">
      <ContactMethods />
      <NotificationRules />
      <Loaded query={me}>
        {found => (
          <>
            <SecondFactors me={found} />
            <RecoveryCodes me={found} />
            <Sessions me={found} />
          </>
        )}
      </Loaded>
      <PasswordSection />
      <Shortcuts />
    </Page>
  )
}

function SecondFactors({ me }: { me: Me }) {
  const client = useQueryClient()
  const removePasskey = useCommand('removePasskey', { done: 'Passkey removed.' })
  const removeTotp = useCommand('removeTotp', { done: 'Authenticator app removed.' })
  const losing = (name: string) => ({ title: `Remove ${name}?`, consequence: 'You can no longer sign in with it.', action: 'Remove', isDanger: true })
  const isOnlyOne = me.passkeys.length + (me.hasTotp ? 1 : 0) === 1
  const enrol = () => {
    enrolPasskey(deviceName()).then(() => client.invalidateQueries(), tellProblem)
  }
  return (
    <Section
      title="Second factor"
      isFlush
      actions={
        <Button size="xs" variant="default" leftSection={<IconFingerprint size={16} />} onClick={enrol}>
          Add a passkey
        </Button>
      }
    >
      <Table highlightOnHover={false}>
        <Table.Tbody>
          {me.hasTotp ? (
            <Table.Tr>
              <Table.Td>Authenticator app</Table.Td>
              <Table.Td className="quiet">enrolled</Table.Td>
              <Table.Td w={56}>
                <RemoveButton
                  label="Remove the authenticator app"
                  isDisabled={isOnlyOne}
                  onClick={() => confirmed(losing('the authenticator app'), () => removeTotp.mutate({}))}
                />
              </Table.Td>
            </Table.Tr>
          ) : null}
          {me.passkeys.map(passkey => (
            <Table.Tr key={passkey.id}>
              <Table.Td>Passkey: {passkey.name}</Table.Td>
              <Table.Td className="quiet">
                since <Time at={passkey.createdAt} />
              </Table.Td>
              <Table.Td w={56}>
                <RemoveButton
                  label={`Remove the passkey ${passkey.name}`}
                  isDisabled={isOnlyOne}
                  onClick={() => confirmed(losing(`the passkey ${passkey.name}`), () => removePasskey.mutate({ params: { id: passkey.id } }))}
                />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Section>
  )
}

function Sessions({ me }: { me: Me }) {
  const end = useCommand('endSession', { done: 'Session ended.' })
  const endOthers = useCommand('endOtherSessions', { done: 'All other sessions ended.' })
  return (
    <Section
      title="Sessions"
      isFlush
      actions={
        me.sessions.length > 1 ? (
          <Button
            size="xs"
            variant="default"
            loading={endOthers.isPending}
            onClick={() =>
              confirmed(
                {
                  title: 'Sign out all other sessions?',
                  consequence: 'Your other browsers and devices must sign in again.',
                  action: 'Sign out all others',
                  isDanger: true,
                },
                () => endOthers.mutate({}),
              )
            }
          >
            Sign out all others
          </Button>
        ) : null
      }
    >
      <SessionTable sessions={me.sessions} onEnd={id => end.mutate({ params: { id } })} />
    </Section>
  )
}

function Shortcuts() {
  return (
    <Section title="Keyboard shortcuts">
      <Switch
        label="Single-letter shortcuts, such as j, k and ?"
        description="Switch them off if you use voice control. Kept in this browser."
        checked={useShortcutsOn()}
        onChange={event => shortcuts.turn(event.currentTarget.checked)}
      />
    </Section>
  )
}

function PasswordSection() {
  const { form, submit, isBusy } = useRouteForm(
    'changePassword',
    { current: '', next: '' },
    { done: 'Password changed. Your other sessions were signed out.', onDone: () => form.reset() },
  )
  return (
    <Section title="Password">
      <form onSubmit={submit} noValidate>
        <FormProblem errors={form.errors} />
        <Group align="flex-start">
          <PasswordInput label="Current" autoComplete="current-password" flex={1} miw={200} {...form.getInputProps('current')} />
          <PasswordInput
            label="New"
            description="At least 12 characters. Several unrelated words are easy to remember and hard to guess."
            inputWrapperOrder={['label', 'input', 'description', 'error']}
            autoComplete="new-password"
            flex={1}
            miw={200}
            {...form.getInputProps('next')}
          />
          <Button type="submit" variant="default" mt={24} loading={isBusy}>
            Change password
          </Button>
        </Group>
      </form>
    </Section>
  )
}
