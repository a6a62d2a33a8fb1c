import { eq } from 'drizzle-orm'
import { expect } from 'vitest'
import { until } from '../../test/alertmanager.ts'
import { refusal } from '../../test/refusal.ts'
import { type Person, test } from '../../test/world.ts'
import { sessions } from '../access/tables.ts'

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

test('the live stream tells nothing from the moment that the right to it is lost: by removal, by a restriction, by the age of a key or session', async ({
  world,
}) => {
  const [lead, member] = [await world.person('lead'), await world.person('responder')]
  const administrator = await world.person('administrator')
  const { secret } = await administrator.call('createApiKey', { body: { name: 'CI', role: 'observer', scopes: ['incidents:read'], expiresInDays: 1 } })
  const restricted = await lead.call('openIncident', { body: { title: 'An insider', reason: 'Seen.', isRestricted: true } })
  const open = await lead.call('openIncident', { body: { title: 'Odd sign-ins', reason: 'Seen.' } })
  const version = async (id: string) => (await lead.call('incident', { params: { id } })).version
  const setMembers = async (...personIds: string[]) =>
    lead.call('setMembers', { params: { id: restricted.id }, body: { version: await version(restricted.id), personIds } })
  const note = async (...ids: string[]) => {
    for (const id of ids) await lead.call('addNote', { params: { id }, body: { markdown: 'More.' } })
    const marker = await lead.call('openIncident', { body: { title: 'Known to all', reason: 'Seen.' } })
    await until(() => (heard.text.includes(marker.id) ? true : undefined), 'what everybody may see is heard')
  }
  await setMembers(member.id)
  await world.settle()
  const heard = await listen(member)
  const again = await listen(member)
  await note(restricted.id, open.id)
  for (const { text } of [heard, again]) expect(text).toContain(restricted.id)
  await setMembers()
  const before = heard.text.length
  await note(restricted.id, open.id)
  expect(heard.text.slice(before)).not.toContain(restricted.id)
  expect(heard.text.slice(before)).toContain(open.id)
  await lead.call('changeIncident', { params: { id: open.id }, body: { version: await version(open.id), isRestricted: true, reason: 'It is one of us.' } })
  const then = heard.text.length
  await note(restricted.id, open.id)
  expect(heard.text.slice(then)).not.toMatch(new RegExp(`${restricted.id}|${open.id}`))
  const ofKey = await fetch(`${world.origin}/api/v1/live`, { headers: { authorization: `Bearer ${secret}` } })
  await world.server.context.database.reader().db.update(sessions).set({ lastSeenAt: world.now }).where(eq(sessions.personId, member.id))
  const last = [heard.text.length, again.text.length]
  world.jump({ days: 2 })
  await lead.call('openIncident', { body: { title: 'Known to all', reason: 'Seen.' } })
  await until(() => (heard.isOver && again.isOver ? true : undefined), 'the streams of the session end')
  expect([heard.text.length, again.text.length]).toEqual(last)
  expect(await ofKey.text()).not.toContain('incident.opened')
})
