import { appendFile, mkdir, mkdtemp, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished } from 'vitest'
import { until } from '../../test/alertmanager.ts'
import { type Person, test, type World } from '../../test/world.ts'
import { parseAuditd } from './auditd.ts'
import { FileFollower } from './follow.ts'

const folder = await mkdtemp(join(tmpdir(), 'tocsin-follow-'))
const logs = join(folder, 'logs')

const everything = `title: Everything
id: 22222222-2222-4222-8222-222222222222
logsource: {}
detection:
  selection:
    n|exists: true
  condition: selection
level: low
`

async function follow(world: World, lead: Person, files: string[], more: object = {}) {
  const { source } = await lead.call('createLogSource', { body: { name: 'Files', files, ...more } })
  await world.settle()
  await world.server.detection.detector.settle()
  return source
}

/** How often each event was matched: `n` says which. */
async function seen(world: World, lead: Person): Promise<Record<string, number>> {
  await world.server.detection.follower.poll()
  await until(() => (world.server.detection.intake.waiting.batches === 0 ? true : undefined), 'all batches are matched', 20_000)
  await world.settle()
  const { items } = await lead.call('alerts', {})
  return Object.fromEntries(items.map(({ title, count }) => [title.replace('Everything: ', ''), count]))
}

/** Another host for each, so that each is an alert of its own. */
const line = (n: number) => `${JSON.stringify({ n, host: { name: `n${n}` } })}\n`

describe('followed files', () => {
  test.override({ options: { env: { TOCSIN_FOLLOW_FOLDERS: logs } } })

  test('what is added is matched once, across rotation, cutting, and a restart', async ({ world }) => {
    await rm(logs, { recursive: true, force: true })
    await mkdir(logs, { recursive: true })
    const lead = await world.person('lead')
    await lead.call('createDetectionRule', { body: { text: everything } })
    const app = join(logs, 'app.json')
    await writeFile(app, line(1))
    await follow(world, lead, [app])
    expect(await seen(world, lead)).toEqual({ n1: 1 })
    await appendFile(app, line(2) + line(3).slice(0, 10))
    expect(await seen(world, lead), 'half a line is not read').toEqual({ n1: 1, n2: 1 })
    await appendFile(app, line(3).slice(10))
    expect(await seen(world, lead)).toEqual({ n1: 1, n2: 1, n3: 1 })

    await appendFile(app, line(4).trimEnd())
    await rename(app, join(logs, 'app.json.1'))
    await writeFile(app, line(5))
    expect(await seen(world, lead), 'the old one is read to its end, newline or not').toEqual({ n1: 1, n2: 1, n3: 1, n4: 1, n5: 1 })

    await truncate(app)
    await appendFile(app, line(6))
    expect(await seen(world, lead), 'cut, and as long as before').toMatchObject({ n6: 1 })

    // A server that stops, and another that starts: the file is rotated between the two.
    await world.server.detection.follower.stop()
    await appendFile(app, line(7))
    await rename(app, join(logs, 'app.json.1'))
    await writeFile(app, line(8))
    const next = new FileFollower(world.server.context, world.server.detection.intake, world.server.detection.parsers)
    onTestFinished(() => next.stop())
    next.start()
    await next.poll()
    expect(await seen(world, lead)).toEqual({ n1: 1, n2: 1, n3: 1, n4: 1, n5: 1, n6: 1, n7: 1, n8: 1 })
    expect(await lead.call('logSources')).toMatchObject([{ events: 8, files: [app], problem: null }])
  })

  test('many files by a wildcard; packed ones, and links that lead outside, are not read', async ({ world }) => {
    await rm(logs, { recursive: true, force: true })
    await mkdir(logs, { recursive: true })
    const lead = await world.person('lead')
    await lead.call('createDetectionRule', { body: { text: everything } })
    await writeFile(join(logs, 'a.log'), line(1))
    await writeFile(join(logs, 'b.log'), line(2))
    await writeFile(join(logs, 'c.log.gz'), line(3))
    await writeFile(join(logs, 'd.txt'), line(4))
    await follow(world, lead, [join(logs, '*.log')])
    expect(await seen(world, lead)).toEqual({ n1: 1, n2: 1 })
    await writeFile(join(folder, 'secret.log'), line(5))
    await symlink(join(folder, 'secret.log'), join(logs, 'e.log'))
    await appendFile(join(logs, 'a.log'), line(6))
    await appendFile(join(logs, 'b.log'), line(7))
    expect(await seen(world, lead), 'one that cannot be read does not silence the others').toEqual({ n1: 1, n2: 1, n6: 1, n7: 1 })
    expect((await lead.call('logSources'))[0]?.problem).toBe(
      `${join(logs, 'e.log')} links to ${join(folder, 'secret.log')}, which is outside TOCSIN_FOLLOW_FOLDERS`,
    )
  })

  test('a line with an impossible time stops nothing behind it', async ({ world }) => {
    await rm(logs, { recursive: true, force: true })
    await mkdir(logs, { recursive: true })
    const lead = await world.person('lead')
    await lead.call('createDetectionRule', { body: { text: everything } })
    const app = join(logs, 'app.log')
    await writeFile(app, `type=X msg=audit(99999999999999999.000:1): n=1 hostname=n1\n${line(2)}0000-01-01T00:00:00Z h app: x\n${line(3)}`)
    await follow(world, lead, [app])
    expect(Object.values(await seen(world, lead))).toEqual([1, 1, 1])
    expect(await lead.call('logSources')).toMatchObject([{ events: 4, problem: null }])
    await appendFile(app, line(4))
    expect(await seen(world, lead)).toMatchObject({ n4: 1 })
  })

  test('lines of sshd and of auditd are read for what they are', async ({ world }) => {
    await rm(logs, { recursive: true, force: true })
    await mkdir(logs, { recursive: true })
    const lead = await world.person('lead')
    const auth = join(logs, 'auth.log')
    const audit = join(logs, 'audit.log')
    await lead.call('createDetectionRule', {
      body: {
        text: `title: Password file read
id: 33333333-3333-4333-8333-333333333333
logsource: {product: linux, service: auditd}
detection:
  selection:
    type: EXECVE
    a1: /etc/shadow
  condition: selection
level: high
`,
      },
    })
    await writeFile(
      auth,
      Array.from(
        { length: 10 },
        (_, i) => `2026-11-23T07:50:${10 + i}.000000+00:00 web1 sshd[77]: Failed password for root from 203.0.113.9 port 22 ssh2\n`,
      ).join(''),
    )
    await writeFile(audit, 'node=db1 type=EXECVE msg=audit(1795507199.123:501): argc=2 a0="cat" a1=2F6574632F736861646F77\n')
    await follow(world, lead, [auth, audit])
    const found = await seen(world, lead)
    expect(Object.keys(found).sort()).toEqual(['Password file read: db1', 'SSH Brute Force From Single Source: 203.0.113.9'])
  })

  test('a file is followed only from the folders that were named', async ({ world }) => {
    const lead = await world.person('lead')
    const refused = (file: string) => lead.call('createLogSource', { body: { name: 'F', files: [file] } })
    await expect(refused('/etc/shadow')).rejects.toThrow(`files.0: must be in one of ${logs}`)
    await expect(refused(`${logs}/../../etc/shadow`)).rejects.toThrow('must be in one of')
    await expect(refused('auth.log')).rejects.toThrow('must be an absolute path')
    await expect(refused(`${logs}/*/auth.log`)).rejects.toThrow('may have wildcards only in the file name')
    await expect(refused(`${logs}-other/auth.log`)).rejects.toThrow('must be in one of')
  })
})

