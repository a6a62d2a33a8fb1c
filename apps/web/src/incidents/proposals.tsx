import { Alert, Button, Group, Select, SimpleGrid, Stack, Text, Textarea } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { type Incident, type Proposal, type SeverityCriteria, severityAnswers } from '@tocsin/api'
import { useApi, useCommand } from '../api.ts'
import { useRecordForm, useRouteForm } from '../forms.ts'
import { placeholderOf } from '../parts/choices.tsx'
import { Defanged } from '../parts/defanged.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem } from '../parts/page.tsx'
import { Time } from '../parts/time.tsx'
import { useMay, useMayLead, useMe } from '../session.ts'
import { criteriaQuestions } from './assessment.tsx'

/** What is proposed of the incident, with what an approval would do. */
export function OpenProposals({ incident }: { incident: Incident }) {
  return incident.proposals.filter(({ state }) => state === 'open').map(proposal => <OpenProposal key={proposal.id} incident={incident} proposal={proposal} />)
}

/** What else happens when a proposal is approved. */
const consequences: Record<Proposal['kind'], string> = {
  'stand-down':
    'Approving it ends all notification deadlines, closes open tasks as not needed, and discards notices that were not sent. Customers who were notified are owed an update in 24 hours; without any, the incident is closed.',
  'lower-class': 'Approving it sets this class. A required review stays required, and deadlines that run go on.',
  'lower-severity': 'Approving it sets this severity with its criteria.',
  close: 'Approving it closes the incident, if nothing else is left.',
}

function OpenProposal({ incident, proposal }: { incident: Incident; proposal: Proposal }) {
  const me = useMe()
  const mayLead = useMay('lead')
  const mayLeadThis = useMayLead(incident)
  const [isRejecting, rejecting] = useDisclosure()
  const approve = useCommand('approveProposal', { done: 'Approved.' })
  const withdraw = useCommand('withdrawProposal', { done: 'Proposal withdrawn.' })
  const params = { id: incident.id, proposalId: proposal.id }
  const isMine = proposal.proposedBy.id === me?.person.id
  const mayDecide = !isMine && (mayLead || incident.executive?.id === me?.person.id)
  return (
    <Alert color="yellow" title={`Proposed: ${proposal.change}`}>
      <Stack gap={6}>
        <Text size="sm">
          By {proposal.proposedBy.name}, <Time at={proposal.proposedAt} />.{' '}
          {mayDecide ? consequences[proposal.kind] : 'Somebody else with the role lead, or the executive sponsor, approves or rejects it.'}
        </Text>
        <Text size="sm" className="prewrap" component="div">
          <Defanged text={proposal.reason} />
        </Text>
        <Group gap="xs">
          {mayDecide ? (
            <>
              <Button size="xs" loading={approve.isPending} onClick={() => approve.mutate({ params, body: { sha256: proposal.sha256 } })}>
                Approve
              </Button>
              <Button size="xs" variant="default" onClick={rejecting.open}>
                Reject…
              </Button>
            </>
          ) : null}
          {isMine || mayLeadThis ? (
            <Button size="xs" variant="default" loading={withdraw.isPending} onClick={() => withdraw.mutate({ params })}>
              Withdraw
            </Button>
          ) : null}
        </Group>
      </Stack>
      {isRejecting ? <RejectModal params={params} onClose={rejecting.close} /> : null}
    </Alert>
  )
}

function RejectModal({ params, onClose }: { params: { id: string; proposalId: string }; onClose: () => void }) {
  const { form, submit, isBusy } = useRouteForm('rejectProposal', { reason: '' }, { around: () => ({ params }), done: 'Proposal rejected.', onDone: onClose })
  return (
    <Dialog onClose={onClose} title="Reject proposal">
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Textarea label="Reason" description="Kept in the audit log." autosize minRows={3} required {...form.getInputProps('reason')} />
          <FormActions submit="Reject" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}

export const proposalTitles: Record<Proposal['kind'], string> = {
  'stand-down': 'Propose to stand down',
  'lower-class': 'Propose a lower class',
  'lower-severity': 'Propose a lower severity',
  close: 'Propose to close',
}
const leads: Record<Proposal['kind'], string> = {
  'stand-down':
    'The incident was declared in error. Once somebody else has approved it, its deadlines end and it is closed; customers who were notified are told first.',
  'lower-class': 'Once somebody else has approved it, the incident has this class.',
  'lower-severity': 'Once somebody else has approved it, the severity follows from these criteria.',
  close: 'For who contained the incident, and so does not close it alone. Once somebody else has approved it, the incident is closed.',
}

/** Proposes what one person may not do alone to a declared incident. */
export function ProposeModal({ incident, kind, onClose }: { incident: Incident; kind: Proposal['kind']; onClose: () => void }) {
  const definitions = useApi('classDefinitions', {}, { isEnabled: kind === 'lower-class' })
  const { form, submit, isBusy, newer } = useRecordForm(
    'propose',
    incident,
    ({ severityCriteria }) => ({
      reason: '',
      class: '',
      criteria: severityCriteria as Record<keyof SeverityCriteria, string> | null,
    }),
    {
      around: () => ({ params: { id: incident.id } }),
      restsOn: ({ status, class: current, severityCriteria }) => [status, current, severityCriteria],
      toBody: ({ reason, class: to, criteria }) => ({
        ...{ kind, reason },
        ...(kind === 'lower-class' && to !== '' ? { class: to } : {}),
        ...(kind === 'lower-severity' ? { criteria } : {}),
      }),
      done: 'Proposed. Somebody else has to approve it.',
      onDone: onClose,
    },
  )
  return (
    <Dialog onClose={onClose} title={proposalTitles[kind]}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <Text className="quiet">{leads[kind]}</Text>
          <FormProblem errors={form.errors} newer={newer} />
          {kind === 'lower-class' ? (
            <Select
              label="Class"
              data={(definitions.data ?? []).flatMap(each =>
                ['suspected', 'not-an-incident', incident.class].includes(each.class) ? [] : [{ value: each.class, label: each.name }],
              )}
              allowDeselect={false}
              placeholder={placeholderOf(definitions, 'Classes', 'Choose a class')}
              required
              {...form.getInputProps('class')}
            />
          ) : null}
          {kind === 'lower-severity' ? (
            <SimpleGrid cols={{ base: 1, sm: 2 }}>
              {criteriaQuestions.map(({ name, question }) => (
                <Select
                  key={name}
                  label={question}
                  data={severityAnswers[name].map(value => ({ value, label: value.replaceAll('-', ' ') }))}
                  allowDeselect={false}
                  {...form.getInputProps(`criteria.${name}`)}
                />
              ))}
            </SimpleGrid>
          ) : null}
          <Textarea label="Reason" description="Kept in the audit log." autosize minRows={3} required {...form.getInputProps('reason')} />
          <FormActions submit="Propose" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
