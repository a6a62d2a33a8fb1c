// Shows pages as notifications, with a button that acknowledges; runs while no page is open.
self.addEventListener('install', () => self.skipWaiting())
self.addEventListener('activate', event => event.waitUntil(self.clients.claim()))

self.addEventListener('push', event => {
  const { id, title, body, isPage, url, token } = event.data.json()
  event.waitUntil(
    self.registration.showNotification(title, {
      body,
      tag: id,
      icon: '/icon-192.png',
      badge: '/icon-192.png',
      data: { url, token },
      requireInteraction: isPage,
      renotify: isPage,
      vibrate: isPage ? [400, 200, 400, 200, 800] : [200],
      actions: isPage
        ? [
            { action: 'acknowledge', title: 'Acknowledge' },
            { action: 'open', title: 'Open' },
          ]
        : [],
    }),
  )
})

self.addEventListener('notificationclick', event => {
  event.notification.close()
  const { tag, data } = event.notification
  event.waitUntil(event.action === 'acknowledge' ? acknowledge(tag, data) : self.clients.openWindow(data.url))
})

/** Acknowledges, and says what came of it in the place of the notification. */
async function acknowledge(tag, { token, url }) {
  const reply = await fetch('/api/v1/page-links/acknowledge', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() },
    body: JSON.stringify({ token }),
  }).catch(() => undefined)
  // Not acknowledged: the page is opened, which tries again and says what is wrong.
  if (!reply?.ok) return self.clients.openWindow(url)
  const { title, acknowledgedBy, you, state } = await reply.json()
  const text =
    state !== 'acknowledged'
      ? 'Your acknowledgment is recorded.'
      : acknowledgedBy === you
        ? 'Acknowledged. Escalation stopped.'
        : `Already acknowledged by ${acknowledgedBy}.`
  await self.registration.showNotification(title, { body: text, icon: '/icon-192.png', tag, data: { url } })
}
