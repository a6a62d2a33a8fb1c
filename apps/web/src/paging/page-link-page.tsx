import { Anchor, Button, Group, Loader, Stack, Text, TextInput } from '@mantine/core'
import { IconCheck } from '@tabler/icons-react'
import { type UseMutationResult, useMutation } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import type { ProblemError } from '@tocsin/api'
import { useEffect, useState } from 'react'
import { call } from '../api.ts'
import { EntryFrame } from '../entry/frame.tsx'
import { SeverityBadge, StateBadge } from '../parts/badges.tsx'
import { ProblemNote } from '../parts/page.tsx'
import { Time } from '../parts/time.tsx'

type View = Awaited<ReturnType<typeof view>>
const view = (token: string) => call('pageByLink', { body: { token } })

/**
 * The link in a page. Opening it acknowledges, in one tap; a mail scanner that only fetches the address runs no script and
 * acknowledges nothing.
 */
export function PageLinkPage() {
  const { token } = useParams({ strict: false }) as { token: string }
  const acknowledge = useMutation<View, ProblemError, void>({ mutationFn: () => call('acknowledgeByLink', { body: { token } }) })
  const handBack = useMutation<View, ProblemError, void>({ mutationFn: () => call('releaseByLink', { body: { token } }) })
  const escalate = useMutation<View, ProblemError, void>({ mutationFn: () => call('escalateByLink', { body: { token } }) })
  const snooze = useMutation<View, ProblemError, number>({ mutationFn: minutes => call('snoozeByLink', { body: { token, minutes } }) })
  const decline = useMutation<View, ProblemError, string>({ mutationFn: to => call('declineByLink', { body: { token, to } }) })
  const join = useMutation<View, ProblemError, string>({ mutationFn: who => call('addRespondersByLink', { body: { token, who } }) })
  const { mutate } = acknowledge
  useEffect(() => mutate(), [mutate])
  const page = decline.data ?? handBack.data ?? escalate.data ?? snooze.data ?? acknowledge.data
  const error = handBack.error ?? escalate.error ?? snooze.error ?? acknowledge.error
  const isMine = page?.state === 'acknowledged' && page.acknowledgedBy === page.you
  return (
    <EntryFrame title={page ? page.title : 'Page for you'} width={520}>
      {error ? <ProblemNote error={error} onRetry={() => mutate()} /> : null}
      {!page && !error ? <Loader aria-label="Acknowledging" /> : null}
      {page ? (
        <Stack>
          <Group gap="xs">
            <SeverityBadge severity={page.severity} />
            <StateBadge state={page.state} />
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
            <Text fw={600}>
              {decline.data && page.state === 'triggered'
                ? `Reassigned to ${decline.variables}.`
                : page.waitsFor > 0 && !handBack.data && !escalate.data
                  ? `Thanks, ${page.you}. ${page.waitsFor === 1 ? '1 more acknowledgement' : `${page.waitsFor} more acknowledgements`} needed.`
                  : page.state === 'triggered'
                    ? 'Escalated to the next level.'
                    : page.state === 'resolved'
                      ? 'Resolved. Nothing left to do.'
                      : `Acknowledged by ${page.acknowledgedBy ?? 'somebody'}.`}
            </Text>
          )}
          <Text className="prewrap">{page.summary}</Text>
          <Text size="sm" className="quiet" component="div">
            Paged <Time at={page.createdAt} />
          </Text>
          <Group>
            <Button component="a" href="/">
              Open Tocsin
            </Button>
            {isMine ? (
              <>
                <Button variant="default" loading={handBack.isPending} onClick={() => handBack.mutate()}>
                  Release
                </Button>
                <Button variant="default" loading={escalate.isPending} onClick={() => escalate.mutate()}>
                  Escalate now
                </Button>
                {page.snoozedUntil || page.isDrill ? null : (
                  <Button variant="default" loading={snooze.isPending} onClick={() => snooze.mutate(30)}>
                    Snooze 30 min
                  </Button>
                )}
              </>
            ) : null}
          </Group>
          {isMine && !page.isDrill ? <Colleague decline={decline} join={join} /> : null}
        </Stack>
      ) : (
        <Anchor href="/">Open Tocsin</Anchor>
      )}
    </EntryFrame>
  )
}

type Handing = UseMutationResult<View, ProblemError, string>

/** Gives the page to somebody, or asks them to join. Nobody's name is shown to whoever holds a link: they say it. */
function Colleague({ decline, join }: { decline: Handing; join: Handing }) {
  const [who, setWho] = useState('')
  const error = decline.error ?? join.error
  const ask = (handing: Handing) => {
    decline.reset()
    join.reset()
    handing.mutate(who.trim())
  }
  return (
    <Stack gap="xs">
      <TextInput
        label="Somebody else"
        description="A team member’s name, or anybody’s email address"
        value={who}
        maxLength={200}
        onChange={event => setWho(event.currentTarget.value)}
        error={error ? (error.problem.errors?.[0]?.message ?? error.message) : undefined}
      />
      <Group>
        <Button variant="default" disabled={who.trim() === ''} loading={decline.isPending} onClick={() => ask(decline)}>
          Reassign
        </Button>
        <Button variant="default" disabled={who.trim() === ''} loading={join.isPending} onClick={() => ask(join)}>
          Add responder
        </Button>
      </Group>
      {join.data && !error ? (
        <Text size="sm" role="status">
          {join.variables} was added as a responder.
        </Text>
      ) : null}
    </Stack>
  )
}
