import { useEffect } from 'react'

const dialog = '[role="dialog"]'

/**
 * Gives the focus back to where it was before a dialog opened. A dialog is taken from the page when it is closed, and what it had remembered goes
 * with it: the focus would fall to the top of the page. Where what had the focus is gone, such as a button that has done its work or a link to this
 * page, the heading gets it.
 */
export function useFocusReturn(): void {
  useEffect(() => {
    let last: HTMLElement | undefined
    const remember = ({ target }: FocusEvent) => {
      if (target instanceof HTMLElement && !target.closest(`${dialog}, [role="menu"], [role="listbox"]`)) last = target
    }
    const observer = new MutationObserver(changes => {
      if (last === undefined || document.activeElement !== document.body || document.querySelector(dialog)) return
      if (!last.isConnected) {
        const heading = document.querySelector('h1')
        if (heading) heading.tabIndex = -1
        heading?.focus({ preventScroll: true })
      } else if (changes.some(({ removedNodes }) => [...removedNodes].some(isDialog))) last.focus({ preventScroll: true })
    })
    document.addEventListener('focusin', remember)
    observer.observe(document.body, { childList: true, subtree: true })
    return () => {
      document.removeEventListener('focusin', remember)
      observer.disconnect()
    }
  }, [])
}

const isDialog = (node: Node) => node instanceof HTMLElement && (node.matches(dialog) || node.querySelector(dialog) !== null)
