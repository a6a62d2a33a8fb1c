import { Box, Modal, type ModalRootProps } from '@mantine/core'
import { type ReactNode, useLayoutEffect, useRef } from 'react'

/** What a person types or chooses in; the first of a dialog has the focus when it opens. */
const fields = 'input:not([type="hidden"]):not(:disabled), textarea:not(:disabled), select:not(:disabled)'
const first = `${fields}, button:not(:disabled), a[href]`

/**
 * A question, or a form, over the page. It opens at its first field, is named by its title, and Ctrl+Enter sends its form; the page gets the focus
 * back where it was (`shell/focus-return.ts`).
 * @param isDescribed its content is short and read when it opens
 */
export function Dialog({
  title,
  onClose,
  children,
  isOpen = true,
  isDescribed = false,
  size = 'lg',
  zIndex,
  ...others
}: {
  title: ReactNode
  onClose: () => void
  children: ReactNode
  isOpen?: boolean
  isDescribed?: boolean
  size?: ModalRootProps['size']
  zIndex?: ModalRootProps['zIndex']
  closeOnClickOutside?: boolean
}) {
  return (
    <Modal.Root opened={isOpen} onClose={onClose} size={size} zIndex={zIndex} returnFocus={false} centered {...others}>
      <Modal.Overlay backgroundOpacity={0.45} blur={2} />
      <Modal.Content>
        <Modal.Header>
          <Modal.Title>{title}</Modal.Title>
          <Modal.CloseButton aria-label="Close" />
        </Modal.Header>
        <Content isDescribed={isDescribed}>{children}</Content>
      </Modal.Content>
    </Modal.Root>
  )
}

/** Ctrl+Enter, or Command+Enter, sends the form from anywhere in it. */
function send(event: KeyboardEvent): void {
  if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || !(event.target instanceof Element)) return
  const form = event.target.closest('form')
  if (form === null || form.querySelector('[type="submit"]:is(:disabled, [aria-disabled="true"])')) return
  event.preventDefault()
  form.requestSubmit()
}

function Content({ isDescribed, children }: { isDescribed: boolean; children: ReactNode }) {
  const here = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    const inside = here.current
    inside?.addEventListener('keydown', send)
    return () => inside?.removeEventListener('keydown', send)
  }, [])
  // Without this the button that closes has the focus. What opens it is on its way there, and looks for the mark.
  useLayoutEffect(() => {
    const inside = here.current
    if (!inside || inside.querySelector('[data-autofocus]')) return
    const target = inside.querySelector(fields) ?? inside.querySelector(first)
    target?.setAttribute('data-autofocus', '')
  }, [])
  const content = <div ref={here}>{children}</div>
  // The body of a modal is its description: a form would be read twice.
  return isDescribed ? (
    <Modal.Body>{content}</Modal.Body>
  ) : (
    <Box p="var(--mb-padding, var(--mantine-spacing-md))" pt={0}>
      {content}
    </Box>
  )
}
