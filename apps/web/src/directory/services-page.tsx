import { Anchor, Button, Group, Paper, Select, Stack, Table, Text, Textarea, TextInput } from '@mantine/core'
import { IconPlus } from '@tabler/icons-react'
import { type Service, severities } from '@tocsin/api'
import { useState } from 'react'
import { useApi } from '../api.ts'
import { useRecordForm } from '../forms.ts'
import { DemoBadge, SeverityBadge } from '../parts/badges.tsx'
import { placeholderOf } from '../parts/choices.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { newestOf } from '../parts/newest.ts'
import { Empty, FormProblem, Loaded, Page } from '../parts/page.tsx'
import { useMay } from '../session.ts'

export function ServicesPage() {
  const services = useApi('services')
  const mayLead = useMay('lead')
  const [edited, setEdited] = useState<Service | 'new'>()
  return (
    <Page
      title="Services"
      lead="What you run, and the two teams responsible for each service."
      actions={
        mayLead ? (
          <Button leftSection={<IconPlus size={16} />} onClick={() => setEdited('new')}>
            Add service
          </Button>
        ) : null
      }
    >
      <Paper>
        <Loaded query={services}>
          {list =>
            list.length === 0 ? (
              <Empty title="No services yet">Alerts for a service page its security team; incidents also page its engineering team.</Empty>
            ) : (
              <Table.ScrollContainer minWidth={640}>
                <Table>
                  <Table.Thead>
                    <Table.Tr>
                      <Table.Th>Service</Table.Th>
                      <Table.Th>Security response team</Table.Th>
                      <Table.Th>Engineering team</Table.Th>
                      <Table.Th>Pages from severity</Table.Th>
                    </Table.Tr>
                  </Table.Thead>
                  <Table.Tbody>
                    {list.map(service => (
                      <Table.Tr key={service.id}>
                        <Table.Td>
                          <Group gap={8}>
                            {mayLead ? (
                              <Anchor component="button" fw={550} c="inherit" onClick={() => setEdited(service)}>
                                {service.name}
                              </Anchor>
                            ) : (
                              <Text fw={550}>{service.name}</Text>
                            )}
                            <DemoBadge isDemo={service.isDemo} />
                          </Group>
                          <Text size="sm" className="quiet">
                            {service.description}
                          </Text>
                        </Table.Td>
                        <Table.Td>{service.securityTeam.name}</Table.Td>
                        <Table.Td>{service.engineeringTeam?.name ?? <span className="quiet">Unassigned</span>}</Table.Td>
                        <Table.Td>
                          <SeverityBadge severity={service.pageFrom} />
                        </Table.Td>
                      </Table.Tr>
                    ))}
                  </Table.Tbody>
                </Table>
              </Table.ScrollContainer>
            )
          }
        </Loaded>
      </Paper>
      {edited ? <ServiceModal service={edited === 'new' ? undefined : newestOf(services.data, edited)} onClose={() => setEdited(undefined)} /> : null}
    </Page>
  )
}

function ServiceModal({ service, onClose }: { service: Service | undefined; onClose: () => void }) {
  const teams = useApi('teams')
  const { form, submit, isBusy, newer } = useRecordForm(
    'saveService',
    service,
    one => ({
      name: one?.name ?? '',
      description: one?.description ?? '',
      securityTeamId: one?.securityTeam.id ?? '',
      engineeringTeamId: one?.engineeringTeam?.id ?? null,
      pageFrom: (one?.pageFrom ?? 'high') as string,
    }),
    { toBody: values => ({ ...values, ...(service ? { id: service.id } : {}) }), done: 'Saved.', onDone: onClose },
  )
  /** Every team: one may answer both sides. Those of the kind that is asked for come first. */
  const teamsOf = (kind: 'security' | 'engineering') =>
    (teams.data ?? []).toSorted((one, other) => Number(other.kind === kind) - Number(one.kind === kind)).map(team => ({ value: team.id, label: team.name }))
  return (
    <Dialog onClose={onClose} title={service ? service.name : 'Add service'}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} newer={newer} />
          <TextInput label="Name" description="Matches the service label of alerts" required {...form.getInputProps('name')} />
          <Textarea label="Description" description="What it does and what data it holds" autosize minRows={2} {...form.getInputProps('description')} />
          <Select
            label="Security response team"
            required
            description="Leads incidents"
            data={teamsOf('security')}
            placeholder={placeholderOf(teams, 'Teams')}
            nothingFoundMessage={placeholderOf(teams, 'Teams', 'Create a team first')}
            allowDeselect={false}
            {...form.getInputProps('securityTeamId')}
          />
          <Select
            label="Engineering team"
            description="Owns the service and carries out the plan. May be the same team"
            placeholder="Unassigned: the security response team is asked"
            data={teamsOf('engineering')}
            nothingFoundMessage={placeholderOf(teams, 'Teams', 'Create a team first')}
            clearable
            {...form.getInputProps('engineeringTeamId')}
          />
          <Select label="Page from severity" data={[...severities]} allowDeselect={false} {...form.getInputProps('pageFrom')} />
          <FormActions submit="Save" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
