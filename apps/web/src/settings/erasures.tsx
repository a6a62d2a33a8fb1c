import { Button, Group, Stack, Table, Text, Textarea, TextInput } from '@mantine/core'
import type { ErasureRequest } from '@tocsin/api'
import { useState } from 'react'
import { useCommand } from '../api.ts'
import { useRouteForm } from '../forms.ts'
import { confirmed } from '../parts/confirm.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { Empty, FormProblem, Loaded, LoadMore, Section } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { RouteLink } from '../parts/route-link.tsx'
import { Time } from '../parts/time.tsx'

const kinds: Record<ErasureRequest['kind'], string> = { reporter: 'Reporter', note: 'Note', incident: 'Affected persons of an incident' }

/** Requests to erase personal data: one administrator requests, another one approves. */
export function Erasures() {
  const list = usePages<ErasureRequest>('erasures', {})
  return (
    <Section title="Erasure of personal data" isFlush>
      <ReporterForm />
      <Loaded query={list} rows={2}>
        {() =>
          list.items?.length === 0 ? (
            <Empty title="No requests yet">Notes and incidents have a link to request it. A reporter is erased by the email address that they gave.</Empty>
          ) : (
            <Table>
              <Table.Tbody>
                {list.items?.map(request => (
                  <Request key={request.id} request={request} />
                ))}
              </Table.Tbody>
            </Table>
          )
        }
      </Loaded>
      <LoadMore list={list} />
    </Section>
  )
}

function ReporterForm() {
  const { form, submit, isBusy } = useRouteForm(
    'requestErasure',
    { target: '', reason: '' },
    { toBody: values => ({ kind: 'reporter', ...values }), done: 'Requested. Another administrator approves it.', onDone: () => form.reset() },
  )
  return (
    <form onSubmit={submit} noValidate>
      <Stack p="md" gap="sm">
        <FormProblem errors={form.errors} />
        <TextInput label="Email address of a reporter" type="email" maw={420} {...form.getInputProps('target')} />
        <Textarea label="Reason" description="Without the data itself: kept in the audit log" autosize minRows={1} {...form.getInputProps('reason')} />
        <Group>
          <Button type="submit" variant="default" loading={isBusy}>
            Request erasure
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

function Request({ request }: { request: ErasureRequest }) {
  const [isWithdrawing, setIsWithdrawing] = useState(false)
  const approve = useCommand('approveErasure', { done: 'Erased.' })
  const { kind, state, target, reason, requestedBy, requestedAt, decidedBy, decidedAt, records, fields, isMine } = request
  return (
    <Table.Tr>
      <Table.Td>
        <Text fw={550}>
          {kinds[kind]}
          {target === null || kind !== 'reporter' ? '' : `: ${target}`}
        </Text>
        <Text size="sm">{reason}</Text>
        {target !== null && kind !== 'reporter' ? (
          <Text size="sm">
            {kind === 'incident' ? (
              <RouteLink to="/incidents/$id" params={{ id: target }}>
                Show the incident
              </RouteLink>
            ) : (
              <RouteLink to="/journal" search={{ subject: target }}>
                Show the note in the audit log
              </RouteLink>
            )}
          </Text>
        ) : null}
        <Text size="sm" className="quiet" component="div">
          {requestedBy === null ? 'By schedule' : `Requested by ${requestedBy}`}, <Time at={requestedAt} />
          {state === 'done' && decidedAt ? (
            <>
              {' '}
              · Erased{decidedBy === null ? '' : `, approved by ${decidedBy}`}, <Time at={decidedAt} />: {records === 1 ? '1 record' : `${records} records`},{' '}
              {fields === 1 ? '1 text' : `${fields} texts`} of the audit log
            </>
          ) : null}
          {state === 'withdrawn' ? ` · Withdrawn by ${decidedBy ?? 'somebody'}` : null}
        </Text>
        {state === 'requested' ? (
          <Group gap="xs" mt={6}>
            {isMine ? null : (
              <Button
                size="xs"
                color="red.9"
                loading={approve.isPending}
                onClick={() =>
                  confirmed(
                    {
                      title: 'Approve and erase?',
                      consequence: `The data of ${records === 1 ? '1 record' : `${records} records`} is erased at once and cannot be restored.`,
                      action: 'Erase',
                      isDanger: true,
                    },
                    () => approve.mutate({ params: { id: request.id } }),
                  )
                }
              >
                Approve…
              </Button>
            )}
            <Button size="xs" variant="default" onClick={() => setIsWithdrawing(true)}>
              {isMine ? 'Withdraw…' : 'Decline…'}
            </Button>
          </Group>
        ) : null}
        {isWithdrawing ? <WithdrawModal request={request} onClose={() => setIsWithdrawing(false)} /> : null}
      </Table.Td>
    </Table.Tr>
  )
}

function WithdrawModal({ request, onClose }: { request: ErasureRequest; onClose: () => void }) {
  const { form, submit, isBusy } = useRouteForm(
    'withdrawErasure',
    { reason: '' },
    { around: () => ({ params: { id: request.id } }), done: 'Request withdrawn.', onDone: onClose },
  )
  return (
    <Dialog onClose={onClose} title={request.isMine ? 'Withdraw the request' : 'Decline the request'}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} />
          <Textarea label="Reason" description="Kept in the audit log" autosize minRows={2} {...form.getInputProps('reason')} />
          <FormActions isBusy={isBusy} onCancel={onClose} submit={request.isMine ? 'Withdraw' : 'Decline'} />
        </Stack>
      </form>
    </Dialog>
  )
}
