import { Button, Group, Stack, Text, Textarea } from '@mantine/core'
import type { Incident, RollUp as RollUpOf } from '@tocsin/api'
import { type ReactNode, useState } from 'react'
import { useApi } from '../api.ts'
import { useRecordForm } from '../forms.ts'
import { StateBadge } from '../parts/badges.tsx'
import { Defanged } from '../parts/defanged.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { FormProblem, Loaded } from '../parts/page.tsx'
import { RouteLink } from '../parts/route-link.tsx'
import { Time } from '../parts/time.tsx'
import { useMay, useMe } from '../session.ts'

type Child = RollUpOf['children'][number]

/** What the incidents have that are linked to a parent: each with counts, then their alerts, open tasks and notes, the most pressing first. */
export function RollUp({ incident, canRespond }: { incident: Incident; canRespond: boolean }) {
  const rollUp = useApi('rollUp', { params: { id: incident.id } })
  const me = useMe()
  const mayUnlink = (useMay('lead') || incident.lead?.id === me?.person.id) && canRespond
  const [unlinked, setUnlinked] = useState<Child>()
  return (
    <Loaded query={rollUp}>
      {({ children, alerts, tasks, notes }) => (
        <Stack gap="sm">
          {children.map(child => (
            <Group key={child.id} justify="space-between" gap={4}>
              <div style={{ minWidth: 0 }}>
                <RouteLink to="/incidents/$id" params={{ id: child.id }}>
                  Incident {child.number}: {child.title}
                </RouteLink>
                <Text size="sm" className="quiet">
                  {child.status} · alerts: {child.alertCount} · open tasks: {child.openTaskCount} · notes: {child.noteCount}
                </Text>
              </div>
              {mayUnlink ? (
                <Button size="compact-xs" variant="default" onClick={() => setUnlinked(child)}>
                  Unlink…
                </Button>
              ) : null}
            </Group>
          ))}
          <Part title="Alerts" items={alerts}>
            {({ id, title, number, status }) => (
              <Group gap={8}>
                <RouteLink to="/alerts/$id" params={{ id }}>
                  {number}: {title}
                </RouteLink>
                <StateBadge state={status} />
              </Group>
            )}
          </Part>
          <Part title="Open tasks" items={tasks}>
            {({ title, assignee, dueOn }) => (
              <Text size="sm">
                {title}
                <span className="quiet">
                  {' '}
                  · {assignee ?? 'Unassigned'}
                  {dueOn === null ? '' : ` · due ${dueOn}`}
                </span>
              </Text>
            )}
          </Part>
          <Part title="Notes" items={notes}>
            {({ author, text, createdAt }) => (
              <>
                <Text size="sm" className="quiet" component="div">
                  {author}, <Time at={createdAt} />
                </Text>
                <Text size="sm" className="prewrap" component="div" lineClamp={3}>
                  <Defanged text={text} />
                </Text>
              </>
            )}
          </Part>
          {unlinked ? <UnlinkModal incident={incident} child={unlinked} onClose={() => setUnlinked(undefined)} /> : null}
        </Stack>
      )}
    </Loaded>
  )
}

interface OfChild {
  readonly id: string
  readonly incident: { readonly id: string; readonly number: number }
}

function Part<T extends OfChild>({ title, items, children }: { title: string; items: readonly T[]; children: (item: T) => ReactNode }) {
  return items.length === 0 ? null : (
    <details>
      <summary>
        {title} of linked incidents ({items.length})
      </summary>
      <Stack gap={6} mt={6}>
        {items.map(item => (
          <div key={item.id} style={{ overflowWrap: 'anywhere' }}>
            <Text size="xs" className="quiet">
              Incident {item.incident.number}
            </Text>
            {children(item)}
          </div>
        ))}
      </Stack>
    </details>
  )
}

function UnlinkModal({ incident, child, onClose }: { incident: Incident; child: Child; onClose: () => void }) {
  const { form, submit, isBusy, newer } = useRecordForm('unlinkChild', incident, () => ({ reason: '' }), {
    restsOn: one => one.children,
    around: () => ({ params: { id: incident.id } }),
    toBody: values => ({ ...values, childId: child.id }),
    done: 'Unlinked.',
    onDone: onClose,
  })
  return (
    <Dialog onClose={onClose} title={`Unlink incident ${child.number}`}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} newer={newer} />
          <Text size="sm">
            It needs its own notices again, by their deadlines. Customers that were notified stay notified, and alerts that were linked with it stay here.
          </Text>
          <Textarea label="Reason" autosize minRows={2} {...form.getInputProps('reason')} />
          <FormActions submit="Unlink" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
