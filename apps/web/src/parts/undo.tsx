import { Button, Group, Kbd, Text } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useEffect } from 'react'
import { tellProblem } from '../api.ts'
import { isShortcut, shortcuts } from './shortcuts.ts'
import { toast } from './toast.ts'

interface Offer {
  /** What was done: “Alert dismissed.” */
  readonly message: string
  /** Takes it back, by a route that truly does. */
  readonly undo: () => Promise<unknown>
  /** What then is true: “Alert reopened.” */
  readonly undone?: string
}

/** How long what was done can be taken back, in milliseconds. */
const offeredMs = 10_000

/** What `u` takes back, the latest last. */
const offers: { take: () => void }[] = []

/**
 * Says that something was done, and offers for ten seconds to take it back: instead of asking before. The time does not pass while the pointer or the
 * focus is on the offer.
 */
export function offerUndo({ message, undo, undone = 'Undone.' }: Offer): void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let left = offeredMs
  let since = 0
  function pause(): void {
    clearTimeout(timer)
    if (timer !== undefined) left -= Date.now() - since
    timer = undefined
  }
  function run(): void {
    clearTimeout(timer)
    since = Date.now()
    timer = setTimeout(() => notifications.hide(id), Math.max(left, 1_000))
  }
  const offer = {
    take() {
      notifications.hide(id)
      undo().then(
        () => toast({ message: undone }),
        (error: unknown) => tellProblem(error),
      )
    },
  }
  const id = toast({
    message: (
      <Group justify="space-between" wrap="nowrap">
        <Text size="sm">{message}</Text>
        <Button size="xs" variant="default" flex="none" rightSection={shortcuts.areOn() ? <Kbd size="xs">u</Kbd> : null} onClick={offer.take}>
          Undo
        </Button>
      </Group>
    ),
    autoClose: false,
    onOpen: run,
    onMouseEnter: pause,
    onMouseLeave: run,
    onFocus: pause,
    onBlur: run,
    onClose: () => {
      clearTimeout(timer)
      offers.splice(offers.indexOf(offer), 1)
    },
  })
  offers.push(offer)
}

/** `u` takes back what was done last, while that is offered. */
export function useUndoKey(): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.key === 'u' && isShortcut(event)) offers.at(-1)?.take()
    }
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [])
}
