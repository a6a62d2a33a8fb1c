import { VisuallyHidden } from '@mantine/core'
import { useSyncExternalStore } from 'react'

interface Said {
  readonly polite: string
  readonly urgent: string
}

let said: Said = { polite: '', urgent: '' }
const listeners = new Set<() => void>()

/** How long it stays to be read, in milliseconds: who moves through the page later must not find it there. */
const readMs = 2_000
let silence: ReturnType<typeof setTimeout> | undefined

function say(next: Said): void {
  said = next
  for (const tell of listeners) tell()
}

/**
 * Says something to who listens rather than looks. A text that is said again differs by a space that nobody hears: live regions tell changes alone.
 * @param isUrgent interrupts what is being read: only for what cannot wait, such as a page to the one who listens
 */
export function announce(text: string, { isUrgent = false } = {}): void {
  const region = isUrgent ? 'urgent' : 'polite'
  say({ ...said, [region]: said[region] === text ? `${text}\u00a0` : text })
  clearTimeout(silence)
  silence = setTimeout(() => say({ polite: '', urgent: '' }), readMs)
}

function subscribe(tell: () => void): () => void {
  listeners.add(tell)
  return () => listeners.delete(tell)
}

/** The live regions of all pages, besides that of toasts. They are there before there is something to say: a region that comes with its text is not read. */
export function Announcer() {
  const { polite, urgent } = useSyncExternalStore(subscribe, () => said)
  return (
    <>
      <VisuallyHidden aria-live="polite" aria-atomic>
        {polite}
      </VisuallyHidden>
      <VisuallyHidden aria-live="assertive" aria-atomic>
        {urgent}
      </VisuallyHidden>
    </>
  )
}
