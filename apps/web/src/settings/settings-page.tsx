import { Button, Group, Stack, Text, TextInput } from '@mantine/core'
import { useApi, useCommand } from '../api.ts'
import { useRouteForm } from '../forms.ts'
import { confirmed } from '../parts/confirm.tsx'
import { FormProblem, Loaded, Page, Section } from '../parts/page.tsx'
import { RouteLink } from '../parts/route-link.tsx'
import { useMay } from '../session.ts'
import { ApiKeys } from './api-keys.tsx'
import { ClassDefinitions } from './class-definitions.tsx'
import { Erasures } from './erasures.tsx'
import { Segregation } from './segregation.tsx'
import { Integrations } from './sources.tsx'
import { System } from './system.tsx'

export function SettingsPage() {
  const isAdministrator = useMay('administrator')
  const mayRespond = useMay('responder')
  const mayLead = useMay('lead')
  return (
    <Page
      title="Settings"
      lead="Integrations, service accounts, incident classes and segregation of duties."
      actions={mayLead ? <RouteLink to="/setup-checklist">Setup checklist</RouteLink> : null}
    >
      {isAdministrator ? <Organization /> : null}
      {mayRespond ? <Integrations /> : null}
      {isAdministrator ? <ApiKeys /> : null}
      <ClassDefinitions />
      <Segregation />
      {isAdministrator ? <Erasures /> : null}
      {isAdministrator ? <System /> : null}
      {isAdministrator ? <Demo /> : null}
    </Page>
  )
}

function Organization() {
  const status = useApi('status')
  if (!status.data)
    return (
      <Section title="Organization">
        <Loaded query={status}>{() => null}</Loaded>
      </Section>
    )
  return <OrganizationForm key={status.data.organization} name={status.data.organization} />
}

function OrganizationForm({ name }: { name: string }) {
  const { form, submit, isBusy } = useRouteForm('renameOrganization', { name }, { done: 'Saved.' })
  return (
    <Section title="Organization">
      <form onSubmit={submit} noValidate>
        <FormProblem errors={form.errors} />
        <Group align="flex-end">
          <TextInput label="Name shown to customers in notices" flex={1} maw={420} {...form.getInputProps('name')} />
          <Button type="submit" variant="default" loading={isBusy}>
            Save
          </Button>
        </Group>
      </form>
    </Section>
  )
}

function Demo() {
  const status = useApi('status')
  const load = useCommand('loadDemo', { done: 'Demo loaded. The first alert arrives within seconds.' })
  const remove = useCommand('removeDemo', { done: 'Demo data removed.' })
  if (!status.data) return null
  return (
    <Section title="Demo data">
      {status.data.hasDemo ? (
        <Stack gap="sm">
          <Text className="quiet">Removes all teams, people, services, customers, alerts and incidents marked as demo. The audit log is kept.</Text>
          <Group>
            <Button
              variant="default"
              loading={remove.isPending}
              onClick={() =>
                confirmed(
                  {
                    title: 'Remove demo data?',
                    consequence: 'Deletes all teams, people, services, customers, alerts and incidents marked as demo. The audit log is kept.',
                    action: 'Remove demo data',
                    isDanger: true,
                  },
                  () => remove.mutate({}),
                )
              }
            >
              Remove demo data…
            </Button>
          </Group>
        </Stack>
      ) : (
        <Group justify="space-between">
          <Text className="quiet">A sample organization and one attack on it.</Text>
          <Button variant="default" loading={load.isPending} onClick={() => load.mutate({})}>
            Load demo
          </Button>
        </Group>
      )}
    </Section>
  )
}
