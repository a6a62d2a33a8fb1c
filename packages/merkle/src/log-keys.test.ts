import { describe, expect, test } from 'vitest'
import { NotGenuine, openCheckpoint, signCheckpoint, signingKey, signNote, verifierKey } from './checkpoint.ts'
import { logKeys, signSuccession } from './log-keys.ts'

const origin = 'tocsin/test'
const [first, second, third, stranger] = [1, 2, 3, 4].map(n => signingKey(Buffer.alloc(32, n))) as [
  ReturnType<typeof signingKey>,
  ReturnType<typeof signingKey>,
  ReturnType<typeof signingKey>,
  ReturnType<typeof signingKey>,
]
const keyOf = (key: typeof first) => verifierKey(origin, key)
const root = Buffer.alloc(32, 9)
const at = (size: number, key: typeof first, name = origin) => signCheckpoint({ origin: name, size, root }, key)

describe('the keys of a log', () => {
  const steps = [signSuccession(origin, 10, first, second), signSuccession(origin, 20, second, third)]
  const keys = logKeys(keyOf(third), steps)

  test('each open what they signed, up to the size at which they were replaced', () => {
    expect(keys.map(({ key, maxSize }) => [key, maxSize])).toEqual([
      [keyOf(first), 10],
      [keyOf(second), 20],
      [keyOf(third), Number.POSITIVE_INFINITY],
    ])
    for (const [size, key] of [
      [10, first],
      [1, first],
      [20, second],
      [15, third],
      [1_000, third],
    ] as const)
      expect(openCheckpoint(at(size, key), keys)).toMatchObject({ origin, size })
    expect(() => openCheckpoint(at(11, first), keys)).toThrow('the checkpoint of 11 entries is signed by a key that was replaced when the log had 10')
    expect(() => openCheckpoint(at(21, second), keys)).toThrow('was replaced when the log had 20')
    expect(() => openCheckpoint(at(5, stranger), keys)).toThrow('was not signed by this key')
    expect(() => openCheckpoint(at(5, third, 'tocsin/other'), keys)).toThrow(NotGenuine)
  })

  test('lead from one to the next, or are refused', () => {
    const [one = '', two = ''] = steps
    const text = one.slice(0, one.indexOf('\n\n') + 1)
    const refused = (newest: typeof first, ...successions: string[]) => expect(() => logKeys(keyOf(newest), successions)).toThrow(NotGenuine)
    refused(second, one, two)
    refused(third, two, one)
    refused(third, one)
    refused(stranger, one, two)
    refused(third, one, signSuccession(origin, 5, second, third))
    refused(third, one, signSuccession('tocsin/other', 20, second, third))
    refused(third, one, two.replace('\n20\n', '\n21\n'))
    refused(stranger, one, signSuccession(origin, 20, stranger, stranger))
    // Named by one alone, in the other's place, or by no more than its own word.
    refused(second, signNote(text, origin, [first]))
    refused(second, signNote(text, origin, [second]))
    refused(second, signNote(text, origin, [second, second]))
    refused(second, signNote(text, origin, [first, stranger]))
    refused(second, signNote(text, origin, [stranger, second]))
    refused(second, signNote(text, origin, [first, second, stranger]))
    refused(second, `${text}\n`)
    refused(second, at(10, first))
    expect(logKeys(keyOf(first), [])).toEqual([{ key: keyOf(first), maxSize: Number.POSITIVE_INFINITY }])
  })
})
