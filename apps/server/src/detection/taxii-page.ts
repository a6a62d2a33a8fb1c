import { indicatorsOfObjects, type ListPart, UnreadableList } from '@tocsin/sigma'
import { z } from 'zod'

/** TAXII 2.1, section 3.7: the envelope of a collection's objects. */
const Envelope = z.object({ more: z.boolean().default(false), next: z.string().max(2_000).optional(), objects: z.array(z.unknown()).default([]) })

/** Objects of a part. */
const partSize = 2_000

/** Indicators of a page, and whether there are more pages. */
export interface PagePart extends ListPart {
  readonly more: boolean
  readonly next: string | undefined
}

/** A page of a TAXII server, in parts, of which there is at least one. @throws UnreadableList */
export function* partsOfPage(bytes: Uint8Array): Generator<PagePart> {
  const { more, next, objects } = envelopeOf(bytes)
  for (let from = 0; from === 0 || from < objects.length; from += partSize) yield { more, next, ...indicatorsOfObjects(objects.slice(from, from + partSize)) }
}

function envelopeOf(bytes: Uint8Array): z.output<typeof Envelope> {
  try {
    return Envelope.parse(JSON.parse(new TextDecoder().decode(bytes) || '{}'))
  } catch {
    throw new UnreadableList('did not return a TAXII 2.1 envelope: the URL must be that of a collection')
  }
}
