/** Asks the browser for a subscription to pushes. @throws Error with a sentence where it cannot, or may not */
export async function subscribeToPush(key: string): Promise<{ address: string; keys: { p256dh: string; auth: string } }> {
  if (!('serviceWorker' in navigator) || !('PushManager' in window))
    throw new Error('This browser cannot receive push notifications here. On a phone, add Tocsin to the home screen first.')
  if ((await Notification.requestPermission()) !== 'granted') throw new Error('Notifications are blocked for this site. Allow them in the browser first.')
  await navigator.serviceWorker.register('/worker.js')
  const registration = await navigator.serviceWorker.ready
  const subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key })
  const { endpoint, keys } = subscription.toJSON()
  if (!endpoint || !keys?.p256dh || !keys.auth) throw new Error('The browser did not create a push subscription.')
  return { address: endpoint, keys: { p256dh: keys.p256dh, auth: keys.auth } }
}
