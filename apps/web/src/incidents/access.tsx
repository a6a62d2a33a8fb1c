import { Button, CloseButton, Group, Stack, Text } from '@mantine/core'
import type { Incident } from '@tocsin/api'
import { useState } from 'react'
import { useCommand } from '../api.ts'
import { PersonMultiSelect, PersonSelect } from '../parts/choices.tsx'
import { Section } from '../parts/page.tsx'
import { useMay, useMayLead } from '../session.ts'

/** Who may see a restricted incident, who must not, and whom it pages. */
export function Access({ incident }: { incident: Incident }) {
  const canRespond = useMay('responder') && incident.status !== 'closed'
  const mayLead = useMayLead(incident) && canRespond
  const setMembers = useCommand('setMembers')
  const setSuspects = useCommand('setSuspects')
  const around = { params: { id: incident.id } }
  const { version } = incident
  const suspectIds = incident.suspects.map(suspect => suspect.id)
  return (
    <>
      <Section title="Access to this restricted incident">
        <People
          teach="People with a role, and:"
          people={incident.members}
          canChange={mayLead || (canRespond && incident.lead === null)}
          add="Add person"
          without={suspectIds}
          onChange={personIds => setMembers.mutate({ ...around, body: { version, personIds } })}
        />
      </Section>
      <Section title="Suspects">
        <People
          teach="They see nothing of this incident, whatever their role, hold no role in it, and are not paged about it. They are not told."
          people={incident.suspects}
          canChange={mayLead}
          add="Add suspect"
          onChange={personIds => setSuspects.mutate({ ...around, body: { version, personIds } })}
        />
      </Section>
      {mayLead ? <PagePeople incident={incident} /> : null}
    </>
  )
}

function People(props: {
  teach: string
  people: Incident['members']
  canChange: boolean
  add: string
  without?: readonly string[]
  onChange: (personIds: string[]) => void
}) {
  const ids = props.people.map(person => person.id)
  return (
    <Stack gap="xs">
      <Text size="sm" className="quiet">
        {props.teach}
      </Text>
      {props.people.map(person => (
        <Group key={person.id} justify="space-between" wrap="nowrap">
          <Text style={{ overflowWrap: 'anywhere' }}>{person.name}</Text>
          {props.canChange ? <CloseButton aria-label={`Remove ${person.name}`} onClick={() => props.onChange(ids.filter(id => id !== person.id))} /> : null}
        </Group>
      ))}
      {props.canChange ? (
        <PersonSelect
          aria-label={props.add}
          placeholder={props.add}
          without={[...ids, ...(props.without ?? [])]}
          value={null}
          onChange={id => id && props.onChange([...ids, id])}
        />
      ) : null}
    </Stack>
  )
}

/** A restricted incident pages nobody by rota: its lead says whom. */
function PagePeople({ incident }: { incident: Incident }) {
  const page = useCommand('pageIncident', { done: 'Paged.' })
  const [personIds, setPersonIds] = useState<string[]>([])
  return (
    <Section title="Page people">
      <Stack gap="xs">
        <Text size="sm" className="quiet">
          A restricted incident pages nobody by rota. Those whom you page can see it from then on.
        </Text>
        <PersonMultiSelect aria-label="People to page" placeholder="People to page" isOnCall value={personIds} onChange={setPersonIds} />
        <Group>
          <Button
            disabled={personIds.length === 0}
            loading={page.isPending}
            onClick={() => page.mutate({ params: { id: incident.id }, body: { personIds } }, { onSuccess: () => setPersonIds([]) })}
          >
            Page
          </Button>
        </Group>
      </Stack>
    </Section>
  )
}
