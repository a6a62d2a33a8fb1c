import { Button, Group, Radio, Stack, Text, Textarea, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import type { FollowUp } from '@tocsin/api'
import { useState } from 'react'
import { useRecordForm } from '../forms.ts'
import { StateBadge } from '../parts/badges.tsx'
import { Dialog } from '../parts/dialog.tsx'
import { FormActions } from '../parts/form-actions.tsx'
import { useKeeping } from '../parts/kept.ts'
import { FormProblem } from '../parts/page.tsx'
import { useMay, useMe } from '../session.ts'

export function FollowUpRow({ followUp, keep }: { followUp: FollowUp; keep?: (followUp: FollowUp | undefined) => void }) {
  const [isLooking, looking] = useDisclosure()
  useKeeping(isLooking, followUp, keep)
  const canRespond = useMay('responder')
  return (
    <Group className="list-row" justify="space-between" wrap="nowrap" align="flex-start">
      <div style={{ minWidth: 0 }}>
        <Text fw={550}>{followUp.title}</Text>
        <Text size="sm" className="quiet">
          {followUp.owner.name} · due {followUp.dueOn} · incident {followUp.incident.number}
          {followUp.verifiedBy ? ` · verified effective by ${followUp.verifiedBy}` : ''}
        </Text>
        {followUp.evidence ? (
          <Text size="sm" mt={4} className="prewrap">
            {followUp.evidence}
          </Text>
        ) : null}
      </div>
      <Group gap={6} justify="flex-end" style={{ flexShrink: 0 }}>
        <StateBadge state={followUp.isOverdue ? 'overdue' : followUp.state} />
        {canRespond && followUp.state !== 'verified' ? (
          <Button size="xs" variant="default" onClick={looking.open}>
            Update
          </Button>
        ) : null}
      </Group>
      {isLooking ? <LookModal followUp={followUp} onClose={looking.close} /> : null}
    </Group>
  )
}

function LookModal({ followUp, onClose }: { followUp: FollowUp; onClose: () => void }) {
  const me = useMe()
  const isOwner = me?.person.id === followUp.owner.id
  const [suggested] = useState(followUp.state === 'done' && !isOwner ? 'verified' : 'done')
  const { form, submit, isBusy, newer } = useRecordForm('updateFollowUp', followUp, ({ dueOn }) => ({ state: suggested, reason: '', dueOn }), {
    around: () => ({ params: { id: followUp.id } }),
    done: 'Kept in the audit log.',
    onDone: onClose,
  })
  return (
    <Dialog onClose={onClose} title={followUp.title}>
      <form onSubmit={submit} noValidate>
        <Stack>
          <FormProblem errors={form.errors} newer={newer} />
          <Radio.Group label="Status" {...form.getInputProps('state')}>
            <Stack gap={8} mt={6}>
              <Radio value="open" label="Open" />
              <Radio value="done" label="Done" />
              <Radio
                value="verified"
                label="Verified effective"
                description="Verified by somebody other than the owner"
                disabled={followUp.state !== 'done' || isOwner}
              />
            </Stack>
          </Radio.Group>
          <Textarea label="Reason" description="What was done, or how it was verified" autosize minRows={3} required {...form.getInputProps('reason')} />
          {form.values.state === 'open' ? <TextInput label="Due (UTC)" type="date" {...form.getInputProps('dueOn')} /> : null}
          <FormActions submit="Save" isBusy={isBusy} onCancel={onClose} />
        </Stack>
      </form>
    </Dialog>
  )
}