test('without a folder, none is followed', async ({ world }) => {
  const lead = await world.person('lead')
  await expect(lead.call('createLogSource', { body: { name: 'F', files: ['/var/log/auth.log'] } })).rejects.toThrow('set TOCSIN_FOLLOW_FOLDERS first')
})

test('records of auditd are read field by field', () => {
  expect(
    parseAuditd(
      'type=SYSCALL msg=audit(1364481363.243:24287): arch=c000003e syscall=2 success=no a0=7fff a1=0 comm="cat" exe="/bin/cat" key="sshd config" subj=unconfined',
    ),
  ).toEqual({
    '@timestamp': '2013-03-28T14:36:03.243Z',
    type: 'SYSCALL',
    'auditd.sequence': '24287',
    arch: 'c000003e',
    syscall: '2',
    success: 'no',
    a0: '7fff',
    a1: '0',
    comm: 'cat',
    exe: '/bin/cat',
    key: 'sshd config',
    subj: 'unconfined',
  })
  expect(parseAuditd('type=USER_LOGIN msg=audit(1.000:2): pid=1 msg=\'op=login acct="root" exe="/usr/sbin/sshd" addr=203.0.113.9 res=failed\'')).toMatchObject({
    acct: 'root',
    addr: '203.0.113.9',
    res: 'failed',
  })
  expect(parseAuditd('type=PROCTITLE msg=audit(1.000:2): proctitle=636174002F6574632F736861646F77')).toMatchObject({ proctitle: 'cat /etc/shadow' })
  expect(parseAuditd('Nov 24 08:00:00 host sshd[1]: x')).toBeUndefined()
})
