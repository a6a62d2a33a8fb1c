import { Anchor, Button, Group, Loader, Stack, Text, TextInput } from '@mantine/core'
import { IconCheck } from '@tabler/icons-react'
import { useMutation } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { isUnacknowledged, type PageView, type ProblemError } from '@tocsin/api'
import { useEffect, useState } from 'react'
import { call } from '../api.ts'
import { EntryFrame } from '../entry/frame.tsx'
import { ExerciseBadge, SeverityBadge, StateBadge } from '../parts/badges.tsx'
import { ProblemNote } from '../parts/page.tsx'
import { Time } from '../parts/time.tsx'

/** What somebody does with the page of their link. `who`: a name in the team, or an email address. */
type Answer =
  | { readonly kind: 'view' | 'acknowledge' | 'release' }
  /** `levels`: what is shown when it is pressed. */
  | { readonly kind: 'escalate'; readonly levels: number[] }
  | { readonly kind: 'snooze'; readonly minutes: number }
  | { readonly kind: 'reassign' | 'add-responder'; readonly who: string }

function send(token: string, answer: Answer): Promise<PageView> {
  if (answer.kind === 'reassign') return call('declineByLink', { body: { token, to: answer.who } })
  if (answer.kind === 'add-responder') return call('addRespondersByLink', { body: { token, who: answer.who } })
  if (answer.kind === 'snooze') return call('snoozeByLink', { body: { token, minutes: answer.minutes } })
  if (answer.kind === 'release') return call('releaseByLink', { body: { token } })
  if (answer.kind === 'escalate') return call('escalateByLink', { body: { token, levels: answer.levels } })
  if (answer.kind === 'acknowledge') return call('acknowledgeByLink', { body: { token } })
  return call('pageByLink', { body: { token } })
}

/** What the server refuses of these is told at the field for the name. */
const isAboutColleague = (answer: Answer | undefined) => answer?.kind === 'reassign' || answer?.kind === 'add-responder'

/** The link in a page. Opening it only shows: mail scanners open links, and run scripts. Acknowledging is one tap on a button, without signing in. */
export function PageLinkPage() {
  const { token } = useParams({ strict: false }) as { token: string }
  /** The last answer that the server took, with the page as it was then: what is shown, also while the next one is on its way or failed. */
  const [last, setLast] = useState<{ readonly answer: Answer; readonly page: PageView }>()
  const { mutate, error, variables, isPending } = useMutation<PageView, ProblemError, Answer>({
    mutationFn: answer => send(token, answer),
    onSuccess: (page, answer) => setLast({ answer, page }),
  })
  useEffect(() => mutate({ kind: 'view' }), [mutate])
  const page = last?.page
  const button = (answer: Answer) => ({
    loading: isPending && variables.kind === answer.kind,
    disabled: isPending,
    onClick: () => mutate(answer),
  })
  const isMine = page?.state === 'acknowledged' && page.acknowledgedBy === page.you
  return (
    <EntryFrame title={page ? page.title : 'Page for you'} width={520}>
      {error && !isAboutColleague(variables) ? (
        <ProblemNote error={error} onRetry={() => mutate(error.problem.status === 409 ? { kind: 'view' } : variables)} />
      ) : null}
      {!page && !error ? <Loader role="status" aria-label="Loading" /> : null}
      {last && page ? (
        <Stack>
          <Group gap="xs">
            <SeverityBadge severity={page.severity} />
            <StateBadge state={page.state} />
            <ExerciseBadge isExercise={page.isExercise} />
          </Group>
          {isMine ? (
            <Group gap={8} wrap="nowrap" align="flex-start" role="status">
              <IconCheck color="var(--mantine-color-teal-6)" aria-hidden style={{ flexShrink: 0 }} />
              <Text fw={600}>
                {page.snoozedUntil ? (
                  <>
                    Snoozed until <Time at={page.snoozedUntil} />.
                  </>
                ) : (
                  `Acknowledged by you, ${page.you}. Escalation stopped.`
                )}
              </Text>
            </Group>
          ) : (
            <Text fw={600} role="status">
              {outcomeOf(last.answer, page)}
            </Text>
          )}
          {isUnacknowledged(page) && last.answer.kind !== 'acknowledge' ? (
            <Button size="xl" fullWidth {...button({ kind: 'acknowledge' })}>
              Acknowledge
            </Button>
          ) : null}
          <Text className="prewrap">{page.summary}</Text>
          <Text size="sm" className="quiet" component="div">
            Paged <Time at={page.createdAt} />
          </Text>
          <Group>
            <Button variant={isMine ? 'filled' : 'default'} component="a" href="/">
              Open Tocsin
            </Button>
            {isMine || isUnacknowledged(page) ? (
              <Button variant="default" {...button({ kind: 'escalate', levels: page.levels })}>
                Escalate now
              </Button>
            ) : null}
            {isMine ? (
              <>
                <Button variant="default" {...button({ kind: 'release' })}>
                  Release
                </Button>
                {page.snoozedUntil || page.isDrill ? null : (
                  <Button variant="default" {...button({ kind: 'snooze', minutes: 30 })}>
                    Snooze 30 min
                  </Button>
                )}
              </>
            ) : null}
          </Group>
          {isMine && !page.isDrill ? (
            <Colleague
              error={isAboutColleague(variables) ? error : null}
              added={last.answer.kind === 'add-responder' && !error ? last.answer.who : undefined}
              button={button}
            />
          ) : null}
        </Stack>
      ) : (
        <Anchor href="/">Open Tocsin</Anchor>
      )}
    </EntryFrame>
  )
}

