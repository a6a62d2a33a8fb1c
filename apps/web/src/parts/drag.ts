import { type PointerEvent, useEffect, useRef } from 'react'

/** How long a finger rests before it drags, ms, and how far it may move meanwhile, px: one that moves at once scrolls. */
const holdMs = 350
const slop = 8

/** Where a drag is: of the pointer over the element that is dragged. */
export interface DragPoint {
  readonly clientX: number
  readonly element: HTMLElement
}

interface Drag {
  /** `isTouch`: a finger has rested here long enough. */
  begin(point: DragPoint, isTouch: boolean): void
  move(point: DragPoint): void
  end(point: DragPoint): void
  /** The system took the pointer away: nothing is meant. */
  cancel(): void
}

/** Dragging with a mouse or a pen at once, and with a finger that rests first. */
export function useDrag({ begin, move, end, cancel }: Drag) {
  const waiting = useRef<{ timer: ReturnType<typeof setTimeout>; x: number; y: number }>(undefined)
  const dragging = useRef(false)
  const stopWaiting = () => {
    clearTimeout(waiting.current?.timer)
    waiting.current = undefined
  }
  useEffect(() => () => clearTimeout(waiting.current?.timer), [])
  const start = (element: HTMLElement, pointerId: number, clientX: number, isTouch: boolean) => {
    waiting.current = undefined
    dragging.current = true
    element.setPointerCapture(pointerId)
    begin({ clientX, element }, isTouch)
  }
  const pointOf = (event: PointerEvent<HTMLElement>): DragPoint => ({ clientX: event.clientX, element: event.currentTarget })
  return {
    /** React listens passively to touches: one that drags must not scroll. */
    ref: (element: HTMLElement | null) => {
      const hold = (event: TouchEvent) => {
        if (dragging.current) event.preventDefault()
      }
      element?.addEventListener('touchmove', hold, { passive: false })
      return () => element?.removeEventListener('touchmove', hold)
    },
    onPointerDown: (event: PointerEvent<HTMLElement>) => {
      const { currentTarget: element, pointerId, clientX, clientY } = event
      if (event.button !== 0) return
      if (event.pointerType !== 'touch') return start(element, pointerId, clientX, false)
      stopWaiting()
      waiting.current = { x: clientX, y: clientY, timer: setTimeout(() => start(element, pointerId, clientX, true), holdMs) }
    },
    onPointerMove: (event: PointerEvent<HTMLElement>) => {
      const { current: from } = waiting
      if (from !== undefined && Math.hypot(event.clientX - from.x, event.clientY - from.y) > slop) stopWaiting()
      if (dragging.current) move(pointOf(event))
    },
    onPointerUp: (event: PointerEvent<HTMLElement>) => {
      stopWaiting()
      if (!dragging.current) return
      dragging.current = false
      end(pointOf(event))
    },
    onPointerCancel: () => {
      stopWaiting()
      if (!dragging.current) return
      dragging.current = false
      cancel()
    },
    /** A finger that rests would open a menu. */
    onContextMenu: (event: React.MouseEvent) => {
      if (dragging.current || waiting.current !== undefined) event.preventDefault()
    },
  }
}
