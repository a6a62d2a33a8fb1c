import { existsSync, mkdirSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { test } from '../../test/world.ts'
import { DiskGuard } from './disk.ts'
import { makeTemporaryFolder } from './temporary-files.ts'

const form = (files: readonly File[]) => {
  const body = new FormData()
  for (const [name, value] of Object.entries({ audience: 'employee', text: 'Odd.', contactName: 'Kim', contactEmail: 'kim@customer.test' }))
    body.append(name, value)
  for (const file of files) body.append('files', file)
  return { body }
}

test.describe('a disk with less room than is required', () => {
  test.override({ options: { env: { TOCSIN_MIN_FREE_DISK_MB: '1000000000' } } })

  test('takes no files, says so, and still takes reports without any', async ({ world }) => {
    const refused = 'The server is low on disk space and takes no files at the moment.'
    await expect(world.client().raw('report', form([new File(['x'], 'x.txt')]))).rejects.toMatchObject({
      problem: { status: 503, detail: expect.stringContaining(refused) },
    })
    expect((await world.client().raw('report', form([]))).status).toBe(201)
    const readiness = await fetch(`${world.origin}/readyz`)
    expect([readiness.status, await readiness.json()]).toEqual([
      200,
      { status: 'degraded', details: [{ name: 'disk space', detail: 'Less than 1000000000 MB of disk space are free: no files are taken.' }] },
    ])
  })
})

test('administrators are paged once while the disk has too little room, and the page resolves when it has more again', async ({ world }) => {
  const administrator = await world.person('administrator')
  const mebibyte = 1_048_576
  let free = 1_000 * mebibyte
  const guard = new DiskGuard(world.server.context, async () => free)
  // What is there belongs to a process that was killed an hour ago, to one that works, and to nobody of ours.
  const [left, scanned, used] = await Promise.all([makeTemporaryFolder('upload'), makeTemporaryFolder('scan'), makeTemporaryFolder('upload')])
  const [other, link] = [join(tmpdir(), `tocsin-uploads-of-${process.pid}`), join(tmpdir(), `tocsin-upload-${String(process.pid).padStart(6, '_')}`)]
  mkdirSync(other)
  symlinkSync(other, link)
  for (const folder of [left, scanned, used, other]) writeFileSync(join(folder, '0'), 'Evidence.')
  const hourAgo = new Date(Date.now() - 3_601_000)
  for (const folder of [left, scanned, other]) utimesSync(folder, hourAgo, hourAgo)
  const pages = async () => (await administrator.call('pages', {})).items.map(({ title, state }) => [title, state])
  await guard.look()
  await guard.look()
  expect([left, scanned, join(used, '0'), join(other, '0')].map(path => existsSync(path))).toEqual([false, false, true, true])
  unlinkSync(link)
  for (const folder of [used, other]) await rm(folder, { recursive: true })
  expect(await pages()).toEqual([['The server is low on disk space', 'triggered']])
  free = 1_030 * mebibyte
  await guard.look()
  expect((await pages())[0]?.[1], 'at the edge').toBe('triggered')
  free = 2_000 * mebibyte
  await guard.look()
  expect((await pages())[0]?.[1]).toBe('resolved')
})
