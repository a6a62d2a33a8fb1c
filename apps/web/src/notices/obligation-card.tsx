import { Alert, Button, Group, Paper, Progress, Stack, Table, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import type { Notice, Obligation } from '@tocsin/api'
import { useAct } from '../api.ts'
import { StateBadge } from '../parts/badges.tsx'
import { remaining, Time, useNow } from '../parts/time.tsx'
import { useMay, useMe } from '../session.ts'
import { DecisionModal, groundWords } from './decision-modal.tsx'
import { NoticeModal } from './notice-modal.tsx'

/** One duty: its clock, its notices, and a decision if there is one. */
export function ObligationCard({ obligation, isClosed, showsIncident = false }: { obligation: Obligation; isClosed: boolean; showsIncident?: boolean }) {
  const mayAct = useMay('responder') && !isClosed
  const mayLead = useMay('lead') && !isClosed
  const [isDrafting, drafting] = useDisclosure()
  const [isDeciding, deciding] = useDisclosure()
  const unsent = obligation.notices.find(notice => notice.state !== 'sent')
  const mayDraft = mayAct && unsent === undefined && obligation.state !== 'waived'
  return (
    <Paper p="md" component="article" aria-label={`Notice to ${obligation.customer.name}`}>
      <Stack gap="sm">
        <Group justify="space-between" align="flex-start">
          <div>
            <Text fw={620}>{obligation.customer.name}</Text>
            {showsIncident ? (
              <Text size="sm" className="quiet">
                Incident {obligation.incident.number}: {obligation.incident.title}
              </Text>
            ) : null}
          </div>
          <StateBadge
            state={
              obligation.standing === 'overdue' && obligation.state !== 'waived'
                ? 'overdue'
                : obligation.standing === 'met-late'
                  ? 'met-late'
                  : obligation.state
            }
          />
        </Group>
        <Clock obligation={obligation} />
        {obligation.decision ? <Decision obligation={obligation} decision={obligation.decision} isClosed={isClosed} /> : null}
        {obligation.notices.map(notice => (
          <NoticeView key={notice.id} obligation={obligation} notice={notice} mayAct={mayAct} />
        ))}
        <Group gap="xs">
          {mayDraft ? (
            <Button size="xs" onClick={drafting.open} variant={obligation.notices.length === 0 ? 'filled' : 'default'}>
              {obligation.state === 'met' ? 'Draft an update' : 'Draft the notice'}
            </Button>
          ) : null}
          {mayLead && obligation.state !== 'met' && obligation.decision === null && obligation.startedAt !== null ? (
            <Button size="xs" variant="default" onClick={deciding.open}>
              Delay, or do not notify
            </Button>
          ) : null}
        </Group>
      </Stack>
      {isDrafting ? <NoticeModal obligation={obligation} onClose={drafting.close} /> : null}
      {isDeciding ? <DecisionModal obligation={obligation} onClose={deciding.close} /> : null}
    </Paper>
  )
}

function Clock({ obligation }: { obligation: Obligation }) {
  const now = useNow(15_000)
  const { startedAt, dueAt, metAt, standing } = obligation
  if (!startedAt || !dueAt)
    return (
      <Text size="sm" className="quiet">
        The clock starts with the declaration.
      </Text>
    )
  if (metAt)
    return (
      <Text size="sm" component="div">
        Notified <Time at={metAt} />, {standing === 'met' ? `${remaining(dueAt, Date.parse(metAt))} before it was due` : 'after it was due'}.
      </Text>
    )
  const total = Date.parse(dueAt) - Date.parse(startedAt)
  const share = Math.min(100, ((now - Date.parse(startedAt)) / total) * 100)
  const isOverdue = now > Date.parse(dueAt)
  return (
    <div>
      <Group justify="space-between" mb={4}>
        <Text size="sm" fw={620} className="numeric">
          {isOverdue ? `${remaining(dueAt, now)} overdue` : `${remaining(dueAt, now)} left`}
        </Text>
        <Text size="sm" className="quiet" component="div">
          due <Time at={dueAt} />
        </Text>
      </Group>
      <Progress value={share} color={isOverdue ? 'red' : share >= 66 ? 'orange' : 'blue'} size="sm" aria-label="Time used" />
    </div>
  )
}

function Decision({ obligation, decision, isClosed }: { obligation: Obligation; decision: NonNullable<Obligation['decision']>; isClosed: boolean }) {
  const me = useMe()
  const mayLead = useMay('lead')
  const approve = useAct('approveDecision', { done: 'Approved.' })
  const withdraw = useAct('withdrawDecision', { done: 'Withdrawn: the duty is open again.' })
  const isPending = decision.approvedBy === null
  return (
    <Alert
      color={isPending ? 'yellow' : 'gray'}
      title={`${decision.kind === 'delay' ? 'Delay of the notice' : 'Not to notify'}: ${isPending ? 'proposed' : 'decided'}`}
    >
      <Stack gap={6}>
        <Text size="sm">
          {groundWords[decision.ground]}. Proposed by {decision.proposedBy.name}
          {decision.approvedBy ? `, approved by ${decision.approvedBy}` : ''}; to be looked at again on {decision.reviewOn}.
        </Text>
        <Text size="sm" className="prewrap">
          {decision.statement}
        </Text>
        {isClosed ? null : (
          <Group gap="xs">
            {isPending && decision.proposedBy.id !== me?.person.id ? (
              <Button size="xs" onClick={() => approve.mutate({ params: { id: obligation.id }, body: { version: obligation.version } })}>
                Approve
              </Button>
            ) : null}
            {mayLead && obligation.state !== 'met' ? (
              <Button size="xs" variant="default" onClick={() => withdraw.mutate({ params: { id: obligation.id } })}>
                Withdraw
              </Button>
            ) : null}
          </Group>
        )}
      </Stack>
    </Alert>
  )
}

function NoticeView({ obligation, notice, mayAct }: { obligation: Obligation; notice: Notice; mayAct: boolean }) {
  const me = useMe()
  const [isEditing, editing] = useDisclosure()
  const approve = useAct('approveNotice', { done: 'Approved.' })
  const send = useAct('sendNotice', { done: 'On its way to the customer’s contacts.' })
  const params = { id: notice.id }
  const body = { version: notice.version }
  const isMine = notice.author.id === me?.person.id
  const parts: [string, string | null][] = [
    ['Nature of the breach', notice.nature],
    ['Approximate user impact', notice.userImpact],
    ['Mitigation', notice.mitigation],
    ['Next steps', notice.nextSteps],
  ]
  return (
    <Paper p="sm" style={{ background: 'var(--page)' }}>
      <Stack gap={8}>
        <Group justify="space-between">
          <Text size="sm">
            <strong>{notice.kind === 'update' ? 'Update' : 'Notice'}</strong> by {notice.author.name}
            {notice.approvedBy ? `, approved by ${notice.approvedBy}` : ''}
          </Text>
          <StateBadge state={notice.state} />
        </Group>
        {parts.map(([name, value]) =>
          value ? (
            <div key={name}>
              <Text size="xs" className="quiet">
                {name}
              </Text>
              <Text size="sm" className="prewrap">
                {value}
              </Text>
            </div>
          ) : null,
        )}
        {notice.nextCommunicationAt ? (
          <Text size="sm" component="div">
            Next communication by <Time at={notice.nextCommunicationAt} />
          </Text>
        ) : null}
        {notice.deliveries.length > 0 ? (
          <Table highlightOnHover={false} verticalSpacing={4} aria-label="Deliveries">
            <Table.Tbody>
              {notice.deliveries.map(delivery => (
                <Table.Tr key={delivery.to}>
                  <Table.Td pl={0} style={{ overflowWrap: 'anywhere' }}>
                    {delivery.to}
                  </Table.Td>
                  <Table.Td>
                    <StateBadge state={delivery.state} />
                  </Table.Td>
                  <Table.Td className="mono quiet">{delivery.receipt}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        ) : null}
        {mayAct && (notice.state === 'draft' || notice.state === 'approved') ? (
          <Group gap="xs">
            {notice.state === 'approved' ? (
              <Button size="xs" loading={send.isPending} disabled={obligation.startedAt === null} onClick={() => send.mutate({ params, body })}>
                Send to the customer
              </Button>
            ) : isMine ? (
              <Text size="sm" className="quiet">
                Waits for somebody else’s approval.
              </Text>
            ) : (
              <Button size="xs" loading={approve.isPending} onClick={() => approve.mutate({ params, body })}>
                Approve
              </Button>
            )}
            <Button size="xs" variant="default" onClick={editing.open}>
              Change
            </Button>
          </Group>
        ) : null}
      </Stack>
      {isEditing ? <NoticeModal obligation={obligation} notice={notice} onClose={editing.close} /> : null}
    </Paper>
  )
}
