import { useSyncExternalStore } from 'react'

const stored = 'tocsin.shortcuts'
const listeners = new Set<() => void>()

/** Whether single letters do something for who sits here: voice control, and a cat on the keyboard, press them too. Kept in this browser. */
export const shortcuts = {
  areOn: (): boolean => window.localStorage.getItem(stored) !== 'off',
  turn(on: boolean): void {
    if (on) window.localStorage.removeItem(stored)
    else window.localStorage.setItem(stored, 'off')
    for (const tell of listeners) tell()
  },
}

function subscribe(tell: () => void): () => void {
  listeners.add(tell)
  return () => listeners.delete(tell)
}

export const useShortcutsOn = (): boolean => useSyncExternalStore(subscribe, shortcuts.areOn)

const isDialogOpen = () => document.querySelector('[aria-modal="true"]') !== null

/** True where a key is meant for the page: not for a text, not for a dialog or a menu that is open, and not by who has switched shortcuts off. */
export function isShortcut(event: KeyboardEvent): boolean {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !shortcuts.areOn()) return false
  const { target } = event
  if (target instanceof HTMLElement && (target.isContentEditable || target.closest('input, textarea, select, [role="menu"], [role="listbox"]'))) return false
  return !isDialogOpen()
}

/** True for a key together with Ctrl, or Command on a Mac: not what voice control presses, and so not switched off; a dialog has it for itself. */
export const isModified = (event: KeyboardEvent, key: string): boolean =>
  (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === key && !isDialogOpen()
