import { Anchor, Badge, Button, Group, Select, Stack, Text, Textarea, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { factKinds, type Incident, type IncidentFact } from '@tocsin/api'
import { useState } from 'react'
import { useApi, useCommand } from '../api.ts'
import { useRouteForm } from '../forms.ts'
import { Defanged } from '../parts/defanged.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { fromLocalInput, toLocalInput } from '../parts/local-time.ts'
import { Empty, FormProblem, Loaded, Section } from '../parts/page.tsx'
import { Time } from '../parts/time.tsx'
import { useMay, useMe } from '../session.ts'

type Kind = IncidentFact['kind']

const labels: Record<Kind, string> = {
  occurred: 'Occurred',
  detected: 'Detected',
  aware: 'Became aware',
  discovered: 'Discovered',
  determined: 'Determined',
  contained: 'Contained',
}

/** When the key moments of an incident were, each with who says so, and what was stated before. */
export function KeyDatesSection({ incident }: { incident: Incident }) {
  const facts = useApi('incidentFacts', { params: { id: incident.id } })
  const canRespond = useMay('responder') && incident.status !== 'closed'
  const [isStating, stating] = useDisclosure()
  const stated = facts.data && new Set(facts.data.filter(({ state }) => state === 'current').map(({ kind }) => kind))
  const left = factKinds.filter(kind => stated?.has(kind) === false)
  return (
    <Section
      title="Key dates"
      actions={
        canRespond && left.length > 0 ? (
          <Anchor component="button" size="sm" onClick={stating.open}>
            Add
          </Anchor>
        ) : null
      }
    >
      <Loaded query={facts} rows={1}>
        {all =>
          all.length === 0 ? (
            <Empty title="None">State when it occurred, was detected, and when you became aware: contracts may count from there.</Empty>
          ) : (
            <Stack gap="md">
              {factKinds.map(kind => {
                const versions = all.filter(fact => fact.kind === kind)
                return versions.length === 0 ? null : <KeyDate key={kind} incident={incident} versions={versions} canRespond={canRespond} />
              })}
            </Stack>
          )
        }
      </Loaded>
      {isStating ? <FactModal incident={incident} kinds={left} onClose={stating.close} /> : null}
    </Section>
  )
}

function KeyDate({ incident, versions, canRespond }: { incident: Incident; versions: readonly IncidentFact[]; canRespond: boolean }) {
  const [isCorrecting, correcting] = useDisclosure()
  const [showsAll, setShowsAll] = useState(false)
  const current = versions.find(({ state }) => state === 'current')
  const proposed = versions.find(({ state }) => state === 'proposed')
  const earlier = versions.filter(({ state }) => state === 'superseded' || state === 'rejected')
  const [kind] = versions.map(fact => fact.kind)
  return (
    <div>
      <Group justify="space-between" gap="xs">
        <Text size="sm" fw={550}>
          {kind ? labels[kind] : null}
        </Text>
        {canRespond && current ? (
          <Anchor component="button" size="sm" onClick={correcting.open}>
            Correct
          </Anchor>
        ) : null}
      </Group>
      {current ? <Version fact={current} /> : null}
      {proposed ? <Proposed incident={incident} fact={proposed} canRespond={canRespond} /> : null}
      {earlier.length > 0 ? (
        <Anchor component="button" size="sm" onClick={() => setShowsAll(!showsAll)} aria-expanded={showsAll}>
          {showsAll ? 'Hide earlier versions' : earlier.length === 1 ? '1 earlier version' : `${earlier.length} earlier versions`}
        </Anchor>
      ) : null}
      {showsAll ? earlier.map(fact => <Version key={fact.id} fact={fact} />) : null}
      {isCorrecting && current ? <FactModal incident={incident} corrected={current} kinds={[current.kind]} onClose={correcting.close} /> : null}
    </div>
  )
}

function Version({ fact }: { fact: IncidentFact }) {
  return (
    <div>
      <Group gap={8}>
        <Text size="sm" component="div" td={fact.state === 'superseded' || fact.state === 'rejected' ? 'line-through' : undefined}>
          <Time at={fact.at} />
        </Text>
        {fact.state === 'current' ? null : <Badge variant="default">{fact.state}</Badge>}
      </Group>
      <Text size="sm" className="quiet" component="div">
        {fact.source}: <Defanged text={fact.basis} />
      </Text>
      {fact.reason ? (
        <Text size="sm" className="quiet" component="div">
          Corrected: <Defanged text={fact.reason} />
        </Text>
      ) : null}
      <Text size="sm" className="quiet" component="div">
        Recorded by {fact.recordedBy.name} <Time at={fact.recordedAt} />
        {fact.decidedBy ? `, ${fact.state === 'rejected' ? 'rejected' : 'approved'} by ${fact.decidedBy.name}` : ''}
      </Text>
    </div>
  )
}

/** A later time, which deadlines would follow: it counts once somebody else approves it. */
function Proposed({ incident, fact, canRespond }: { incident: Incident; fact: IncidentFact; canRespond: boolean }) {
  const me = useMe()
  const mayLead = useMay('lead')
  const approve = useCommand('approveFact', { done: 'Approved.' })
  const reject = useCommand('rejectFact', { done: 'Rejected.' })
  const isMine = fact.recordedBy.id === me?.person.id
  const mayDecide = canRespond && (mayLead || incident.executive?.id === me?.person.id)
  const params = { id: incident.id, factId: fact.id }
  return (
    <Stack gap={6} mt={6}>
      <Version fact={fact} />
      {isMine || !mayDecide ? (
        <Text size="sm" className="quiet">
          Takes effect once a lead or the executive sponsor approves it{isMine ? ', other than you' : ''}.
        </Text>
      ) : null}
      <Group gap="xs">
        {mayDecide && !isMine ? (
          <Button size="xs" loading={approve.isPending} onClick={() => approve.mutate({ params })}>
            Approve
          </Button>
        ) : null}
        {(mayDecide || isMine) && canRespond ? (
          <Button size="xs" variant="default" loading={reject.isPending} onClick={() => reject.mutate({ params })}>
            {isMine ? 'Take back' : 'Reject'}
          </Button>
        ) : null}
      </Group>
    </Stack>
  )
}

/** States a key date, or corrects one. */
function FactModal({ incident, kinds, corrected, onClose }: { incident: Incident; kinds: readonly Kind[]; corrected?: IncidentFact; onClose: () => void }) {
  const { form, submit, isBusy } = useRouteForm(
    corrected ? 'correctFact' : 'stateFact',
    {
      kind: (kinds[0] ?? 'occurred') as string,
      at: corrected ? toLocalInput(new Date(corrected.at)) : '',
      source: corrected?.source ?? '',
      basis: corrected?.basis ?? '',
      reason: '',
    },
    {
      around: () => ({ params: { id: incident.id, ...(corrected ? { factId: corrected.id } : {}) } }),
      toBody: ({ kind, at, reason, ...rest }) => ({ ...rest, at: fromLocalInput(at), ...(corrected ? { reason } : { kind }) }),
      done: 'Saved.',
      onDone: onClose,
    },
  )
  return (
    <Dialog onClose={onClose} title={corrected ? `Correct: ${labels[corrected.kind]}` : 'Add a key date'}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          {corrected ? null : (
            <Select label="What happened" data={kinds.map(value => ({ value, label: labels[value] }))} allowDeselect={false} {...form.getInputProps('kind')} />
          )}
          <TextInput label="When" description="In your time zone" type="datetime-local" required {...form.getInputProps('at')} />
          <TextInput label="Who says so" placeholder="A person, a system, a report" required {...form.getInputProps('source')} />
          <Textarea label="How they know" autosize minRows={2} required {...form.getInputProps('basis')} />
          {corrected ? <Textarea label="Why the earlier version was wrong" autosize minRows={2} required {...form.getInputProps('reason')} /> : null}
          {form.values.kind === 'aware' ? (
            <Text size="sm" className="quiet">
              Deadlines may be counted from this. An earlier time moves them at once; a later one once somebody else approves it.
            </Text>
          ) : null}
          <FormActions submit="Save" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
