import { Alert, Box, Button, Group, Stack, Text, Textarea } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { type Handover, type Incident, type IncidentRole, incidentRoles } from '@tocsin/api'
import { useState } from 'react'
import { useApi, useCommand } from '../api.ts'
import { useRecordForm, useRouteForm } from '../forms.ts'
import { PersonSelect } from '../parts/choices.tsx'
import { Markdown } from '../parts/defanged.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem, Section } from '../parts/page.tsx'
import { Time } from '../parts/time.tsx'
import { useMay, useMayLead, useMe } from '../session.ts'

const words: Record<IncidentRole, { label: string; meaning: string }> = {
  lead: { label: 'Lead', meaning: 'leads the security response' },
  owner: { label: 'Owner', meaning: 'service owner: carries out the plan' },
  communications: { label: 'Communications lead', meaning: 'writes updates and notices' },
  executive: { label: 'Executive sponsor', meaning: 'approves business-impacting actions' },
}

export function RolesSection({ incident }: { incident: Incident }) {
  return (
    <Section title="Roles">
      <Stack gap="xs">
        {incidentRoles.map(role => (
          <Box key={role}>
            <Role incident={incident} role={role} />
            {incident.handovers.flatMap(handover => (handover.role === role ? <Waiting key={role} incident={incident} handover={handover} /> : []))}
          </Box>
        ))}
      </Stack>
    </Section>
  )
}

function Role({ incident, role }: { incident: Incident; role: IncidentRole }) {
  const me = useMe()
  const mayLead = useMayLead(incident)
  const canRespond = useMay('responder') && incident.status !== 'closed'
  const assign = useCommand('assignRole')
  const [askedId, ask] = useState<string>()
  const holder = incident[role]
  // A role that somebody has is theirs to hand over; the executive sponsor is a lead's choice, and so is who has a role in a restricted incident, and sees it.
  const isChosenByLead = role === 'executive' || (incident.isRestricted && incident.lead !== null)
  const mayAssign = mayLead || (!isChosenByLead && (holder === null || holder.id === me?.person.id))
  if (!canRespond || !mayAssign)
    return (
      <Group justify="space-between">
        <Text size="sm" className="quiet">
          {words[role].label}
        </Text>
        <Text size="sm">{holder?.name ?? '—'}</Text>
      </Group>
    )
  const isAccepted = role === 'lead' || role === 'owner'
  return (
    <>
      <PersonSelect
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
        isOnCall={isAccepted}
        isExecutive={role === 'executive'}
        without={incident.suspects.map(suspect => suspect.id)}
        value={holder?.id ?? null}
        readOnly={assign.isPending}
        placeholder="Unassigned"
        clearable
        clearButtonProps={{ 'aria-label': `Unassign ${words[role].label}` }}
        onChange={personId =>
          isAccepted && personId !== null && personId !== me?.person.id
            ? ask(personId)
            : assign.mutate({ params: { id: incident.id, role }, body: { version: incident.version, personId } })
        }
      />
      {askedId === undefined ? null : <HandoverModal incident={incident} role={role} personId={askedId} onClose={() => ask(undefined)} />}
    </>
  )
}

/** Somebody is asked to take the role over, and has not answered. */
function Waiting({ incident, handover: { role, to, by, requestedAt } }: { incident: Incident; handover: Handover }) {
  const me = useMe()
  const mayLead = useMayLead(incident)
  const withdraw = useCommand('withdrawHandover', { done: 'Request withdrawn.' })
  const mayWithdraw = mayLead || incident[role]?.id === me?.person.id || by === me?.person.name
  return (
    <Group justify="space-between" gap="xs" wrap="nowrap" mt={4}>
      <Text size="xs" className="quiet">
        {to.name} is asked to take over, <Time at={requestedAt} />
      </Text>
      {mayWithdraw ? (
        <Button
          size="compact-xs"
          variant="default"
          flex="none"
          loading={withdraw.isPending}
          onClick={() => withdraw.mutate({ params: { id: incident.id, role } })}
        >
          Withdraw
        </Button>
      ) : null}
    </Group>
  )
}

function HandoverModal({ incident, role, personId, onClose }: { incident: Incident; role: IncidentRole; personId: string; onClose: () => void }) {
  const people = useApi('people')
  const name = people.data?.people.find(person => person.id === personId)?.name ?? ''
  const holder = incident[role]
  const { form, submit, isBusy, newer } = useRecordForm('assignRole', incident, () => ({ note: '' }), {
    around: () => ({ params: { id: incident.id, role } }),
    restsOn: each => each[role]?.id,
    toBody: ({ note }) => ({ personId, ...(note.trim() === '' && holder === null ? {} : { note }) }),
    done: `${name} was paged and has to accept.`,
    onDone: onClose,
  })
  return (
    <Dialog onClose={onClose} title={`Ask ${name} to be ${words[role].label.toLowerCase()}`}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <Text className="quiet">
            {name} is paged now and has the role once they accept{holder === null ? '' : `; until then it stays with ${holder.name}`}. If they do not answer,
            the page escalates to the team.
          </Text>
          <FormProblem errors={form.errors} newer={newer} />
          <Textarea
            label="Handover note"
            description="What happened, what is open, what comes next. Markdown; it becomes a note of the incident."
            autosize
            minRows={4}
            required={holder !== null}
            {...form.getInputProps('note')}
          />
          <FormActions submit={`Ask ${name}`} isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}

/** What the signed-in person is asked to take over. */
export function OpenHandovers({ incident }: { incident: Incident }) {
  const me = useMe()
  return incident.handovers
    .filter(({ to }) => to.id === me?.person.id)
    .map(handover => <OpenHandover key={handover.role} incident={incident} handover={handover} />)
}

function OpenHandover({ incident, handover: { role, by, note, requestedAt } }: { incident: Incident; handover: Handover }) {
  const [isDeclining, declining] = useDisclosure()
  const accept = useCommand('acceptRole', { done: `You are ${words[role].label.toLowerCase()} of this incident.` })
  const params = { id: incident.id, role }
  const holder = incident[role]
  return (
    <Alert color="blue" title={`${by} asks you to be ${words[role].label.toLowerCase()} of this incident`}>
      <Stack gap="xs">
        <Text size="sm">
          <Time at={requestedAt} />. {holder === null ? 'Nobody has the role now.' : `Until you accept, ${holder.name} has it.`}
        </Text>
        {note === null ? null : <Markdown html={note.html} />}
        <Group gap="xs">
          <Button size="xs" loading={accept.isPending} onClick={() => accept.mutate({ params })}>
            Accept
          </Button>
          <Button size="xs" variant="default" onClick={declining.open}>
            Decline…
          </Button>
        </Group>
      </Stack>
      {isDeclining ? <DeclineModal params={params} onClose={declining.close} /> : null}
    </Alert>
  )
}

function DeclineModal({ params, onClose }: { params: { id: string; role: IncidentRole }; onClose: () => void }) {
  const { form, submit, isBusy } = useRouteForm('declineRole', { reason: '' }, { around: () => ({ params }), done: 'Declined.', onDone: onClose })
  return (
    <Dialog onClose={onClose} title={`Decline to be ${words[params.role].label.toLowerCase()}`}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Textarea label="Reason" description="Who asked is told. Kept in the audit log." autosize minRows={3} required {...form.getInputProps('reason')} />
          <FormActions submit="Decline" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
