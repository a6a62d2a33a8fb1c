import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ProblemError } from '@tocsin/api'
import { afterAll, describe, expect } from 'vitest'
import { z } from 'zod'
import { refusal } from '../../test/refusal.ts'
import { test, type World } from '../../test/world.ts'

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
  expect(report).toMatchObject({
    reference,
    contactName: 'Kim',
    contactEmail: 'kim@customer.test',
    files: [{ name: 'mail.eml', sizeBytes: 5, scan: 'not-scanned' }],
  })
  const lead = await world.person('lead')
  expect((await lead.call('journal', {})).items[0]).toMatchObject({ type: 'report.read', actor: { id: responder.id } })
  const observer = await world.person('observer')
  const file = { params: { id: report.files[0]?.id ?? '' } }
  await expect(observer.call('reportOfAlert', { params })).rejects.toMatchObject(refusal('forbidden'))
  await expect(observer.call.raw('reportFile', file)).rejects.toMatchObject(refusal('forbidden'))
  await expect(world.client().raw('reportFile', file)).rejects.toMatchObject(refusal('not-signed-in'))
  expect(await (await responder.call.raw('reportFile', file)).text()).toBe('hello')
})

test('the link of a reporter is revoked by who may triage: it then answers as one that never was', async ({ world }) => {
  const { link } = Reply.parse(await (await world.client().raw('report', { body: formOf() })).json())
  const token = new URL(link).pathname.split('/').at(-1) ?? ''
  const follow = (given: string) => world.client()('followReport', { body: { token: given } })
  const responder = await world.person('responder')
  const [alert] = (await responder.call('alerts', {})).items
  const params = { id: alert?.id ?? '' }
  await expect((await world.person('observer')).call('revokeReportLink', { params })).rejects.toMatchObject(refusal('forbidden'))
  expect((await follow(token)).stage).toBe('received')
  await responder.call('revokeReportLink', { params })
  const answers = await Promise.all([token, `${token}x`].map(given => follow(given).catch((error: ProblemError) => error.problem)))
  expect(answers[0]).toEqual(answers[1])
  expect(answers[0]).toMatchObject({ status: 404 })
  expect(await responder.call('reportOfAlert', { params })).toMatchObject({ isLinkRevoked: true })
  await expect(responder.call('revokeReportLink', { params }), 'a second time').rejects.toMatchObject(refusal('not-found'))
  const lead = await world.person('lead')
  expect((await lead.call('journal', {})).items.find(({ type }) => type === 'report.link-revoked')).toMatchObject({ actor: { id: responder.id } })
})

test('a report that lacks something is refused with the field, and stores nothing', async ({ world }) => {
  for (const [field, value] of Object.entries({ text: ' ', audience: 'press', contactEmail: 'nobody', contactName: '' }))
    await expect(world.client().raw('report', { body: formOf({ [field]: value }) }), field).rejects.toMatchObject(refusal('invalid', field))
  const responder = await world.person('responder')
  expect((await responder.call('alerts', { query: { view: 'all' } })).items).toEqual([])
})

const report = (world: World, change: Record<string, string> = {}, from = '198.51.100.1', files: readonly File[] = []) =>
  fetch(`${world.origin}/api/v1/reports`, { method: 'POST', body: formOf(change, files), headers: { 'x-forwarded-for': from } }).then(({ status }) => status)

