import { expect } from 'vitest'
import { z } from 'zod'
import { refusal } from '../../test/refusal.ts'
import { test } from '../../test/world.ts'

const Reply = z.object({ reference: z.string(), link: z.string() })
const fields = { audience: 'employee', text: 'A mail asks for my password.', contactName: 'Kim', contactEmail: 'kim@customer.test' }

function formOf(change: Record<string, string> = {}, files: readonly File[] = []): FormData {
  const form = new FormData()
  for (const [name, value] of Object.entries({ ...fields, ...change })) form.append(name, value)
  for (const file of files) form.append('files', file)
  return form
}

test('anybody reports, and only who may read alerts reads who it was, which is on record', async ({ world }) => {
  const reply = await world.client().raw('report', { body: formOf({}, [new File(['hello'], 'mail.eml')]) })
  expect(reply.status).toBe(201)
  const { reference, link } = Reply.parse(await reply.json())
  const token = new URL(link).pathname.split('/').at(-1) ?? ''
  expect(await world.client()('followReport', { body: { token } })).toMatchObject({ reference, audience: 'employee', stage: 'received' })
  const responder = await world.person('responder')
  const [alert] = (await responder.call('alerts', {})).items
  const params = { id: alert?.id ?? '' }
  expect(alert).toMatchObject({ kind: 'report', description: fields.text })
  const report = await responder.call('reportOfAlert', { params })
  expect(report).toMatchObject({ reference, contactName: 'Kim', contactEmail: 'kim@customer.test', files: [{ name: 'mail.eml', sizeBytes: 5 }] })
  const lead = await world.person('lead')
  expect((await lead.call('journal', {})).items[0]).toMatchObject({ type: 'report.read', actor: { id: responder.id } })
  const observer = await world.person('observer')
  const file = { params: { id: report.files[0]?.id ?? '' } }
  await expect(observer.call('reportOfAlert', { params })).rejects.toMatchObject(refusal('forbidden'))
  await expect(observer.call.raw('reportFile', file)).rejects.toMatchObject(refusal('forbidden'))
  await expect(world.client().raw('reportFile', file)).rejects.toMatchObject(refusal('not-signed-in'))
  expect(await (await responder.call.raw('reportFile', file)).text()).toBe('hello')
})

test('a report that lacks something is refused with the field, and stores nothing', async ({ world }) => {
  for (const [field, value] of Object.entries({ text: ' ', audience: 'press', contactEmail: 'nobody', contactName: '' }))
    await expect(world.client().raw('report', { body: formOf({ [field]: value }) }), field).rejects.toMatchObject(refusal('invalid', field))
  const responder = await world.person('responder')
  expect((await responder.call('alerts', { query: { view: 'all' } })).items).toEqual([])
})
