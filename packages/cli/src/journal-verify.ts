import { readFile, stat } from 'node:fs/promises'
import { differenceSentence, foreignSentence } from '@tocsin/events/fold'
import { isVerifierKey, notesIn, verifyExport } from '@tocsin/merkle'
import { type Comparison, compareExport } from './compare-export.ts'
import { CliProblem, type Output } from './output.ts'

const maxBytes = 2_000_000_000

/**
 * Verifies an exported journal: exit code 0 when it is genuine, 1 when not, with the entry that is wrong; also 1 when an exported incident is not as its entries say, or somebody else wrote entries
 * of it, and when incidents of the whole audit log are missing from the tables.
 * @param options.since an older export, or a file with checkpoints, that the journal has to extend
 */
export async function journalVerify(output: Output, file: string, options: { trustedKey?: string; since?: string }): Promise<void> {
  const { since } = options
  const trustedKey = options.trustedKey?.trim()
  if (trustedKey !== undefined && !isVerifierKey(trustedKey))
    throw new CliProblem('--trusted-key is not the key of an audit log, such as tocsin/28fc2c75fb46c156+c3e76ce3+AS2lJkjw…. Nothing was verified.', 2)
  const text = await readExport(file)
  const older = since === undefined ? undefined : checkpointsIn(since, await readExport(since))
  const verdict = verifyExport(text, trustedKey, older)
  const isGenuine = verdict.problems.length === 0
  const compared = isGenuine ? compareExport(text) : undefined
  const extent = verdict.isComplete ? 'the whole audit log' : `${verdict.entries} of ${verdict.treeSize} entries of the audit log`
  const withheld = verdict.withheld === 0 ? [] : [`${verdict.withheld} of them have withheld or erased bodies. Their headers and hashes are verified.`]
  const erased =
    verdict.erased === 0
      ? []
      : [`${verdict.erased === 1 ? '1 field is' : `${verdict.erased} fields are`} erased. What they said is gone; everything else is verified.`]
  const trust = [
    trustedKey === undefined ? 'Verified with the key in the file. Compare it with a key that you trust (--trusted-key).' : 'Verified with the trusted key.',
    ...(trustedKey === undefined || trustedKey === verdict.key
      ? []
      : [`It was replaced, and both keys signed that. Trust this one from now on: ${verdict.key}`]),
  ]
  const lines = isGenuine
    ? [
        `Genuine: ${extent} of ${verdict.origin}. Every entry is covered by the signed checkpoint.`,
        ...withheld,
        ...erased,
        ...(older === undefined ? [] : ['It extends the older checkpoint: nothing up to there was rewritten.']),
        ...(compared === undefined ? [] : comparison(compared)),
        ...trust,
      ]
    : ['NOT genuine:', ...verdict.problems.map(problem => `- ${problem}`)]
  output.say(lines, { isGenuine, ...verdict, ...compared })
  if (!isGenuine || (compared !== undefined && compared.differences.length + compared.foreign.length > 0)) process.exitCode = 1
}

const compareWords = {
  incident: { same: 'The incident is as its entries say, field by field.', other: 'The incident is NOT as its entries say.' },
  all: { same: 'Every incident that was opened is in the tables.', other: 'The tables do NOT have every incident that was opened.' },
}

function comparison({ scope, differences, foreign }: Comparison): string[] {
  const { same, other } = compareWords[scope]
  const compared =
    differences.length === 0
      ? [same]
      : [
          `${other} The database was changed outside Tocsin; the entries hold what is right:`,
          ...differences.map(difference => `- ${differenceSentence(difference)}`),
        ]
  if (foreign.length === 0) return compared
  return [
    ...compared,
    'The audit log has entries of this incident that Tocsin did not write. They count for nothing, and only an export of the whole audit log has them:',
    ...foreign.map(entry => `- ${foreignSentence(entry)}`),
  ]
}

/** The checkpoint of an older export, or of an answer of the API, or those that stand in a text. */
function checkpointsIn(file: string, content: string): readonly string[] {
  // Kept by hand, it may have a byte order mark, the line ends of Windows, or none at its end. What it says is signed.
  const text = `${content.replace(/^\u{feff}/u, '').replaceAll('\r\n', '\n')}\n`
  const found = text.trimStart().startsWith('{') ? notesIn(checkpointOf(file, text)) : notesIn(text)
  if (found.length === 0) throw new CliProblem(`${file} holds no signed checkpoint. --since takes an older export or a file with a checkpoint.`, 2)
  return found
}

function checkpointOf(file: string, text: string): string {
  try {
    const { checkpoint } = JSON.parse(text) as { checkpoint?: unknown }
    return typeof checkpoint === 'string' ? checkpoint : ''
  } catch {
    throw new CliProblem(`${file} is not JSON. --since takes an older export or a file with a checkpoint.`, 2)
  }
}

async function readExport(file: string): Promise<string> {
  try {
    const { size } = await stat(file)
    if (size > maxBytes) throw new CliProblem(`${file} is larger than 2 GB.`, 2)
    // Invalid UTF-8 must not be repaired on the way in: every byte counts.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(file))
  } catch (error) {
    if (error instanceof CliProblem) throw error
    if (error instanceof TypeError) throw new CliProblem(`${file} is not genuine. It is not valid UTF-8, which every export is.`)
    throw new CliProblem(`${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)}).`, 2)
  }
}
