import { Anchor, Button, Group, Paper, Stack, Text, Textarea } from '@mantine/core'
import type { Incident } from '@tocsin/api'
import { useState } from 'react'
import { useRecordForm, useRouteForm } from '../forms.ts'
import { Empty, FormProblem } from '../parts/page.tsx'
import { Time } from '../parts/time.tsx'
import { useMay } from '../session.ts'

type Note = Incident['notes'][number]

export function NotesTab({ incident }: { incident: Incident }) {
  const canRespond = useMay('responder') && incident.status !== 'closed'
  const { form, submit, isBusy } = useRouteForm('addNote', { markdown: '' }, { around: () => ({ params: { id: incident.id } }), onDone: () => form.reset() })
  return (
    <Stack>
      {canRespond ? (
        <Paper p="md">
          <form noValidate onSubmit={submit}>
            <Stack gap="sm">
              <FormProblem errors={form.errors} />
              <Textarea label="New note" description="Markdown" autosize minRows={3} {...form.getInputProps('markdown')} />
              <Group justify="flex-end">
                <Button type="submit" loading={isBusy}>
                  Add note
                </Button>
              </Group>
            </Stack>
          </form>{' '}
        </Paper>
      ) : null}
      {incident.notes.length === 0 ? (
        <Paper>
          <Empty title="No notes yet">Write down findings and ideas. Notes and edits are kept in the audit log.</Empty>
        </Paper>
      ) : (
        incident.notes.toReversed().map(note => <NoteView key={note.id} incident={incident} note={note} canRespond={canRespond} />)
      )}
    </Stack>
  )
}

function NoteView({ incident, note, canRespond }: { incident: Incident; note: Note; canRespond: boolean }) {
  const [isEditing, setIsEditing] = useState(false)
  return (
    <Paper p="md" component="article" aria-label={`Note by ${note.author}`}>
      <Group justify="space-between" mb={8}>
        <Text size="sm" component="div">
          <strong>{note.author}</strong>{' '}
          <span className="quiet">
            <Time at={note.createdAt} isRelative />
            {note.editedAt ? ', edited' : ''}
          </span>
        </Text>
        {note.isMine && canRespond && !isEditing ? (
          <Anchor component="button" size="sm" onClick={() => setIsEditing(true)}>
            Edit
          </Anchor>
        ) : null}
      </Group>
      {isEditing ? (
        <Correction incident={incident} note={note} onClose={() => setIsEditing(false)} />
      ) : (
        // biome-ignore lint/security/noDangerouslySetInnerHtml: the server renders and sanitises it (incidents/markdown.ts).
        <div className="markdown" dangerouslySetInnerHTML={{ __html: note.html }} />
      )}
    </Paper>
  )
}

function Correction({ incident, note, onClose }: { incident: Incident; note: Note; onClose: () => void }) {
  const { form, submit, isBusy, newer } = useRecordForm('changeNote', note, ({ markdown }) => ({ markdown }), {
    around: () => ({ params: { id: incident.id, noteId: note.id } }),
    onDone: onClose,
  })
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="sm">
        <FormProblem errors={form.errors} newer={newer} />
        <Textarea aria-label="Note" autosize minRows={3} {...form.getInputProps('markdown')} />
        <Group justify="flex-end">
          <Button variant="default" size="xs" onClick={onClose}>
            Cancel
          </Button>
          <Button size="xs" type="submit" loading={isBusy}>
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
