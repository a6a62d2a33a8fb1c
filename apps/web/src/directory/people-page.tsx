import { ActionIcon, Anchor, Button, Group, Menu, Select, Stack, Table, Text, VisuallyHidden } from '@mantine/core'
import { IconDots, IconPlus } from '@tabler/icons-react'
import { type Invitation, type Person, roles, type Team } from '@tocsin/api'
import { useState } from 'react'
import { useApi, useCommand } from '../api.ts'
import { DemoBadge, Tone } from '../parts/badges.tsx'
import { confirmed } from '../parts/confirm.tsx'
import { newestOf } from '../parts/newest.ts'
import { Empty, Loaded, Page, Section } from '../parts/page.tsx'
import { Time } from '../parts/time.tsx'
import { useMay } from '../session.ts'
import { InviteModal } from './invite-modal.tsx'
import { SessionsModal } from './sessions-modal.tsx'
import { TeamModal } from './team-modal.tsx'

export function PeoplePage() {
  const people = useApi('people')
  const isAdministrator = useMay('administrator')
  const [isInviting, setIsInviting] = useState(false)
  return (
    <Page
      title="People"
      lead="Accounts and teams."
      actions={
        isAdministrator ? (
          <Button leftSection={<IconPlus size={16} />} onClick={() => setIsInviting(true)}>
            Invite person
          </Button>
        ) : null
      }
    >
      <Teams />
      <Section title="Accounts" isFlush>
        <Loaded query={people}>
          {({ people: list, invitations }) => (
            <Table>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th scope="col">Person</Table.Th>
                  <Table.Th scope="col">Role</Table.Th>
                  <Table.Th scope="col">
                    <VisuallyHidden>Actions</VisuallyHidden>
                  </Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {list.map(person => (
                  <PersonRow
                    key={person.id}
                    person={person}
                    invitation={invitations.find(({ email }) => email === person.email)}
                    isAdministrator={isAdministrator}
                  />
                ))}
              </Table.Tbody>
            </Table>
          )}
        </Loaded>
      </Section>
      {isInviting ? <InviteModal onClose={() => setIsInviting(false)} /> : null}
    </Page>
  )
}

