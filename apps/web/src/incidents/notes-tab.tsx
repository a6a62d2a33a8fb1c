import { Anchor, Button, Group, Paper, Stack, Text, Textarea } from '@mantine/core'
import type { Incident, Note } from '@tocsin/api'
import { useEffect, useState } from 'react'
import { useRecordForm, useRouteForm } from '../forms.ts'
import { Markdown } from '../parts/defanged.tsx'
import { Erased, RequestErasure } from '../parts/erasure.tsx'
import { Empty, FormProblem, LoadMore } from '../parts/page.tsx'
import { usePages } from '../parts/pages.ts'
import { Time } from '../parts/time.tsx'
import { useMay } from '../session.ts'

export function NotesTab({ incident }: { incident: Incident }) {
  const canRespond = useMay('responder') && incident.status !== 'closed'
  const { form, submit, isBusy } = useRouteForm('addNote', { markdown: '' }, { around: () => ({ params: { id: incident.id } }), onDone: () => form.reset() })
  const [isWhole, setIsWhole] = useState(false)
  const hasEarlier = incident.notesNext !== null
  const whole = usePages<Note>('incidentNotes', {}, { params: { id: incident.id }, isEnabled: isWhole && hasEarlier })
  const { items = [], isError, hasNextPage, isFetchingNextPage, fetchNextPage } = whole
  const latest = incident.notes.toReversed()
  const shown = new Set(latest.map(({ id }) => id))
  const earlier = items.filter(({ id }) => !shown.has(id))
  const notes = [...latest, ...earlier]
  // The list begins with the latest notes, which are here already.
  const isBehind = hasEarlier && earlier.length === 0
  const wantsMore = isWhole && isBehind && hasNextPage && !isFetchingNextPage && !isError
  useEffect(() => {
    if (wantsMore) void fetchNextPage()
  }, [wantsMore, fetchNextPage])
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
      {notes.length === 0 ? (
        <Paper>
          <Empty title="No notes yet">Write down findings and ideas. Notes and edits are kept in the audit log.</Empty>
        </Paper>
      ) : (
        notes.map(note => <NoteView key={note.id} incident={incident} note={note} canRespond={canRespond} />)
      )}
      {isBehind ? (
        <Group justify="center">
          <Button variant="default" loading={isWhole && !isError} onClick={() => (isError ? void whole.refetch() : setIsWhole(true))}>
            {isError ? 'Earlier notes could not be loaded. Try again' : 'Show earlier notes'}
          </Button>
        </Group>
      ) : (
        <LoadMore list={whole} />
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
        {note.erasure || isEditing ? null : (
          <Group gap="sm">
            {note.isMine && canRespond ? (
              <Anchor component="button" size="sm" onClick={() => setIsEditing(true)}>
                Edit
              </Anchor>
            ) : null}
            <RequestErasure target={{ kind: 'note', noteId: note.id }} />
          </Group>
        )}
      </Group>
      {note.erasure ? (
        <Erased erasure={note.erasure} />
      ) : isEditing ? (
        <Correction incident={incident} note={note} onClose={() => setIsEditing(false)} />
      ) : (
        <Markdown html={note.html} />
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
