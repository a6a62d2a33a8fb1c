import { ActionIcon, Alert, Anchor, Badge, Button, createTheme, type MantineColorsTuple, Notification, Paper, Table, TextInput, Tooltip } from '@mantine/core'
import { BusyButton } from './parts/busy-button.tsx'

/** The bell's orange: for what asks to be done, never for decoration. */
const ember: MantineColorsTuple = ['#fff4ed', '#ffe6d5', '#ffc9a8', '#ffa877', '#fd8448', '#f76b1c', '#d9480f', '#bf3c0a', '#9a3109', '#7c2a0c']

/** The element of buttons that are not links. */
const keepsFocus = { component: BusyButton }

export const theme = createTheme({
  primaryColor: 'ember',
  primaryShade: 7,
  colors: { ember },
  fontFamily: "'Inter Variable', system-ui, -apple-system, 'Segoe UI', sans-serif",
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, monospace',
  headings: {
    fontFamily: "'Inter Variable', system-ui, sans-serif",
    fontWeight: '620',
    sizes: {
      h1: { fontSize: '1.5rem', lineHeight: '1.25' },
      h2: { fontSize: '1.125rem', lineHeight: '1.35' },
      h3: { fontSize: '0.975rem', lineHeight: '1.4' },
    },
  },
  defaultRadius: 'md',
  components: {
    // In the colour of the alert a title does not reach a contrast of 4.5 : 1 on it.
    Alert: Alert.extend({ styles: { title: { color: 'var(--mantine-color-text)' } } }),
    Anchor: Anchor.extend({ defaultProps: { underline: 'always' } }),
    Button: Button.extend({ defaultProps: { size: 'sm', ...keepsFocus } }),
    ActionIcon: ActionIcon.extend({ defaultProps: keepsFocus }),
    Badge: Badge.extend({ defaultProps: { variant: 'light', radius: 'sm', tt: 'none', fw: 550 } }),
    Paper: Paper.extend({ defaultProps: { withBorder: true, radius: 'md' } }),
    Table: Table.extend({ defaultProps: { verticalSpacing: 10, horizontalSpacing: 'md', highlightOnHover: true } }),
    // For those without a pointer too; and one with a magnifier moves onto it to read it.
    Tooltip: Tooltip.extend({ defaultProps: { events: { hover: true, focus: true, touch: true }, interactive: true } }),
    TextInput: TextInput.extend({ defaultProps: { size: 'sm' } }),
    Notification: Notification.extend({ defaultProps: { closeButtonProps: { 'aria-label': 'Dismiss' } } }),
  },
})
