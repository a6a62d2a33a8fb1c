import { buffer } from 'node:stream/consumers'
import { createGzip } from 'node:zlib'
import { detectionRoutes, ImportedRules, idempotencyKey, ProblemError } from '@tocsin/api'
import { pack } from 'tar-stream'
import { ruleFilesOf } from './detect.ts'
import { CliProblem, type Output, printable } from './output.ts'

/** Sends the rule files at a path to a server, as one archive. Exit code 1 when some were refused. */
export async function rulesImport(output: Output, api: { origin: string; apiKey: string | undefined }, path: string, isEnabled: boolean): Promise<void> {
  const files = await ruleFilesOf([path])
  if (files.length === 0) throw new CliProblem(`No rule files (.yml) found at ${path}.`, 2)
  const archive = pack()
  for (const { name, text } of files) archive.entry({ name: name.replace(/^\/+/, '') }, text)
  archive.finalize()
  const form = new FormData()
  form.append('isEnabled', String(isEnabled))
  form.append('files', new Blob([await buffer(archive.pipe(createGzip()))]), 'rules.tar.gz')
  const { importDetectionRules: route } = detectionRoutes
  const headers = { 'idempotency-key': idempotencyKey(), ...(api.apiKey === undefined ? {} : { authorization: `Bearer ${api.apiKey}` }) }
  const reply = await fetch(`${api.origin}${route.path}`, { method: route.method, body: form, headers }).catch((error: unknown) => {
    throw new CliProblem(`${api.origin} cannot be reached (${error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)}).`)
  })
  const answer: unknown = await reply.json().catch(() => undefined)
  if (!reply.ok)
    throw answer === undefined ? new CliProblem(`${api.origin} responded with status ${reply.status}.`) : new ProblemError(answer as ProblemError['problem'])
  const { added, changed, unchanged, refused } = ImportedRules.parse(answer)
  output.say(
    [
      ...refused.map(({ file, line, reason }) => printable(`${file}:${line}: ${reason}`)),
      `${added} rules added, ${changed} changed, ${unchanged} unchanged${refused.length > 0 ? `, ${refused.length} refused` : ''}.`,
    ],
    { added, changed, unchanged, refused },
  )
  if (refused.length > 0) process.exitCode = 1
}