/** What became of a page that is not, or no longer, the viewer's. */
function outcomeOf(answer: Answer, page: PageView): string {
  if (answer.kind === 'reassign' && page.state === 'triggered') return `Reassigned to ${answer.who}.`
  if (page.waitsFor > 0 && answer.kind !== 'view' && answer.kind !== 'release' && answer.kind !== 'escalate')
    return `Thanks, ${page.you}. ${page.waitsFor === 1 ? '1 more acknowledgement' : `${page.waitsFor} more acknowledgements`} needed.`
  if (page.state === 'triggered') return answer.kind === 'view' ? 'Nobody has acknowledged yet.' : 'Escalated to the next level.'
  if (page.state === 'exhausted') return 'Nobody acknowledged the page.'
  if (page.state === 'resolved') return 'Resolved. Nothing left to do.'
  return `Acknowledged by ${page.acknowledgedBy ?? 'somebody'}.`
}

/** Gives the page to somebody, or asks them to join. Nobody's name is shown to whoever holds a link: they say it. */
function Colleague({
  error,
  added,
  button,
}: {
  error: ProblemError | null
  added: string | undefined
  button: (answer: Answer) => { loading: boolean; disabled: boolean; onClick: () => void }
}) {
  const [text, setText] = useState('')
  const who = text.trim()
  const reassign = button({ kind: 'reassign', who })
  const add = button({ kind: 'add-responder', who })
  return (
    <Stack gap="xs">
      <TextInput
        label="Somebody else"
        description="A team member’s name, or anybody’s email address"
        value={text}
        maxLength={200}
        onChange={event => setText(event.currentTarget.value)}
        error={error ? (error.problem.errors?.[0]?.message ?? error.message) : undefined}
      />
      <Group>
        <Button variant="default" {...reassign} disabled={reassign.disabled || who === ''}>
          Reassign
        </Button>
        <Button variant="default" {...add} disabled={add.disabled || who === ''}>
          Add responder
        </Button>
      </Group>
      {added === undefined ? null : (
        <Text size="sm" role="status">
          {added} was added as a responder.
        </Text>
      )}
    </Stack>
  )
}
