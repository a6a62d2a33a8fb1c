import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AlertInput } from './alerts.ts'
import { defang, defangedParts, fitted, normalized, type Observable, observableKinds, observablesIn, refang, unique, withoutLinks } from './observables.ts'
import { validate } from './validate.ts'

const of = (kind: Observable['kind'], value: string): Observable => ({ kind, value })
const hash = 'A'.repeat(64)

describe('an observable that is given', () => {
  test.each([
    ['ipv4-addr', '203.0.113[.]66', '203.0.113.66'],
    ['ipv4-addr', ' 203(.)0{.}113[dot]0/24 ', '203.0.113.0/24'],
    ['ipv6-addr', '2001:DB8:0:0[:]0:0:0:1', '2001:db8::1'],
    ['ipv6-addr', '2001:db8::/32', '2001:db8::/32'],
    ['domain-name', 'Evil[.]Example.', 'evil.example'],
    ['domain-name', 'münchen.example', 'xn--mnchen-3ya.example'],
    ['url', 'hxxps[:]//Evil[.]example/Path?q=A', 'https://evil.example/Path?q=A'],
    ['url', 'HXXP://User:Pw@Evil.example', 'http://User:Pw@evil.example'],
    ['email-addr', 'Ada[at]evil[.]example', 'ada@evil.example'],
    ['file-hash', hash, hash.toLowerCase()],
    ['file', '\\\\srv\\share\\a.exe', '\\\\srv\\share\\a.exe'],
    ['other', 'a[.]b', 'a[.]b'],
  ] as const)('of kind %s: %s is %s', (kind, value, form) => {
    expect(normalized(of(kind, value))).toEqual(of(kind, form))
  })

  test.each([
    ['ipv4-addr', 'not an ip'],
    ['ipv4-addr', '203.0.113.256'],
    ['ipv4-addr', '2001:db8::1'],
    ['ipv4-addr', '203.0.113.0/33'],
    ['ipv4-addr', '203.0.113.0/8/8'],
    ['ipv6-addr', '203.0.113.66'],
    ['domain-name', 'localhost'],
    ['domain-name', '203.0.113.66'],
    ['domain-name', 'two words.example'],
    ['domain-name', 'münchen.example/path'],
    ['url', 'evil.example/path'],
    ['url', 'https://'],
    ['url', 'https://evil.example/a b'],
    ['email-addr', 'ada'],
    ['file-hash', 'ZZZ'],
    ['file-hash', 'abcdef'],
  ] as const)('that is no %s is refused: %s', (kind, value) => {
    expect(normalized(of(kind, value))).toBeUndefined()
    const refused = validate(AlertInput, { title: 'Odd', severity: 'low', observables: [of('other', 'x'), of(kind, value)] })
    expect(refused).toEqual({ errors: [{ path: 'observables.1.value', message: expect.stringMatching(/^must be an? /) }] })
    expect(fitted([of(kind, value)]), 'what other software sends is kept').toEqual([of('other', value)])
  })

  test('again is one', () => {
    const given = { title: 'Odd', severity: 'low', observables: [of('ipv4-addr', '203.0.113[.]66'), of('ipv4-addr', '203.0.113.66'), of('other', 'x')] }
    expect(validate(AlertInput, given)).toMatchObject({ data: { observables: [of('ipv4-addr', '203.0.113.66'), of('other', 'x')] } })
  })
})

