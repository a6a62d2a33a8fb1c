import { expect } from 'vitest'

/** A hostile input, about so many characters long. */
export type Shape = (length: number) => string

/** How much more time four times the input may take: four times is linear, sixteen times quadratic. */
const maxGrowth = 8
/** Below this nothing is told from the noise of the machine; quadratic time is far above it at these lengths. */
const noiseMs = 4
const roundsBeforeFailing = 4
/** The time of the processor is counted in ticks of some milliseconds: so much of it tells, and no more runs are needed than take it. */
const enoughMs = 20
/** Of the shorter, more are needed, and several at least: the first is alone in being disturbed. */
const runs = { short: { least: 4, most: 16 }, long: { least: 1, most: 4 } } as const

/** Time of the processor that this thread has had: on a busy machine what waits takes long, too. */
function usedMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

async function averageOf({ least, most }: { readonly least: number; readonly most: number }, work: () => unknown): Promise<number> {
  const since = usedMs()
  let run = 0
  let used = 0
  for (; run < least || (run < most && used < enoughMs); used = usedMs() - since) {
    await work()
    run += 1
  }
  return used / run
}

/**
 * Expects that `read` takes time in proportion to its input. Each time is the average of several, and measured again where it grew: only time that grows in
 * each round fails.
 * @param length of the shorter of two inputs; the other is four times as long
 */
export async function expectLinear(name: string, read: (text: string) => unknown, shape: Shape, length: number): Promise<void> {
  const [short, long] = [shape(length), shape(4 * length)]
  if ((await averageOf({ least: 1, most: 1 }, () => read(long))) <= noiseMs) return
  const rounds: string[] = []
  for (let round = 0; round < roundsBeforeFailing; round++) {
    const before = await averageOf(runs.short, () => read(short))
    const after = await averageOf(runs.long, () => read(long))
    if (after <= maxGrowth * before + noiseMs) return
    rounds.push(`${before.toFixed(1)} ms for ${short.length} characters, ${after.toFixed(1)} ms for ${long.length}`)
  }
  expect.fail(`${name} takes more than linear time: ${rounds.join('; ')}`)
}

const repeated =
  (piece: string): Shape =>
  length =>
    piece.repeat(Math.ceil(length / piece.length)).slice(0, length)

/** Texts of one piece again and again: single characters, openings that are never closed, separators, and what parsers look for. */
export const repetitions: ReadonlyMap<string, Shape> = new Map(
  [
    ...[
      'a',
      'A',
      '0',
      ' ',
      '\t',
      '\n',
      '\r',
      '\r\n',
      '\0',
      'é',
      '\u2028',
      '\ud800',
      '"',
      "'",
      '`',
      '\\',
      '/',
      '.',
      ',',
      ';',
      ':',
      '|',
      '=',
      '-',
      '_',
      '+',
      '*',
    ],
    ...[
      '#',
      '%',
      '&',
      '!',
      '?',
      '~',
      '^',
      '$',
      '@',
      '<',
      '>',
      '(',
      ')',
      '[',
      ']',
      '{',
      '}',
      '[{',
      '{"a":',
      '((',
      '( ',
      '[[]',
      '<a',
      '<a>',
      '</a>',
      '<!--',
      '</',
    ],
    ...[
      'a=',
      'a="',
      "a='",
      'a=b ',
      'a="b" ',
      '[a=',
      '[a b="',
      'a:',
      'a: ',
      'a: b\n',
      '- ',
      '- - ',
      '---\n',
      '--b\n',
      ' \n',
      'a\n ',
      '&a ',
      '*a ',
      '"a":',
      '\\u0061',
    ],
    ...[
      'a.',
      'a@',
      'a@b,',
      '://',
      'http://a',
      'www.a.',
      'a[.]',
      'hxxp://',
      '![](',
      '](',
      '[a](b',
      '**',
      '> ',
      '1. ',
      '|-|\n',
      '&#',
      '``a',
      'not ',
      'a and ',
      '1 of ',
    ],
    ...[
      'USER=',
      'msg=',
      "msg='",
      'node=',
      'CEF:0|',
      '=?utf-8?q?a?=',
      'Content-Type: a\n',
      '<at>',
      'aé',
      '((a',
      'a|',
      '^a',
      '5 <',
      '<13>',
      '9 ',
      '::',
      '1.1.1.1 ',
    ],
  ].map(piece => [JSON.stringify(piece), repeated(piece)]),
)

/** `count` pieces that are all different. */
export const many = (count: number, piece: (index: number) => string, separator = ''): string =>
  Array.from({ length: count }, (_, i) => piece(i)).join(separator)
