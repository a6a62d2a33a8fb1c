import { Button, Code, Stack, Text } from '@mantine/core'
import type { Notice, NoticeMail } from '@tocsin/api'
import { useState } from 'react'
import { call, tellProblem, useCommand } from '../api.ts'
import { confirm } from '../parts/confirm.tsx'

/** Sends an approved notice, once the person has seen whom it goes to and what they will read. */
export function SendNotice({ notice, customer, isBlocked }: { notice: Notice; customer: string; isBlocked: boolean }) {
  const send = useCommand('sendNotice', { done: 'Sending to the customer’s contacts.' })
  const [isReading, setIsReading] = useState(false)
  const params = { id: notice.id }
  async function ask(): Promise<void> {
    setIsReading(true)
    const mails = await call('noticeMails', { params }).finally(() => setIsReading(false))
    const isSure = await confirm({ title: `Send the notice to ${customer}?`, consequence: <Mails mails={mails} />, action: 'Send notice' })
    if (isSure) send.mutate({ params, body: { version: notice.version } })
  }
  return (
    <Button size="xs" loading={isReading || send.isPending} disabled={isBlocked} onClick={() => void ask().catch(tellProblem)}>
      Send notice…
    </Button>
  )
}

/** The mail to the first contact; those to others differ in the name that they begin with. */
function Mails({ mails }: { mails: readonly NoticeMail[] }) {
  const [first] = mails
  const to = (isAlternate: boolean) => mails.flatMap(mail => (mail.isAlternate === isAlternate ? [mail.to] : [])).join(', ')
  return (
    <Stack gap="xs">
      <Text size="sm">
        Emails <strong>{to(false)}</strong> now{to(true) ? `, and ${to(true)} if no email reaches them` : ''}. A sent notice cannot be recalled.
      </Text>
      {first ? (
        <>
          <Text size="sm" fw={550}>
            {first.subject}
          </Text>
          <Code
            block
            tabIndex={0}
            mah="40dvh"
            style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere', overflowY: 'auto' }}
            aria-label="Email as the customer will read it"
          >
            {first.body}
          </Code>
        </>
      ) : null}
    </Stack>
  )
}
