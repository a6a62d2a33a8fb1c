import { Group, Stack, Text } from '@mantine/core'
import { type Incident, type IncidentRole, incidentRoles } from '@tocsin/api'
import { useCommand } from '../api.ts'
import { PersonSelect } from '../parts/choices.tsx'
import { Section } from '../parts/page.tsx'
import { useMay, useMayLead } from '../session.ts'

const words: Record<IncidentRole, { label: string; meaning: string }> = {
  lead: { label: 'Lead', meaning: 'leads the security response' },
  owner: { label: 'Owner', meaning: 'service owner: carries out the plan' },
  communications: { label: 'Communications lead', meaning: 'writes updates and notices' },
  executive: { label: 'Executive sponsor', meaning: 'approves business-impacting actions' },
}

export function RolesSection({ incident }: { incident: Incident }) {
  const mayLead = useMayLead(incident)
  // Who has a role in a restricted incident sees it: its lead says who.
  const isOpen = incident.status !== 'closed' && (mayLead || !incident.isRestricted || incident.lead === null)
  const canRespond = useMay('responder') && isOpen
  const assign = useCommand('assignRole')
  const suspects = incident.suspects.map(suspect => suspect.id)
  return (
    <Section title="Roles">
      <Stack gap="xs">
        {incidentRoles.map(role => {
          const holder = incident[role]
          return canRespond && (role !== 'executive' || mayLead) ? (
            <PersonSelect
              key={role}
              size="xs"
              label={
                <>
                  {words[role].label}{' '}
                  <Text span className="quiet" size="xs">
                    {words[role].meaning}
                  </Text>
                </>
              }
              aria-label={words[role].label}
              isExecutive={role === 'executive'}
              without={suspects}
              value={holder?.id ?? null}
              readOnly={assign.isPending}
              placeholder="Unassigned"
              clearable
              clearButtonProps={{ 'aria-label': `Unassign ${words[role].label}` }}
              onChange={personId => assign.mutate({ params: { id: incident.id, role }, body: { version: incident.version, personId } })}
            />
          ) : (
            <Group key={role} justify="space-between">
              <Text size="sm" className="quiet">
                {words[role].label}
              </Text>
              <Text size="sm">{holder?.name ?? '—'}</Text>
            </Group>
          )
        })}
      </Stack>
    </Section>
  )
}
