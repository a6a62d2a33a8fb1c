import { Table } from '@mantine/core'
import type { ReactNode } from 'react'

/** A table that scrolls sideways where the screen is narrow; by keyboard too, also where nothing in it takes the focus. */
export function ScrollTable({ label, minWidth, children }: { label: string; minWidth: number; children: ReactNode }) {
  return (
    <Table.ScrollContainer minWidth={minWidth} scrollAreaProps={{ viewportProps: { tabIndex: 0, role: 'region', 'aria-label': label } }}>
      <Table>{children}</Table>
    </Table.ScrollContainer>
  )
}