function PersonRow({ person, invitation, isAdministrator }: { person: Person; invitation: Invitation | undefined; isAdministrator: boolean }) {
  const change = useCommand('changePerson', { done: 'Saved.' })
  const withdraw = useCommand('withdrawInvitation', { done: 'Invitation withdrawn.' })
  const [isInviting, setIsInviting] = useState(false)
  const [isShowingSessions, setIsShowingSessions] = useState(false)
  const params = { id: person.id }
  const assign = (role: Person['role']) =>
    confirmed(
      {
        title: `Make ${person.name} ${role === 'lead' || role === 'responder' ? 'a' : 'an'} ${role}?`,
        consequence: `Changes the role from ${person.role} to ${role}, signs ${person.name} out everywhere and tells them by email.`,
        action: 'Change role',
      },
      () => change.mutate({ params, body: { role } }),
    )
  const deactivate = () =>
    confirmed(
      {
        title: `Deactivate ${person.name}?`,
        consequence: `Signs ${person.name} out everywhere and takes them out of their teams and incident roles. Activating the account again does not restore these.`,
        action: 'Deactivate',
        isDanger: true,
      },
      () => change.mutate({ params, body: { isActive: false } }),
    )
  const resetSecondFactor = () =>
    confirmed(
      {
        title: `Reset the second factor of ${person.name}?`,
        consequence: `Removes the passkeys, authenticator app and recovery codes of ${person.name}, and signs them out everywhere. They set up a second factor at the next sign-in.`,
        action: 'Reset second factor',
        isDanger: true,
      },
      () => change.mutate({ params, body: { resetSecondFactor: true } }),
    )
  const takeBack = ({ id }: Invitation) =>
    confirmed(
      {
        title: `Withdraw the invitation of ${person.email}?`,
        consequence: `The link in the invitation no longer works, and ${person.name} is taken out of teams and schedules.`,
        action: 'Withdraw',
        isDanger: true,
      },
      () => withdraw.mutate({ params: { id } }),
    )
  return (
    <Table.Tr>
      <Table.Th scope="row" fw={400}>
        <Group gap={8}>
          <Text fw={550} style={{ overflowWrap: 'anywhere' }}>
            {person.name}
          </Text>
          <DemoBadge isDemo={person.isDemo} />
          {person.isExecutive ? <Tone color="gray">executive</Tone> : null}
          {person.isActive ? null : <Tone color="gray">deactivated</Tone>}
          {person.isActive && !person.hasJoined ? <Tone color="yellow">{invitation ? 'invited' : 'invitation expired'}</Tone> : null}
          {person.isActive && person.hasJoined && !person.hasSecondFactor && !person.isDemo ? <Tone color="yellow">no second factor</Tone> : null}
        </Group>
        <Text size="sm" className="quiet" component="div" style={{ overflowWrap: 'anywhere' }}>
          {person.email}
          {invitation ? (
            <>
              {' · link works until '}
              <Time at={invitation.expiresAt} />
            </>
          ) : null}
        </Text>
      </Table.Th>
      <Table.Td w={{ base: 156, sm: 180 }}>
        {isAdministrator && !person.isDemo ? (
          <Select
            size="xs"
            miw={124}
            aria-label={`Role of ${person.name}`}
            data={[...roles]}
            value={person.role}
            allowDeselect={false}
            onChange={role => role && role !== person.role && assign(role as Person['role'])}
          />
        ) : (
          person.role
        )}
      </Table.Td>
      <Table.Td w={56}>
        {isAdministrator && !person.isDemo ? (
          <Menu position="bottom-end">
            <Menu.Target>
              <ActionIcon variant="subtle" color="gray" aria-label={`More about ${person.name}`}>
                <IconDots size={16} />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              {person.isActive && !person.hasJoined ? <Menu.Item onClick={() => setIsInviting(true)}>Send new invitation…</Menu.Item> : null}
              {invitation ? <Menu.Item onClick={() => takeBack(invitation)}>Withdraw invitation…</Menu.Item> : null}
              <Menu.Item onClick={person.isActive ? deactivate : () => change.mutate({ params, body: { isActive: true } })}>
                {person.isActive ? 'Deactivate account…' : 'Activate account'}
              </Menu.Item>
              <Menu.Item onClick={() => change.mutate({ params, body: { isExecutive: !person.isExecutive } })}>
                {person.isExecutive ? 'Remove the executive mark' : 'Mark as an executive'}
              </Menu.Item>
              <Menu.Item onClick={() => setIsShowingSessions(true)}>Sessions…</Menu.Item>
              <Menu.Item onClick={resetSecondFactor}>Reset second factor…</Menu.Item>
            </Menu.Dropdown>
          </Menu>
        ) : null}
        {isInviting ? <InviteModal person={person} onClose={() => setIsInviting(false)} /> : null}
        {isShowingSessions ? <SessionsModal person={person} onClose={() => setIsShowingSessions(false)} /> : null}
      </Table.Td>
    </Table.Tr>
  )
}

function Teams() {
  const teams = useApi('teams')
  const mayLead = useMay('lead')
  const [edited, setEdited] = useState<Team | 'new'>()
  return (
    <Section
      title="Teams"
      isFlush
      actions={
        mayLead ? (
          <Anchor component="button" size="sm" onClick={() => setEdited('new')}>
            Add team
          </Anchor>
        ) : null
      }
    >
      <Loaded query={teams} rows={2}>
        {list =>
          list.length === 0 ? (
            <Empty title="No teams yet">
              Each service has two teams: a security response team that leads incidents, and an engineering team that owns the service.
            </Empty>
          ) : (
            <Table>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th scope="col">Team</Table.Th>
                  <Table.Th scope="col">Members</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {list.map(team => (
                  <Table.Tr key={team.id}>
                    <Table.Th scope="row" fw={400}>
                      {mayLead ? (
                        <Anchor component="button" fw={550} c="inherit" onClick={() => setEdited(team)}>
                          {team.name}
                        </Anchor>
                      ) : (
                        <Text fw={550}>{team.name}</Text>
                      )}
                      <Text size="sm" className="quiet">
                        {team.kind === 'security' ? 'Security response' : 'Engineering'}
                      </Text>
                    </Table.Th>
                    <Table.Td>
                      <Stack gap={0}>{team.members.map(member => member.name).join(', ') || 'Unassigned'}</Stack>
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          )
        }
      </Loaded>
      {edited ? <TeamModal team={edited === 'new' ? undefined : newestOf(teams.data, edited)} onClose={() => setEdited(undefined)} /> : null}
    </Section>
  )
}