/** The answer to a form of 50 MB of which nothing but its beginning is ever sent. */
async function beginReport(world: World, beginning: string, from = '198.51.100.1'): Promise<string> {
  const sending = request(`${world.origin}/api/v1/reports`, {
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=b', 'content-length': 50 * 1_048_576, 'x-forwarded-for': from },
  })
  sending.write(beginning)
  const [reply] = await once(sending, 'response', { signal: AbortSignal.timeout(5_000) })
  sending.on('error', () => undefined).destroy()
  return `${reply.statusCode}`
}
const part = (name: string, value: string) => `--b\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
const filePart = '--b\r\ncontent-disposition: form-data; name="files"; filename="large.bin"\r\n\r\nabc'

describe('a flood of reports', () => {
  test.override({ options: { env: { TOCSIN_TRUST_PROXY: '127.0.0.1' } } })

  test('is refused beyond what one address may send, also at once and from its whole network, and what was refused is not stored', async ({ world }) => {
    const statuses = await Promise.all([...Array(14)].map((_, n) => report(world, {}, n % 2 === 0 ? '2001:db8:0:2::1' : '2001:db8::2:ffff:0:0:9')))
    expect(statuses.filter(status => status === 201)).toHaveLength(10)
    expect(statuses.filter(status => status === 429)).toHaveLength(4)
    expect(await report(world, {}, '2001:db8:1:3::1'), 'a neighbor').toBe(201)
    const responder = await world.person('responder')
    expect((await responder.call('alerts', { query: { view: 'all' } })).items).toHaveLength(11)
    world.jump({ minutes: 61 })
    expect(await report(world, {}, '2001:db8:0:2::1'), 'an hour later').toBe(201)
    const large = () => new File([new Uint8Array(19 * 1_048_576)], 'large.bin')
    expect(await report(world, {}, '2001:db8:0:2::1', [large(), large(), large(), large(), large()])).toBe(201)
    expect(await report(world, {}, '2001:db8:0:2::1', [large(), large(), large(), large(), large()])).toBe(201)
    expect(await report(world, {}, '2001:db8:0:2::1', [large()]), '190 MB of 200 are used').toBe(429)
    expect(await beginReport(world, '--b\r\n', '2001:db8:0:2::1'), 'before its files are received').toBe('429')
  })

  test('pages five times, and once for all others of the hour; no message of ours carries a link of a stranger', async ({ world }) => {
    const { primary } = await world.team()
    const text = 'URGENT: confirm at https://evil.example/0 or www.evil.example now\nhttp://evil.example/more evil。example'
    for (let n = 0; n < 12; n += 1) expect(await report(world, { audience: 'customer', text }, `198.51.100.${n}`)).toBe(201)
    await world.settle()
    const pages = async () => (await primary.call('pages', { query: { limit: 50 } })).items
    expect((await pages()).map(({ title }) => title.replace(/R-\w+/, 'R')).toSorted()).toEqual([
      '6 customer reports within an hour',
      ...Array(5).fill('Report R: URGENT: confirm at https[:]//evil[.]example/0 or www[.]evil[.]example now'),
    ])
    for (const mail of world.mail.mails) expect(`${mail.subject}\n${mail.text}`).not.toMatch(/evil[.\u3002]example|:\/\/evil/)
    expect((await primary.call('alerts', { query: { view: 'all' } })).items).toHaveLength(12)
    world.jump({ minutes: 30 })
    for (let n = 0; n < 3; n += 1) await report(world, { audience: 'customer' }, `198.51.100.${n}`)
    expect(await pages(), 'within the hour').toHaveLength(6)
    world.jump({ minutes: 61 })
    await report(world, { audience: 'customer' }, '198.51.100.50')
    expect(await pages(), 'the hour is over').toHaveLength(7)
  })
})

describe('a form that asks for a code', () => {
  test.override({ options: { env: { TOCSIN_REPORT_CODE: 'blue whale', TOCSIN_REPORT_LINK_DAYS: '30' } } })

  test('takes no report without it; and the private link of a report ends', async ({ world }) => {
    expect(await world.client()('reportForm')).toEqual({ isOpen: true, needsCode: true })
    for (const code of ['', 'blue', 'Blue whale']) expect(await report(world, { code })).toBe(403)
    expect(await beginReport(world, part('code', 'blue') + filePart), 'before its files are received').toBe('403')
    const large = new File([new Uint8Array(19 * 1_048_576)], 'large.bin')
    expect(await report(world, { code: 'blue' }, '198.51.100.1', [large, large]), 'while its files are sent').toBe(403)
    await world.server.context.securityEvents.flush()
    const { items } = await (await world.person('lead')).call('journal', { query: { type: 'access.refused' } })
    expect(items, 'who guesses is on record').toMatchObject([{ data: { area: 'reports', reason: 'wrong-link', count: 5 } }])
    const reply = await world.client().raw('report', { body: formOf({ code: 'blue whale' }) })
    const token = new URL(Reply.parse(await reply.json()).link).pathname.split('/').at(-1) ?? ''
    const follow = () => world.client()('followReport', { body: { token } })
    world.jump({ days: 29, hours: 23 })
    expect(await follow()).toMatchObject({ stage: 'received' })
    world.jump({ hours: 2 })
    await expect(follow()).rejects.toThrow('This link has expired.')
  })
})

describe('a form that is closed', () => {
  test.override({ options: { env: { TOCSIN_REPORT_FORM: 'closed' } } })

  test('takes nothing and says so', async ({ world }) => {
    expect(await world.client()('reportForm')).toEqual({ isOpen: false, needsCode: false })
    await expect(world.client().raw('report', { body: formOf() })).rejects.toThrow('This form is closed. Contact the security team another way.')
    expect(await beginReport(world, '--b\r\n'), 'before anything of it is received').toBe('403')
  })
})

describe('a form whose files are scanned', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-scanner-'))
  const scanner = join(folder, 'scanner.sh')
  const isBroken = join(folder, 'broken')
  // Fails where something of this program's own environment came along, and while it is broken.
  writeFileSync(
    scanner,
    `test -z "$SMTP_URL$DATABASE_URL$HOME" || exit 2\ntest -e ${isBroken} && { echo "no signatures" >&2; exit 2; }\ntest "$1" = --quiet || exit 3\ngrep -q EICAR "$2" && exit 1\nexit 0\n`,
  )
  afterAll(() => rmSync(folder, { recursive: true }))
  test.override({ options: { env: { TOCSIN_SCAN_COMMAND: `/bin/sh ${scanner} --quiet` } } })

  /** The files of the only report, as a responder sees them. */
  const filesOf = async (call: Awaited<ReturnType<World['person']>>['call']) => {
    const [alert] = (await call('alerts', { query: { view: 'all' } })).items.filter(({ kind }) => kind === 'report')
    return (await call('reportOfAlert', { params: { id: alert?.id ?? '' } })).files
  }

  test('gives them out only once they were found clean; an infected one is told of, kept, and removed after 30 days', async ({ world }) => {
    const { call } = await world.person('responder')
    writeFileSync(isBroken, '')
    await world.client().raw('report', { body: formOf({}, [new File(['hello'], 'mail.eml'), new File(['x EICAR x'], 'bad.exe')]) })
    await world.settle()
    const [clean, bad] = await filesOf(call)
    expect([clean?.scan, bad?.scan]).toEqual(['pending', 'pending'])
    const read = (id = '') => call.raw('reportFile', { params: { id } })
    await expect(read(clean?.id)).rejects.toThrow('This file was not scanned for malware yet.')
    rmSync(isBroken)
    await world.advance({ seconds: 10 })
    expect((await filesOf(call)).map(({ name, scan }) => [name, scan])).toEqual([
      ['mail.eml', 'clean'],
      ['bad.exe', 'infected'],
    ])
    expect(await (await read(clean?.id)).text()).toBe('hello')
    await expect(read(bad?.id)).rejects.toMatchObject(refusal('conflict'))
    expect((await call('alerts', {})).items.map(({ title }) => title.replace(/R-\w+/, 'R'))).toContain('Malware in a file of report R')
    const lead = await world.person('lead')
    const entries = async () => (await lead.call('journal', { query: { limit: 200 } })).items.map(({ sentence }) => sentence)
    expect(await entries()).toEqual(expect.arrayContaining(['Scanned mail.eml: no malware found', 'Malware found in bad.exe']))
    world.jump({ days: 29, hours: 23 })
    await world.settle()
    expect((await filesOf(call)).map(({ scan }) => scan)).toEqual(['clean', 'infected'])
    world.jump({ days: 2 })
    await world.settle()
    expect((await filesOf(call)).map(({ scan }) => scan)).toEqual(['clean', 'removed'])
    expect(await entries()).toContain('Removed the infected file bad.exe')
    const { rows } = await world.server.context.database.reader().db.execute('select 1 from file_chunks')
    expect(rows, 'the content of the clean one').toHaveLength(1)
    await expect(read(bad?.id)).rejects.toThrow('it was removed')
  })

  test('pages the administrators while the scanner fails, and scans when it works again', async ({ world }) => {
    const { call } = await world.person('responder')
    const administrator = await world.person('administrator')
    const scannerPage = async () =>
      (await administrator.call('pages', { query: { limit: 50 } })).items.find(({ title }) => title.startsWith('Files cannot be scanned'))
    writeFileSync(isBroken, '')
    await world.client().raw('report', { body: formOf({}, [new File(['hello'], 'mail.eml')]) })
    await world.advance({ minutes: 20 })
    expect(await scannerPage()).toMatchObject({ state: 'triggered' })
    expect(world.mail.mails.map(({ text }) => text).join()).toContain('the scanner ended with 2: no signatures')
    rmSync(isBroken)
    await world.advance({ minutes: 20 })
    expect((await filesOf(call)).map(({ scan }) => scan)).toEqual(['clean'])
    expect(await scannerPage()).toMatchObject({ state: 'resolved' })
  })
})
