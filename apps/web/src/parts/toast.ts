import { type NotificationData, notifications } from '@mantine/notifications'

/**
 * Shows a text for some seconds. The place of toasts is a live region of its own and is there from the first, so that it is read too.
 * @param isProblem interrupts what is being read
 * @returns its id, by which it is hidden
 */
export function toast({ isProblem = false, ...shown }: NotificationData & { isProblem?: boolean }): string {
  return notifications.show({
    role: isProblem ? 'alert' : 'group',
    'aria-label': isProblem ? undefined : 'Notification',
    color: isProblem ? 'red' : 'teal',
    ...shown,
  })
}
