import { Badge, Button, Checkbox, Group, Paper, Stack, Text, TextInput } from '@mantine/core'
import type { Incident } from '@tocsin/api'
import { act, useCommand } from '../api.ts'
import { useRouteForm } from '../forms.ts'
import { DueBadge } from '../parts/badges.tsx'
import { PersonSelect } from '../parts/choices.tsx'
import { Empty, FormProblem } from '../parts/page.tsx'
import { offerUndo } from '../parts/undo.tsx'
import { useMay, useMe } from '../session.ts'

export function TasksTab({ incident }: { incident: Incident }) {
  const canRespond = useMay('responder') && incident.status !== 'closed'
  const tasks = incident.tasks.toSorted((a, b) => Number(a.doneAt !== null) - Number(b.doneAt !== null))
  return (
    <Stack>
      {canRespond ? <NewTask incident={incident} /> : null}
      <Paper>
        {tasks.length === 0 ? (
          <Empty title="No tasks yet">Add what must be done, and assign it.</Empty>
        ) : (
          tasks.map(task => <TaskRow key={task.id} incident={incident} task={task} canRespond={canRespond} />)
        )}
      </Paper>
    </Stack>
  )
}

function TaskRow({ incident, task, canRespond }: { incident: Incident; task: Incident['tasks'][number]; canRespond: boolean }) {
  const me = useMe()
  const params = { id: incident.id, taskId: task.id }
  const change = useCommand('changeTask', {
    onDone: ({ tasks }, { body }) => {
      const version = tasks.find(({ id }) => id === task.id)?.version
      if (version === undefined) return
      const [now, before] = body.isDone ? ['Task done.', 'Task reopened.'] : ['Task reopened.', 'Task done.']
      offerUndo({ message: now, undo: () => act('changeTask', { params, body: { version, isDone: !body.isDone } }), undone: before })
    },
  })
  const approve = useCommand('approveTask', { done: 'Approved.' })
  const needsApproval = task.isBusinessImpacting && task.approvedBy === null
  return (
    <Group className="list-row" justify="space-between" align="flex-start" gap="xs">
      <Checkbox
        flex="1 1 260px"
        checked={change.isPending ? change.variables.body.isDone === true : task.doneAt !== null}
        disabled={!canRespond || needsApproval}
        onChange={event => change.mutate({ params, body: { version: task.version, isDone: event.currentTarget.checked } })}
        label={<span style={task.doneAt ? { textDecoration: 'line-through', opacity: 0.7 } : undefined}>{task.title}</span>}
        description={[
          task.assignee ? task.assignee.name : 'Unassigned',
          task.dueOn && task.doneAt !== null ? `due ${task.dueOn}` : '',
          task.doneBy ? `done by ${task.doneBy}` : '',
          task.approvedBy ? `approved by ${task.approvedBy}` : '',
        ]
          .filter(part => part !== '')
          .join(' · ')}
      />
      <Group gap={6}>
        {task.dueOn && task.doneAt === null ? <DueBadge dueOn={task.dueOn} /> : null}
        {task.isBusinessImpacting ? (
          needsApproval && incident.executive?.id === me?.person.id ? (
            <Button size="xs" loading={approve.isPending} onClick={() => approve.mutate({ params, body: { version: task.version } })}>
              Approve
            </Button>
          ) : (
            <Badge variant="default">{needsApproval ? `awaiting approval by ${incident.executive?.name ?? 'the executive sponsor'}` : 'approved'}</Badge>
          )
        ) : null}
      </Group>
    </Group>
  )
}

function NewTask({ incident }: { incident: Incident }) {
  const { form, submit, isBusy } = useRouteForm(
    'addTask',
    { title: '', assigneeId: null as string | null, dueOn: '', isBusinessImpacting: false },
    { around: () => ({ params: { id: incident.id } }), toBody: values => ({ ...values, dueOn: values.dueOn || null }), onDone: () => form.reset() },
  )
  return (
    <Paper p="md">
      <form noValidate onSubmit={submit}>
        <Stack gap="sm">
          <FormProblem errors={form.errors} />
          <TextInput label="New task" placeholder="Revoke key ak_7Q" {...form.getInputProps('title')} />
          <Group align="flex-end" gap="sm">
            <PersonSelect
              label="Assignee"
              placeholder="Unassigned"
              clearable
              clearButtonProps={{ 'aria-label': 'Nobody' }}
              flex={1}
              miw={150}
              {...form.getInputProps('assigneeId')}
            />
            <TextInput label="Due" type="date" {...form.getInputProps('dueOn')} />
            <Button type="submit" loading={isBusy}>
              Add
            </Button>
          </Group>
          <Checkbox
            size="xs"
            label="Business-impacting: needs approval by the executive sponsor"
            {...form.getInputProps('isBusinessImpacting', { type: 'checkbox' })}
          />
          {form.values.isBusinessImpacting && incident.executive === null ? (
            <Text size="xs">Assign the executive sponsor role to somebody who can approve it.</Text>
          ) : null}
        </Stack>
      </form>{' '}
    </Paper>
  )
}
