import { Alert, Box, Button, Group, Paper, Progress, Stack, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import type { Notice, Obligation } from '@tocsin/api'
import { useApi, useCommand } from '../api.ts'
import { useRouteForm } from '../forms.ts'
import { ExerciseBadge, StateBadge } from '../parts/badges.tsx'
import { Defanged } from '../parts/defanged.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { useKeeping } from '../parts/kept.ts'
import { lastTimeOf, lengthOf, termText } from '../parts/notice-term.ts'
import { FormProblem } from '../parts/page.tsx'
import { RouteLink } from '../parts/route-link.tsx'
import { dayFromNow, remaining, Time, useNow } from '../parts/time.tsx'
import { useMay, useMe } from '../session.ts'
import { DecisionModal, reasonCategoryLabels } from './decision-modal.tsx'
import { DiscardNotice } from './discard-notice.tsx'
import { NoticeModal } from './notice-modal.tsx'
import { RejectDecisionModal } from './reject-decision-modal.tsx'
import { SendNotice } from './send-notice.tsx'

interface Shown {
  readonly obligation: Obligation
  /** Keeps it in its list while somebody writes about it. */
  readonly keep?: ((obligation: Obligation | undefined) => void) | undefined
}

/** What is owed, as a heading of its own. */
export const obligationTitle = ({ kind, customer }: Obligation) =>
  customer === null ? 'List the affected customers' : kind === 'update' ? `Update to ${customer.name}` : `Notice to ${customer.name}`

/** One obligation: its deadline, its notices, and a decision if there is one. */
export function ObligationCard({ obligation, keep, showsIncident = false }: Shown & { showsIncident?: boolean }) {
  const { isClosed } = obligation.incident
  const canRespond = useMay('responder') && !isClosed
  const mayLead = useMay('lead') && !isClosed
  const [isDrafting, drafting] = useDisclosure()
  const [isDeciding, deciding] = useDisclosure()
  useKeeping(isDrafting || isDeciding, obligation, keep)
  const unsent = obligation.notices.find(notice => notice.state !== 'sent')
  const isOver = obligation.state === 'ended' || (obligation.kind !== 'initial' && obligation.state === 'notified')
  const mayDraft =
    canRespond &&
    unsent === undefined &&
    (obligation.joinedTo === null || obligation.state === 'notified') &&
    obligation.customer !== null &&
    obligation.state !== 'waived' &&
    !isOver
  return (
    <Paper p="md" component="article" aria-label={obligationTitle(obligation)}>
      <Stack gap="sm">
        <Group justify="space-between" align="flex-start" wrap="nowrap">
          <div style={{ minWidth: 0 }}>
            <Group gap={8}>
              <Text fw={620}>{obligation.kind === 'initial' ? obligation.customer?.name : obligationTitle(obligation)}</Text>
              <ExerciseBadge isExercise={obligation.isExercise} />
            </Group>
            {showsIncident ? (
              <RouteLink
                to="/incidents/$id"
                params={{ id: obligation.incident.id }}
                search={{ tab: 'notices' }}
                size="sm"
                c="var(--quiet)"
                display="inline-block"
              >
                Incident {obligation.incident.number}: {obligation.incident.title}
              </RouteLink>
            ) : null}
          </div>
          <StateBadge
            state={
              obligation.timing === 'overdue' && (obligation.state === 'due' || obligation.state === 'deferred')
                ? 'overdue'
                : obligation.timing === 'notified-late'
                  ? 'notified-late'
                  : obligation.state
            }
          />
        </Group>
        {obligation.customer === null && obligation.state === 'due' ? (
          <Text size="sm">
            Incidents of this class have customers to notify, and none is listed. Add them under Scope, or have it approved that nobody needs to be notified.
          </Text>
        ) : null}
        <Clock obligation={obligation} />
        <BothWays obligation={obligation} />
        <Shared obligation={obligation} />
        {obligation.decision ? <Decision obligation={obligation} decision={obligation.decision} /> : null}
        {obligation.notices.map(notice => (
          <NoticeView key={notice.id} obligation={obligation} notice={notice} keep={keep} mayWork={canRespond} />
        ))}
        <Group gap="xs">
          {mayDraft ? (
            <Button size="xs" onClick={drafting.open} variant={obligation.notices.length === 0 ? 'filled' : 'default'}>
              {obligation.state === 'notified' || obligation.kind === 'update' ? 'Draft update' : 'Draft notice'}
            </Button>
          ) : null}
          {mayLead &&
          obligation.joinedTo === null &&
          obligation.state !== 'notified' &&
          !isOver &&
          obligation.decision === null &&
          obligation.startedAt !== null &&
          unsent?.state !== 'sending' ? (
            <Button size="xs" variant="default" onClick={deciding.open}>
              {obligation.customer === null ? 'Nobody to notify' : 'Defer or waive'}
            </Button>
          ) : null}
        </Group>
      </Stack>
      {isDrafting ? <NoticeModal obligation={obligation} onClose={drafting.close} /> : null}
      {isDeciding ? <DecisionModal obligation={obligation} onClose={deciding.close} /> : null}
    </Paper>
  )
}

/** Which obligations of linked incidents one notice meets. */
function Shared({ obligation: { joinedTo, joined, state } }: { obligation: Obligation }) {
  if (joinedTo !== null)
    return (
      <Text size="sm">
        Shared with parent{' '}
        <RouteLink to="/incidents/$id" params={{ id: joinedTo.incident.id }}>
          incident {joinedTo.incident.number}
        </RouteLink>
        , where one notice serves both. {state === 'due' ? 'Draft it there, or unlink this incident.' : ''}
      </Text>
    )
  return joined.map(({ id, incident, dueAt }) => (
    <Text key={id} size="sm" component="div">
      The notice also serves{' '}
      <RouteLink to="/incidents/$id" params={{ id: incident.id }}>
        incident {incident.number}
      </RouteLink>
      {dueAt === null ? null : (
        <>
          , due <Time at={dueAt} />
        </>
      )}
    </Text>
  ))
}

function Clock({ obligation }: { obligation: Obligation }) {
  const now = useNow(15_000)
  const { startedAt, dueAt, notifiedAt, contractTiming, found, state } = obligation
  if (state === 'ended')
    return (
      <Text size="sm" className="quiet">
        Nothing is owed any more.
      </Text>
    )
  if (!startedAt || !dueAt)
    return (
      <Text size="sm" className="quiet">
        The deadline runs once the incident is declared.
      </Text>
    )
  if (notifiedAt)
    return (
      <Text size="sm" component="div">
        Notified <Time at={notifiedAt} />,{' '}
        {contractTiming === 'notified' ? `${remaining(dueAt, Date.parse(notifiedAt))} before the deadline` : 'after the deadline'}.
      </Text>
    )
  // Nobody has to hurry for what was waived.
  if (state === 'waived')
    return (
      <Text size="sm" className="quiet" component="div">
        Waived; it was due <Time at={dueAt} />.
      </Text>
    )
  // What had passed before the customer was found cannot be met any more: the clock that runs is the one from then on.
  const until = lastTimeOf({ found }, dueAt)
  const from = Date.parse(until === dueAt || found === null ? startedAt : found.at)
  const share = Math.min(100, ((now - from) / (Date.parse(until) - from)) * 100)
  const isOverdue = now > Date.parse(until)
  return (
    <div>
      <Group justify="space-between" mb={4}>
        <Text size="sm" fw={620} className="numeric">
          {isOverdue ? `${remaining(until, now)} overdue` : `${remaining(until, now)} left`}
        </Text>
        <Text size="sm" className="quiet" component="div">
          due <Time at={until} />
        </Text>
      </Group>
      <Progress value={share} color={isOverdue ? 'red' : share >= 66 ? 'orange' : 'blue'} size="sm" aria-label="Time used" />
    </div>
  )
}

/** What the deadline is counted by, by the contract and from being found, where that makes a difference. */
function BothWays({ obligation: { kind, term, dueAt, found, state } }: { obligation: Obligation }) {
  if (term === null || dueAt === null || state === 'ended' || state === 'waived') return null
  if (kind === 'scope')
    return (
      <Text size="sm" className="quiet">
        {lengthOf(term)} from the declaration, or from when the incident got its class
      </Text>
    )
  const late = found !== null && lastTimeOf({ found }, dueAt) !== dueAt ? found : null
  return (
    <Text size="sm" className="quiet" component="div">
      {termText(term)}
      {late ? (
        <>
          : due <Time at={dueAt} />, before the customer was found affected <Time at={late.at} />. Counted from then: {lengthOf(term)}, until{' '}
          <Time at={late.dueAt} />.
        </>
      ) : found ? (
        <>
          . Found affected <Time at={found.at} />.
        </>
      ) : null}
    </Text>
  )
}

function Decision({ obligation, decision }: { obligation: Obligation; decision: NonNullable<Obligation['decision']> }) {
  const me = useMe()
  const mayRespond = useMay('responder')
  const mayLead = useMay('lead')
  const [isWithdrawing, withdrawing] = useDisclosure()
  const [isRejecting, rejecting] = useDisclosure()
  const approve = useCommand('approveDecision', { done: 'Approved.' })
  const { isClosed, executiveId } = obligation.incident
  const isPending = decision.approvedBy === null
  const isOutdated = decision.reviewOn < dayFromNow(0)
  const isMine = decision.proposedBy.id === me?.person.id
  const isSending = obligation.notices.some(notice => notice.state === 'sending')
  const mayDecide = isPending && !isMine && (mayLead || (mayRespond && executiveId === me?.person.id))
  return (
    <Alert color={isPending ? 'yellow' : 'gray'} title={`${decisionName(obligation, decision.kind)}: ${isPending ? 'proposed' : 'approved'}`}>
      <Stack gap={6}>
        <Text size="sm">
          {reasonCategoryLabels[decision.reasonCategory]}. Proposed by {decision.proposedBy.name}
          {decision.approvedBy ? `, approved by ${decision.approvedBy}` : ''}; review on {decision.reviewOn} UTC.
        </Text>
        <Text size="sm" className="prewrap" component="div">
          <Defanged text={decision.reason} />
        </Text>
        {isClosed ? null : (
          <Group gap="xs">
            {mayDecide && !isOutdated && !isSending ? (
              <Button
                size="xs"
                loading={approve.isPending}
                onClick={() => approve.mutate({ params: { id: obligation.id }, body: { version: obligation.version } })}
              >
                Approve
              </Button>
            ) : null}
            {mayDecide ? (
              <Button size="xs" variant="default" onClick={rejecting.open}>
                Reject…
              </Button>
            ) : null}
            {mayLead && obligation.state !== 'notified' && obligation.state !== 'ended' ? (
              <Button size="xs" variant="default" onClick={withdrawing.open}>
                Withdraw…
              </Button>
            ) : null}
          </Group>
        )}
        {isPending && isOutdated ? <Text size="sm">The review date has passed. Withdraw the decision, and propose it again with a new date.</Text> : null}
      </Stack>
      {isRejecting ? <RejectDecisionModal obligation={obligation} kind={decision.kind} onClose={rejecting.close} /> : null}
      {isWithdrawing ? <WithdrawModal obligation={obligation} decision={decision} onClose={withdrawing.close} /> : null}
    </Alert>
  )
}

function decisionName({ customer }: Obligation, kind: 'defer' | 'waive'): string {
  if (kind === 'defer') return 'Deferral'
  return customer === null ? 'Nobody to notify' : 'Waiver'
}

function WithdrawModal({ obligation, decision, onClose }: { obligation: Obligation; decision: NonNullable<Obligation['decision']>; onClose: () => void }) {
  const { form, submit, isBusy } = useRouteForm(
    'withdrawDecision',
    {},
    { around: () => ({ params: { id: obligation.id } }), toBody: () => undefined, done: 'Withdrawn. The obligation is open again.', onDone: onClose },
  )
  return (
    <Dialog onClose={onClose} title={`Withdraw the ${decision.kind === 'defer' ? 'deferral' : 'waiver'}`}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Text size="sm">
            {obligation.customer === null
              ? 'The affected customers must be listed by the original deadline. To decide otherwise again, a decision must be proposed and approved.'
              : `${obligation.customer.name} must be notified by the original deadline. To ${decision.kind} the notice again, a decision must be proposed and approved.`}
          </Text>
          <FormActions submit="Withdraw" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}

function NoticeView({ obligation, keep, notice, mayWork }: Shown & { notice: Notice; mayWork: boolean }) {
  const me = useMe()
  const [isEditing, editing] = useDisclosure()
  useKeeping(isEditing, obligation, keep)
  const status = useApi('status')
  const approve = useCommand('approveNotice', { done: 'Approved.' })
  const params = { id: notice.id }
  const body = { version: notice.version }
  const isMine = notice.author.id === me?.person.id || notice.editorId === me?.person.id
  const parts: [string, string | null][] = [
    ['Nature of the breach', notice.nature],
    ['Approximate user impact', notice.userImpact],
    ['Mitigation', notice.mitigation],
    ['Next steps', notice.nextSteps],
  ]
  return (
    <Paper p="sm" style={{ background: 'var(--page)' }}>
      <Stack gap={8}>
        <Group justify="space-between" align="flex-start" wrap="nowrap">
          <Text size="sm" style={{ minWidth: 0 }}>
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
          <Stack component="ul" gap="xs" m={0} p={0} style={{ listStyle: 'none' }} aria-label="Deliveries">
            {notice.deliveries.map(delivery => (
              <li key={delivery.to}>
                <Group gap="xs" wrap="nowrap" align="center">
                  <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
                    {delivery.to}
                  </Text>
                  <Box flex="none">
                    <StateBadge state={delivery.state} />
                  </Box>
                </Group>
                <Text size="xs" className="mono quiet" component="div" style={{ overflowWrap: 'anywhere' }}>
                  {delivery.receipt}
                  {delivery.report === null ? null : <div>{delivery.report}</div>}
                </Text>
              </li>
            ))}
          </Stack>
        ) : null}
        {notice.state === 'sent' && status.data?.areBouncesReceived === false ? (
          <Text size="xs" className="quiet">
            Sent means that the first mail server took it. Tocsin does not learn of bounces, because incoming email is not configured.
          </Text>
        ) : null}
        {mayWork && (notice.state === 'draft' || notice.state === 'approved') ? (
          <Group gap="xs">
            {obligation.state === 'waived' ? null : notice.state === 'approved' ? (
              <SendNotice notice={notice} customer={obligation.customer?.name ?? 'the customer'} isBlocked={obligation.startedAt === null} />
            ) : isMine ? (
              <Text size="sm" className="quiet">
                Awaiting approval by somebody else.
              </Text>
            ) : (
              <Button size="xs" loading={approve.isPending} onClick={() => approve.mutate({ params, body })}>
                Approve
              </Button>
            )}
            {obligation.state === 'waived' ? null : (
              <Button size="xs" variant="default" onClick={editing.open}>
                Edit
              </Button>
            )}
            <DiscardNotice notice={notice} customer={obligation.customer?.name ?? ''} />
          </Group>
        ) : null}
      </Stack>
      {isEditing ? <NoticeModal obligation={obligation} notice={notice} onClose={editing.close} /> : null}
    </Paper>
  )
}
