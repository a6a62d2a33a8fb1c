import { Button, Group, Stack, Text } from '@mantine/core'
import { type ReactNode, useEffect, useState } from 'react'
import { Dialog } from './dialog.tsx'

interface Question {
  /** What is asked: “Start a drill?” */
  readonly title: string
  /** What will happen: “Pages Mira Okafor now by email and SMS.” */
  readonly consequence: ReactNode
  /** The button, a verb: “Start drill”. */
  readonly action: string
  /** Something is lost, or ends for somebody. */
  readonly isDanger?: boolean
}

type Ask = (question: Question) => Promise<boolean>

/** The dialogs are fetched after the page: who is quicker is asked once they are there. */
const dialogs = Promise.withResolvers<Ask>()

/**
 * Asks before what cannot be undone, in words of what will happen.
 * @returns true once the person has said yes
 */
export function confirm(question: Question): Promise<boolean> {
  return dialogs.promise.then(ask => ask(question))
}

/** Does something once the person has said yes to it. */
export function confirmed(question: Question, act: () => void): void {
  void confirm(question).then(isSure => isSure && act())
}

/** Over other dialogs, whose acts are asked about too; under the one that asks who is there. */
const zIndex = 300

/** Where questions are shown, one at a time; one for all pages. */
export function Confirmations() {
  const [asked, setAsked] = useState<readonly { question: Question; answer: (isSure: boolean) => void }[]>([])
  useEffect(() => {
    dialogs.resolve(question => new Promise(answer => setAsked(others => [...others, { question, answer }])))
  }, [])
  const [current, ...others] = asked
  if (!current) return null
  const { question, answer } = current
  const close = (isSure: boolean) => {
    setAsked(others)
    answer(isSure)
  }
  // The second click of a double click falls outside: it is no answer.
  const isText = typeof question.consequence === 'string'
  return (
    <Dialog
      key={asked.length}
      title={question.title}
      size={isText ? 'md' : 'lg'}
      isDescribed={isText}
      zIndex={zIndex}
      closeOnClickOutside={false}
      onClose={() => close(false)}
    >
      <Stack>
        {isText ? <Text size="sm">{question.consequence}</Text> : question.consequence}
        <Group justify="flex-end">
          <Button variant="default" data-autofocus={question.isDanger || undefined} onClick={() => close(false)}>
            Cancel
          </Button>
          <Button color={question.isDanger ? 'red.9' : undefined} data-autofocus={!question.isDanger || undefined} onClick={() => close(true)}>
            {question.action}
          </Button>
        </Group>
      </Stack>
    </Dialog>
  )
}
