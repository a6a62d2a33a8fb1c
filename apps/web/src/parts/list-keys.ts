import { useEffect, useRef, useState } from 'react'
import { isShortcut } from './shortcuts.ts'

/** The row of a list by its id: its element has `data-row`, and takes the focus. */
const rowOf = (id: string) => document.querySelector<HTMLElement>(`[data-row="${CSS.escape(id)}"]`)

/** `j` and `k` move the focus through the rows of a list, from where it is or was, and Enter opens: returns which row is selected. */
export function useListKeys(ids: readonly string[], onOpen: (id: string) => void): string | undefined {
  const [selected, setSelected] = useState<string>()
  const latest = useRef({ ids, selected, onOpen })
  latest.current = { ids, selected, onOpen }
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (!isShortcut(event)) return
      const { ids: rows, selected: last, onOpen: open } = latest.current
      const focused = document.activeElement?.closest<HTMLElement>('[data-row]')?.dataset.row
      const current = focused ?? last
      const at = current === undefined ? -1 : rows.indexOf(current)
      const step = { j: 1, k: -1 }[event.key]
      const next = step === undefined ? undefined : rows[Math.min(rows.length - 1, Math.max(0, at + step))]
      if (next !== undefined) {
        setSelected(next)
        rowOf(next)?.focus()
      }
      // A row that has the focus is a link, and opens by itself.
      if (event.key === 'Enter' && document.activeElement === document.body && current !== undefined && rows.includes(current)) open(current)
    }
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [])
  return selected
}
