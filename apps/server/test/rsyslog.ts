import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const program = '/usr/sbin/rsyslogd'
const hasElasticsearch = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib'].some(folder =>
  existsSync(`${folder}/rsyslog/omelasticsearch.so`),
)

export const hasRsyslog = existsSync(program) && hasElasticsearch && spawnSync(program, ['-v'], { stdio: 'ignore' }).status === 0
export const rsyslogMissing = 'rsyslog with its module for Elasticsearch is not installed (Debian has rsyslog and rsyslog-elasticsearch)'

export interface Rsyslog {
  /** Writes a line into the file that it reads, as a program named `tag` would log it. */
  log(line: string): Promise<void>
  stop(): Promise<void>
}

/**
 * A real rsyslog that reads a file and ships each line.
 * @param to an address that speaks Elasticsearch's bulk API, or the port of a syslog server over TCP
 */
export async function startRsyslog(tag: string, to: { readonly elastic: string } | { readonly tcp: number }): Promise<Rsyslog> {
  const folder = await mkdtemp(join(tmpdir(), 'tocsin-rsyslog-'))
  const file = join(folder, 'input.log')
  await writeFile(file, '')
  const action =
    'tcp' in to
      ? `action(type="omfwd" target="127.0.0.1" port="${to.tcp}" protocol="tcp" TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format")`
      : `module(load="omelasticsearch")
template(name="line" type="string" string="%msg%")
action(type="omelasticsearch" server="${to.elastic}" template="line" searchIndex="logs" bulkmode="on" bulkid="" writeoperation="create" errorFile="${join(folder, 'errors')}")`
  await writeFile(
    join(folder, 'rsyslog.conf'),
    `global(workDirectory="${folder}")
module(load="imfile" mode="inotify")
input(type="imfile" File="${file}" Tag="${tag}:" severity="info" facility="auth")
${action}
`,
  )
  const child = spawn(program, ['-n', '-f', join(folder, 'rsyslog.conf'), '-i', join(folder, 'pid')], { stdio: 'ignore' })
  return {
    log: line => appendFile(file, `${line}\n`),
    async stop() {
      child.kill('SIGKILL')
      await rm(folder, { recursive: true, force: true })
    },
  }
}
