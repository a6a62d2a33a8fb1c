import { spawn } from 'node:child_process'
import { chownSync, copyFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { nativeFolder, startEmbeddedPostgres } from '../src/kernel/embedded-postgres.ts'
import { openLog } from '../src/kernel/telemetry.ts'
import { freePort } from './alertmanager.ts'

const nobody = 65_534

/** A PostgreSQL that listens on the network with a certificate. */
export interface TlsPostgres {
  readonly port: number
  /** The address of the database's owner at a host, with options. */
  url(host: string, options: string): string
  stop(): Promise<void>
}

/** Starts one in a folder of its own, with what comes with the packages. @param certificate files in PEM */
export async function startTlsPostgres(folder: string, certificate: { readonly cert: string; readonly key: string }): Promise<TlsPostgres> {
  const embedded = await startEmbeddedPostgres(folder, openLog('silent', false))
  const owner = new URL(embedded.ownerUrl)
  await embedded.stop()
  const cluster = join(folder, 'cluster')
  const { uid } = statSync(cluster)
  for (const name of ['cert', 'key'] as const) {
    const path = join(cluster, `tls.${name}`)
    copyFileSync(certificate[name], path)
    chownSync(path, uid, uid)
  }
  const port = await freePort()
  const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories=', 'ssl=on', 'ssl_cert_file=tls.cert', 'ssl_key_file=tls.key']
  // As the user whose files they are; where that is root, in a namespace in which it is not.
  const prefix = uid === 0 ? ['unshare', '-U', `--map-user=${nobody}`] : []
  const [command = '', ...args] = [...prefix, join(nativeFolder(), 'bin', 'postgres'), '-D', cluster, ...settings.flatMap(setting => ['-c', setting])]
  const child = spawn(command, args, { stdio: 'ignore', cwd: folder, ...(process.getuid?.() === uid ? {} : { uid }) })
  return {
    port,
    url: (host, options) => `postgres://${owner.username}:${owner.password}@${host}:${port}/tocsin?${options}`,
    stop: () =>
      new Promise(resolve => {
        child.once('exit', () => resolve())
        child.kill('SIGINT')
      }),
  }
}
