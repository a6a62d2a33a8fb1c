import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { spawnServer } from '../../test/own-process.ts'
import { patience } from '../../test/patience.ts'
import { startTlsPostgres, type TlsPostgres } from '../../test/tls-postgres.ts'
import { layWire } from '../../test/wire.ts'

const folder = mkdtempSync(join(tmpdir(), 'tocsin-database-tls-'))
const openssl = (given: string, ...more: string[]) => execFileSync('openssl', [...given.split(' '), ...more], { cwd: folder, stdio: 'ignore' })
const ec = 'ec -pkeyopt ec_paramgen_curve:prime256v1'

/** A CA of that name. @returns its file */
function authority(name: string): string {
  openssl(`req -x509 -newkey ${ec} -nodes -subj /CN=${name} -days 2 -keyout ${name}.key -out ${name}.pem`)
  return join(folder, `${name}.pem`)
}

/** Starts on a database. @returns how it ended, with the last line that it said; the server where it started */
function start(env: Record<string, string>) {
  return spawnServer({
    TOCSIN_DATA: join(folder, 'data'),
    PORT: '0',
    TOCSIN_LOG_LEVEL: 'silent',
    TOCSIN_SECRET: 'a master key for this test only, long',
    ...env,
  })
}

async function refused(env: Record<string, string>): Promise<{ code: unknown; sentence: string | undefined }> {
  const server = start(env)
  return { code: await server.ended, sentence: server.errors().trim().split('\n').at(-1) }
}

describe('an external PostgreSQL with sslmode=verify-full', { timeout: 120_000 * patience }, () => {
  let postgres: TlsPostgres
  let ca = ''
  beforeAll(async () => {
    ca = authority('issuer')
    writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost')
    openssl(`req -newkey ${ec} -nodes -subj /CN=database -keyout server.key -out server.csr`)
    openssl('x509 -req -in server.csr -CA issuer.pem -CAkey issuer.key -CAcreateserial -days 2 -extfile names -out server.pem')
    postgres = await startTlsPostgres(join(folder, 'postgres'), { cert: join(folder, 'server.pem'), key: join(folder, 'server.key') })
  }, 120_000 * patience)
  afterAll(async () => {
    await postgres.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  test('is spoken to over TLS alone, by every connection, where the CA is the one that is named', async () => {
    const url = postgres.url('localhost', `sslmode=verify-full&sslrootcert=${ca}`)
    const server = start({ DATABASE_URL: url })
    const { origin } = await server.ready
    expect((await fetch(`${origin}/readyz`)).status).toBe(200)
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    const { rows } = await client.query<{ ssl: boolean; n: number }>(
      `select ssl, count(*)::int as n from pg_stat_ssl join pg_stat_activity using (pid) where backend_type = 'client backend' group by ssl`,
    )
    await client.end()
    expect(rows).toEqual([{ ssl: true, n: expect.any(Number) }])
    expect(rows[0]?.n, 'the pool, and who listens').toBeGreaterThan(2)
    expect(await server.stop()).toBe(0)
  })

  test('is refused at the start with what is wrong: another CA, another host, a file that is not there, no TLS; as the owner too', async () => {
    const [other, missing] = [authority('other'), join(folder, 'missing.pem')]
    const verified = (host: string, file: string) => postgres.url(host, `sslmode=verify-full&sslrootcert=${file}`)
    const where = `the database at localhost:${postgres.port}`
    const untrusted = `${where} has an untrusted certificate (UNABLE_TO_VERIFY_LEAF_SIGNATURE); sslrootcert names the file of the CA that issued it, see "TLS to the database" in docs/operating.md.`
    expect(await refused({ DATABASE_URL: verified('localhost', other) })).toEqual({ code: 2, sentence: `DATABASE_URL: ${untrusted}` })
    expect(await refused({ DATABASE_URL: verified('127.0.0.1', ca) })).toEqual({
      code: 2,
      sentence: `DATABASE_URL: the database at 127.0.0.1:${postgres.port} has a certificate for another host; connect by a name that is in its certificate.`,
    })
    expect(await refused({ DATABASE_URL: verified('localhost', missing) })).toEqual({ code: 2, sentence: `DATABASE_URL: ${missing} cannot be read (ENOENT).` })
    expect(await refused({ DATABASE_URL: verified('localhost', ca), DATABASE_OWNER_URL: verified('localhost', other) })).toEqual({
      code: 2,
      sentence: `DATABASE_OWNER_URL: ${untrusted}`,
    })
    const plain = await layWire(inject('templateUrl'))
    expect(await refused({ DATABASE_URL: `${plain.url}?sslmode=verify-full` })).toEqual({
      code: 2,
      sentence: `DATABASE_URL: the database at ${new URL(plain.url).host} does not support TLS, which sslmode requires.`,
    })
    plain.stop()
  })
})