describe('observables in a text', () => {
  test.each([
    ['Seen from 203[.]0[.]113[.]66, then hxxps://evil[.]example/a.exe.', [of('ipv4-addr', '203.0.113.66'), of('url', 'https://evil.example/a.exe')]],
    ['Mail (ada[at]evil[.]example) has <http://a.example/x>', [of('email-addr', 'ada@evil.example'), of('url', 'http://a.example/x')]],
    [
      `src=203.0.113.9:443 sha256=${hash} to c2.evil.example!`,
      [of('ipv4-addr', '203.0.113.9'), of('file-hash', hash.toLowerCase()), of('domain-name', 'c2.evil.example')],
    ],
    ['| **2001:db8::1** | `203.0.113.66` |', [of('ipv6-addr', '2001:db8::1'), of('ipv4-addr', '203.0.113.66')]],
    ['Opened invoice.exe and \\\\srv\\share, C:\\Temp\\a.txt', [of('file', 'invoice.exe'), of('file', '\\\\srv\\share'), of('file', 'C:\\Temp\\a.txt')]],
    ['[Look](http://evil.example/x) at 127.0.0.1 twice: http://evil.example/x', [of('url', 'http://evil.example/x')]],
  ] as const)('%s', (text, found) => {
    expect(observablesIn(text)).toEqual(found)
  })

  test.each([
    'It ended.Then it began, e.g. at 10:30, i.e. version 1.2.3 of node.js; see notes.txt and/or README.md',
    'a: b, 12:30:15, 3.14, ...',
    '',
    '@ada and #2',
  ])('are none in: %s', text => {
    expect(observablesIn(text)).toEqual([])
  })
})

const kinds = fc.constantFrom(...observableKinds)
const word = fc.oneof(
  fc.string(),
  fc.ipV4(),
  fc.ipV6(),
  fc.domain(),
  fc.webUrl({ withQueryParameters: true }),
  fc.emailAddress(),
  fc.ipV4().map(defang),
  fc.webUrl().map(url => defang(url).replace('http', 'hxxp')),
)

describe('always', () => {
  test('what has a form keeps it', () => {
    fc.assert(
      fc.property(kinds, word, (kind, value) => {
        const once = normalized(of(kind, value))
        if (once !== undefined) expect(normalized(once)).toEqual(once)
      }),
    )
  })

  test('what is shown defanged is the same once refanged, and found in a text', () => {
    for (const [kind, values] of [
      ['ipv4-addr', fc.ipV4()],
      ['domain-name', fc.domain()],
      ['url', fc.webUrl()],
    ] as const)
      fc.assert(
        fc.property(values, value => {
          const plain = normalized(of(kind, value))
          expect(normalized(of(kind, defang(value)))).toEqual(plain)
          expect(refang(defang(value))).toBe(value)
        }),
      )
    fc.assert(
      fc.property(fc.ipV4(), address => {
        fc.pre(!['127.0.0.1', '0.0.0.0'].includes(address))
        expect(observablesIn(`from ${defang(address)}.`)).toEqual([of('ipv4-addr', address)])
      }),
    )
  })

  test('the parts of a text are the text, and none of those shown is a link', () => {
    fc.assert(
      fc.property(fc.array(word), words => {
        const text = words.join(' ')
        const parts = defangedParts(text)
        expect(parts.map(part => part.original ?? part.text).join('')).toBe(text)
        expect(parts.map(part => part.text).join('')).toBe(withoutLinks(text))
        expect(withoutLinks(text)).not.toMatch(/\b[a-z]+:\/\/[a-z0-9]/i)
      }),
    )
  })

  test('signs of a sentence are none of an address', () => {
    expect(defangedParts('(see http://evil.example/a).')).toEqual([
      { text: '(see ' },
      { text: 'http[:]//evil[.]example/a', original: 'http://evil.example/a' },
      { text: ').' },
    ])
  })

  test('nothing that is found in a text is found twice, and no given one is lost', () => {
    fc.assert(
      fc.property(fc.array(word), words => {
        const found = observablesIn(words.join(' '))
        expect(unique(found)).toEqual(found)
        const given = words.filter(value => value.trim() !== '').map(value => of('url', value))
        expect(new Set(fitted(given).map(({ value }) => refang(value).toLowerCase().trim()))).toEqual(
          new Set(given.map(({ value }) => refang(value).toLowerCase().trim())),
        )
      }),
    )
  })
})
