import { Badge, Button, Group, Paper, Select, Stack, Table, Text, Textarea, TextInput, Title } from '@mantine/core'
import { IconPlus } from '@tabler/icons-react'
import { findingKinds, type Incident, type Review } from '@tocsin/api'
import { useApi, useCommand } from '../api.ts'
import { useRecordForm, useRouteForm } from '../forms.ts'
import { StateBadge } from '../parts/badges.tsx'
import { PersonSelect } from '../parts/choices.tsx'
import { confirmed } from '../parts/confirm.tsx'
import { Empty, FormProblem, Loaded, Section } from '../parts/page.tsx'
import { RemoveButton } from '../parts/remove-button.tsx'
import { dayFromNow, Time } from '../parts/time.tsx'
import { useMay } from '../session.ts'
import { FollowUpRow } from './follow-up-row.tsx'

const kindChoices = findingKinds.map(value => ({ value, label: value.replaceAll('-', ' ') }))

export function ReviewTab({ incident }: { incident: Incident }) {
  const query = useApi('review', { params: { id: incident.id } })
  const canRespond = useMay('responder') && incident.status !== 'closed'
  const start = useCommand('startReview', { done: 'Review started from the timeline.' })
  return (
    <Loaded query={query}>
      {({ review, earlier, isRequired, because }) => (
        <Stack>
          {review ? (
            <ReviewView key={review.id} review={review} canRespond={canRespond} because={isRequired ? `Required before closing. ${because}` : because} />
          ) : (
            <Paper>
              <Empty
                title={isRequired ? `The ${earlier.length > 0 ? 'supplement to the review' : 'review'} is required before closing` : 'No review yet'}
                action={
                  canRespond ? (
                    <Button loading={start.isPending} onClick={() => start.mutate({ params: { id: incident.id } })}>
                      {earlier.length > 0 ? 'Start supplement' : 'Start review'}
                    </Button>
                  ) : null
                }
              >
                {because} The sequence of events is prefilled from the timeline.
              </Empty>
            </Paper>
          )}
          {earlier.map(each => (
            <Stack key={each.id}>
              <Title order={2} size="h3">
                Review of round {each.round}
              </Title>
              <ReviewView review={each} canRespond={false} because="" />
            </Stack>
          ))}
        </Stack>
      )}
    </Loaded>
  )
}

function ReviewView({ review, canRespond, because }: { review: Review; canRespond: boolean; because: string }) {
  return (
    <Stack>
      <Group gap={8}>
        <StateBadge state={review.state} />
        <Text size="sm" className="quiet" component="div">
          {review.finishedAt ? (
            <>
              by {review.finishedBy}, <Time at={review.finishedAt} />
            </>
          ) : (
            because
          )}
        </Text>
      </Group>
      {review.state === 'draft' && canRespond ? <ReviewForm review={review} /> : <ReviewRead review={review} />}
      <FollowUps review={review} canRespond={canRespond} />
    </Stack>
  )
}

function ReviewRead({ review }: { review: Review }) {
  return (
    <>
      <Section title="Sequence of events">
        <Text className="prewrap" size="sm">
          {review.sequence}
        </Text>
      </Section>
      <Section title="Contributing factors" isFlush>
        <Table highlightOnHover={false}>
          <Table.Tbody>
            {review.findings.map(finding => (
              <Table.Tr key={finding.id}>
                <Table.Td w={170}>
                  <Badge variant="default">{finding.kind.replaceAll('-', ' ')}</Badge>
                </Table.Td>
                <Table.Td className="prewrap">{finding.description}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Section>
    </>
  )
}

function ReviewForm({ review }: { review: Review }) {
  const mayLead = useMay('lead')
  const finish = useCommand('finishReview', { done: 'Review finished.' })
  const { form, submit, isBusy, newer, version, hold } = useRecordForm(
    'saveReview',
    review,
    ({ sequence, findings }) => ({ sequence, findings: findings.map(({ id, kind, description }) => ({ key: id, kind: kind as string, description })) }),
    {
      around: () => ({ params: { id: review.id } }),
      toBody: values => ({ sequence: values.sequence, findings: values.findings.map(({ kind, description }) => ({ kind, description })) }),
      done: 'Saved.',
      onDone: saved => hold(saved),
    },
  )
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <FormProblem errors={form.errors} newer={newer} />
        <Textarea label="Sequence of events" autosize minRows={6} maxRows={24} {...form.getInputProps('sequence')} />
        <Section
          title="Contributing factors"
          actions={
            <Button
              size="xs"
              variant="default"
              leftSection={<IconPlus size={14} />}
              onClick={() => form.insertListItem('findings', { key: crypto.randomUUID(), kind: 'technical-lapse', description: '' })}
            >
              Add contributing factor
            </Button>
          }
        >
          {form.values.findings.length === 0 ? (
            <Text className="quiet" size="sm">
              What contributed to the incident or made it worse? Add at least one.
            </Text>
          ) : (
            <Stack>
              {form.values.findings.map((finding, position) => (
                <Group key={finding.key} align="flex-start" wrap="nowrap">
                  <Stack gap={6} flex={1}>
                    <Select aria-label="Type" data={kindChoices} allowDeselect={false} w={210} {...form.getInputProps(`findings.${position}.kind`)} />
                    <Textarea aria-label="Contributing factor" autosize minRows={2} {...form.getInputProps(`findings.${position}.description`)} />
                  </Stack>
                  <RemoveButton label="Remove contributing factor" onClick={() => form.removeListItem('findings', position)} />
                </Group>
              ))}
            </Stack>
          )}
        </Section>
        <Group justify="flex-end">
          <Button type="submit" variant="default" loading={isBusy}>
            Save review
          </Button>
          {mayLead ? (
            // What is finished is what this person has read.
            <Button
              disabled={review.findings.length === 0}
              loading={finish.isPending}
              onClick={() =>
                confirmed(
                  {
                    title: 'Finish the review?',
                    consequence: 'The sequence of events and the contributing factors can no longer be edited. Follow-up actions can still be added.',
                    action: 'Finish review',
                  },
                  () => finish.mutate({ params: { id: review.id }, body: { version: version ?? review.version } }),
                )
              }
            >
              Finish review
            </Button>
          ) : null}
        </Group>
      </Stack>
    </form>
  )
}

function FollowUps({ review, canRespond }: { review: Review; canRespond: boolean }) {
  const { form, submit, isBusy } = useRouteForm(
    'addFollowUp',
    { title: '', ownerId: '', dueOn: dayFromNow(30) },
    { around: () => ({ params: { id: review.id } }), onDone: () => form.reset() },
  )
  return (
    <Section title="Follow-up actions" isFlush>
      {review.followUps.map(followUp => (
        <FollowUpRow key={followUp.id} followUp={followUp} />
      ))}
      {canRespond ? (
        <form onSubmit={submit} noValidate>
          <Stack p="md" gap="sm">
            <FormProblem errors={form.errors} />
            <TextInput label="New follow-up action" placeholder="Keys of support accounts expire after 30 days" {...form.getInputProps('title')} />
            <Group align="flex-start">
              <PersonSelect label="Owner" flex={1} miw={150} {...form.getInputProps('ownerId')} />
              <TextInput label="Due (UTC)" type="date" {...form.getInputProps('dueOn')} />
              <Button type="submit" variant="default" loading={isBusy} mt={24}>
                Add
              </Button>
            </Group>
          </Stack>
        </form>
      ) : review.followUps.length === 0 ? (
        <Empty title="None" />
      ) : null}
    </Section>
  )
}
