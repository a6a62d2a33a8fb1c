import { type PointerEvent, useEffect, useRef, useState } from 'react'

interface Identified {
  readonly id: string
}

/** A row, and whether it is shown only because the pointer is on the list: it has left it. */
export interface HeldRow<R> {
  readonly row: R
  readonly hasLeft: boolean
}

/** A finger leaves the list with each tap, and comes back. */
const touchMs = 4_000

/**
 * The rows of a list, each in its place while the pointer is on the list: what is acted on, here or by somebody else, does not go away under the
 * pointer, and no other row's button gets there instead. Rows that are new meanwhile stand at the end.
 * @param rows what the list holds now; undefined while that is not known
 * @param latest the row as it is now where the list no longer holds it
 * @returns with what the element around the rows takes
 */
export function useHeldRows<R extends Identified>(
  rows: readonly R[] | undefined,
  latest: (id: string) => R | undefined = () => undefined,
): { rows: readonly HeldRow<R>[]; hold: { onPointerEnter: () => void; onPointerLeave: (event: PointerEvent) => void } } {
  const [order, setOrder] = useState<readonly string[]>()
  const known = useRef(new Map<string, R>())
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => {
    if (order === undefined) known.current.clear()
    for (const row of rows ?? []) known.current.set(row.id, row)
  }, [rows, order])
  useEffect(() => () => clearTimeout(timer.current), [])
  const current = rows ?? []
  const isHere = new Map(current.map(row => [row.id, row]))
  const held = (order ?? []).flatMap(id => {
    const here = isHere.get(id)
    const row = here ?? latest(id) ?? known.current.get(id)
    return row === undefined ? [] : [{ row, hasLeft: here === undefined }]
  })
  const added = current.filter(({ id }) => order?.includes(id) !== true).map(row => ({ row, hasLeft: false }))
  return {
    rows: [...held, ...added],
    hold: {
      onPointerEnter() {
        clearTimeout(timer.current)
        setOrder(before => before ?? current.map(({ id }) => id))
      },
      onPointerLeave({ pointerType }) {
        clearTimeout(timer.current)
        timer.current = setTimeout(() => setOrder(undefined), pointerType === 'touch' ? touchMs : 0)
      },
    },
  }
}
