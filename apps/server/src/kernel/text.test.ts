import { expect, test } from 'vitest'
import { shortened, storable } from './text.ts'

test('what PostgreSQL does not keep is replaced: NUL, and half a character where a text is cut', () => {
  expect(storable('a\0b')).toBe('a\u{fffd}b')
  expect(storable('ab🔥', 3)).toBe('ab\u{fffd}')
  expect(storable('ab🔥', 4)).toBe('ab🔥')
  expect(storable('abc', 2)).toBe('ab')
})

test('a text that is too long ends with an ellipsis, and with no half of a surrogate pair', () => {
  expect(shortened('abc', 3)).toBe('abc')
  expect(shortened('abcd', 3)).toBe('ab…')
  expect(shortened('a🔥bc', 3)).toBe('a…')
})
