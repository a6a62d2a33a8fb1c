import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { commonPasswordsFile, isCommon } from './common-passwords.ts'
import { isGuessable } from './password-rules.ts'

const own = ['Bright Ledger', 'Ada Lovelace', 'ada@bright-ledger.test']

describe('a password is refused when it is', () => {
  test.for<readonly [string, string]>([
    ['a common word twice', 'passwordpassword'],
    ['a common word with a year', 'Password2026!'],
    ['a common word in disguise', 'P@ssw0rd1234!!'],
    ['common words in a row', 'Welcome-Admin-2026'],
    ['the season', 'Summer2026Summer'],
    ['one character', 'aaaaaaaaaaaaaaaa'],
    ['two characters', 'abababababababab'],
    ['a short piece again and again', 'x7k!x7k!x7k!x7k!'],
    ['digits in order', '1234567890123'],
    ['digits backwards', '987654321098765'],
    ['the alphabet', 'abcdefghijklmnop'],
    ['rows of keys', 'qwertyuiopasdf'],
    ['rows of keys with shift', '!@#$%^&*()_+'],
    ['columns of keys', '1qaz2wsx3edc4rfv'],
    ['keys in turns', '1q2w3e4r5t6y'],
    ['the organization', 'BrightLedger2026'],
    ['the organization in disguise', 'Br1ght-L3dg3r-26'],
    ['the name of the person', 'adalovelace1815!'],
    ['a set phrase', 'iloveyouforever'],
    ['common among breached ones', 'chickenwing101'],
    ['common among breached ones, in capitals', 'ChickenWing101'],
    ['common among breached ones, on another keyboard', 'ghjcnjgfhjkm'],
    ['wide letters', 'ｐａｓｓｗｏｒｄｐａｓｓｗｏｒｄ'],
  ])('%s', ([, password]) => {
    expect(isGuessable(password, own)).toBe(true)
  })
})

test.for([
  'correct horse battery staple',
  'a password of many letters',
  'k3JxQ9vT2mWz',
  'Wolke-Zebra-Fahrrad',
  '合言葉は山と川と月と雪と花と風',
  '}x%T(n;w~Q?b',
])('taken: %s', password => {
  expect(isGuessable(password, own)).toBe(false)
})

test('a list of common passwords of our length ships, and does not hold others', () => {
  expect(statSync(commonPasswordsFile).size / 4).toBeGreaterThan(40_000)
  const taken = Array.from({ length: 2_000 }, () => randomBytes(12).toString('base64url')).filter(isCommon)
  // One in 100,000 is expected.
  expect(taken.length).toBeLessThan(3)
})

test('the longest takes no time', () => {
  const started = performance.now()
  isGuessable('ab1'.repeat(66), own)
  expect(performance.now() - started).toBeLessThan(50)
})
