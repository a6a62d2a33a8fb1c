import { expect } from 'vitest'
import { until } from '../../test/alertmanager.ts'
import { refusal } from '../../test/refusal.ts'
import { type Person, test } from '../../test/world.ts'

/** Opens the live stream as somebody; what has come so far is in `text`. */
async function listen(person: Person) {
  const reply = await person.call.raw('liveEvents')
  expect(reply.headers.get('content-type')).toContain('text/event-stream')
  const heard = { text: '', isOver: false, end: async () => reader?.cancel() }
  const reader = reply.body?.pipeThrough(new TextDecoderStream()).getReader()
  const follow = async (): Promise<void> => {
    const { done = true, value = '' } = (await reader?.read()) ?? {}
    heard.text += value
    heard.isOver = done
    if (!done) await follow()
  }
  void follow()
  return heard
}

test('the live stream tells what changed by type and subject, never its content, and of a restricted incident only to who may see it', async ({ world }) => {
  const lead = await world.person('lead')
  const outsider = await world.person('lead')
  const both = [await listen(lead), await listen(outsider)] as const
  const [inside, outside] = both
  const secret = await lead.call('openIncident', { body: { title: 'An insider copies files', reason: 'Seen.', isRestricted: true } })
  const open = await lead.call('openIncident', { body: { title: 'Odd sign-ins', reason: 'Seen.' } })
  await world.settle()
  for (const heard of both) await until(() => (heard.text.includes(open.id) ? true : undefined), 'the incident that everybody may see is heard')
  expect(inside.text).toContain(secret.id)
  expect(outside.text).not.toContain(secret.id)
  for (const heard of both) {
    expect(heard.text).toContain('incident.opened')
    expect(heard.text).not.toMatch(/insider|Odd sign-ins/)
    await heard.end()
  }
})

test('the live stream is for who is signed in, and nobody takes the room of all others', async ({ world }) => {
  const [greedy, other] = [await world.person('observer'), await world.person('observer')]
  const streams = []
  for (let n = 0; n < 50; n += 1) streams.push(await listen(greedy))
  await expect(greedy.call.raw('liveEvents')).rejects.toMatchObject(refusal('unavailable'))
  streams.push(await listen(other))
  for (const stream of streams) await stream.end()
  await expect(world.client().raw('liveEvents')).rejects.toMatchObject(refusal('not-signed-in'))
})

test('the live stream ends at once with the session, the account, the role or the key of who listens, and goes on for others', async ({ world }) => {
  const administrator = await world.person('administrator')
  const signedOut = await world.person('responder')
  const deactivated = await world.person('responder')
  const promoted = await world.person('responder')
  const ended = await world.person('responder')
  const staying = await world.person('responder')
  const { key, secret } = await administrator.call('createApiKey', { body: { name: 'CI', role: 'observer', scopes: ['incidents:read'] } })
  const ofKey = await fetch(`${world.origin}/api/v1/live`, { headers: { authorization: `Bearer ${secret}` } })
  const goesOn = await listen(staying)
  const all = await Promise.all([signedOut, deactivated, promoted, ended].map(listen))
  await signedOut.call('signOut')
  await administrator.call('changePerson', { params: { id: deactivated.id }, body: { isActive: false } })
  await administrator.call('changePerson', { params: { id: promoted.id }, body: { role: 'lead' } })
  await administrator.call('endSessionsOfPerson', { params: { id: ended.id } })
  await administrator.call('revokeApiKey', { params: { id: key.id } })
  await until(() => (all.every(({ isOver }) => isOver) ? true : undefined), 'the streams end')
  await ofKey.text()
  expect(goesOn.isOver).toBe(false)
  const open = await administrator.call('openIncident', { body: { title: 'Odd sign-ins', reason: 'Seen.' } })
  await until(() => (goesOn.text.includes(open.id) ? true : undefined), 'others go on hearing')
  for (const heard of all) expect(heard.text).not.toContain(open.id)
  await goesOn.end()
})
