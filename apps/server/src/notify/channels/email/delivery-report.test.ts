import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseDeliveryStatus, reportFor } from './delivery-report.ts'
import { mailTasks } from './parse-mail.ts'

const id = '01a2b3c4-0000-7000-8000-000000000001'
const read = async (name: string, address = 'security@globex.test') => {
  const text = readFileSync(new URL(`../../../../test/bounces/${name}.eml`, import.meta.url), 'utf8').replaceAll('MESSAGE-ID', id)
  const { report } = await mailTasks.parse({ bytes: Buffer.from(text.replaceAll('\n', '\r\n')) })
  return report && (reportFor(report, id, address) ?? 'about another mail')
}

describe('a report of a mail server says which server said what of the recipient', () => {
  test.each([
    ['postfix', 'failed', 'mx1.globex.test: 5.1.1 550 5.1.1 <security@globex.test>: Recipient address rejected: User unknown in virtual mailbox table'],
    ['postfix-delayed', 'delayed', 'mx.tocsin.test: 4.4.1 connect to mx1.globex.test[192.0.2.25]:25: Connection timed out'],
    ['exim', 'failed', 'mx1.globex.test: 5.0.0 550 No such user here'],
    ['exim-old', 'failed', /^A mail server: This message was created automatically.*security@globex\.test\s+Unrouteable address/s],
    [
      'office365',
      'failed',
      'DB7EUR05FT003.mail.protection.outlook.com: 5.1.10 550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient security@globex.test not found by SMTP address lookup',
    ],
    ['gmail', 'failed', /^gmail-smtp-in\.l\.google\.com\. .*: 5\.1\.1 550-5\.1\.1 The email account .* NoSuchUser - gsmtp$|^gmail-smtp-in.*NoSuchUser/],
    ['sendmail', 'failed', 'mx1.globex.test: 5.7.1 554 5.7.1 <security@globex.test>: Relay access denied'],
    ['delivered', 'delivered', 'mx1.globex.test: 2.0.0 delivery via local: delivered to mailbox'],
    ['relayed', 'relayed', 'mx1.globex.test: 2.0.0 250 2.0.0 Ok: queued'],
    ['forwarded', 'failed', 'mx.mailbox.test for soc@mailbox.test: 5.2.2 552 5.2.2 Mailbox full'],
    [
      'qmail',
      'failed',
      /^A bounce that cannot be read: Hi\. This is the qmail-send program.*<security@globex\.test>:\s+Sorry, no mailbox here by that name\. \(#5\.1\.1\)/s,
    ],
  ] as const)('%s', async (name, action, text) => {
    expect(await read(name)).toEqual({ action, text: typeof text === 'string' ? text : expect.stringMatching(text) })
  })

  test('also with an address in other letters (RFC 6533)', async () => {
    expect(await read('internationalized', 'sécurité@globex.test')).toEqual({ action: 'failed', text: 'mx.tocsin.test: 5.1.1 550 5.1.1 unknown' })
  })

  test('and nothing is one that is not: an answer of a program, a receipt that it was read', async () => {
    expect([await read('out-of-office'), await read('read')]).toEqual([undefined, undefined])
  })

  test('one about another recipient is not taken for this mail, unless it gives this mail back', async () => {
    expect(await read('relayed', 'legal@globex.test')).toBe('about another mail')
    expect(await read('postfix', 'legal@globex.test')).toMatchObject({ action: 'failed', text: expect.stringContaining('for security@globex.test') })
  })
})

test('a delivery status without the action that is asked of it goes by the class of its status; without both, and without a recipient, it says nothing', () => {
  const of = (...lines: string[]) => parseDeliveryStatus(`Reporting-MTA: dns; a.test\r\n\r\n${lines.join('\r\n')}\r\n`)?.recipients.map(({ action }) => action)
  expect(of('Final-Recipient: rfc822; a@b.test', 'Action: lost', 'Status: 5.1.1')).toEqual(['failed'])
  expect(of('Final-Recipient: rfc822; a@b.test', 'Status: 4.0.0 (busy)')).toEqual(['delayed'])
  expect(of('FINAL-RECIPIENT: <A@b.test>', 'aCTION: Failed', 'Action: delivered')).toEqual(['failed'])
  expect(of('Final-Recipient: rfc822; a@b.test', 'Action: lost')).toBeUndefined()
  expect(of('Action: failed', 'Status: 5.1.1')).toBeUndefined()
  expect(of('Final-Recipient: utf-8; \\x{110000}@b.test', 'Action: failed'), 'no character').toEqual(['failed'])
  expect(parseDeliveryStatus('\r\n\r\nFinal-Recipient: rfc822; a@b.test\r\nAction: failed')?.recipients).toHaveLength(1)
  expect(parseDeliveryStatus(`A: b\n\n${'Final-Recipient: rfc822; a@b.test\nAction: failed\n\n'.repeat(1_000)}`)?.recipients.length).toBeLessThan(200)
})
