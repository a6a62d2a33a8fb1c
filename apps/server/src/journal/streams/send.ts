import { createHash } from 'node:crypto'
import { type OcsfDocument, shortened } from '@tocsin/events/ocsf'
import type { Receiver } from '../../kernel/receiver-address.ts'
import { postSigned } from '../../kernel/signed-webhook.ts'
import { formatSyslog, maxSyslogBytes, sendSyslog } from '../../kernel/syslog-sender.ts'

/** RFC 5424: log audit. */
const facility = 13
/** Severities of RFC 5424 by those of OCSF, 1 (informational) to 5 (critical): informational, notice, warning, error, critical. */
const syslogSeverities = [6, 6, 5, 4, 3, 2] as const
/** No number of ours is registered: this one is set aside for such cases (RFC 5612). */
const elementId = 'tocsin@32473'
/** One document, whatever the transport. */
const maxBytes = 65_536

/** What is sent of one entry. */
export interface Outgoing {
  readonly at: string
  readonly subjectKind: string
  readonly document: OcsfDocument
}

/** Sends a batch to a receiver. @throws as {@link sendSyslog} and {@link postSigned} */
export async function sendBatch(receiver: Receiver, secret: string, batch: readonly Outgoing[], signal: AbortSignal): Promise<void> {
  if (receiver.kind === 'syslog') {
    const max = maxSyslogBytes[receiver.receiver.transport]
    return sendSyslog(
      receiver.receiver,
      batch.map(outgoing => fitting(outgoing, document => syslogMessage(outgoing, document), max)),
      signal,
    )
  }
  const documents = batch.map(outgoing => fitting(outgoing, document => Buffer.from(JSON.stringify(document)), maxBytes).toString())
  const ids = batch.map(({ document }) => document.metadata.uid).join()
  const id = `audit_${createHash('sha256').update(ids).digest('hex').slice(0, 32)}`
  // Those that the operator has configured may be inside.
  await postSigned({ url: receiver.url, id, sentAt: Date.now(), secret, body: `[${documents.join()}]`, reach: 'anywhere', signal })
}

/** An entry that is too long for the transport is sent without its sentence and data, so that it stops nothing. */
function fitting({ document }: Outgoing, form: (document: OcsfDocument) => Buffer, max: number): Buffer {
  const whole = form(document)
  return whole.length <= max ? whole : form(shortened(document))
}

function syslogMessage({ at, subjectKind }: Outgoing, document: OcsfDocument): Buffer {
  const { uid, event_code: type } = document.metadata
  return formatSyslog({
    ...{ facility, severity: syslogSeverities[document.severity_id] ?? 6, at, kind: type },
    elements: { [elementId]: { id: uid, type, subject: subjectKind } },
    text: JSON.stringify(document),
  })
}
