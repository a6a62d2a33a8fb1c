import { expect, test } from 'vitest'
import { storable } from './text.ts'

test('what PostgreSQL does not keep is replaced: NUL, and half a character where a text is cut', () => {
  expect(storable('a\0b')).toBe('a\u{fffd}b')
  expect(storable('ab🔥', 3)).toBe('ab\u{fffd}')
  expect(storable('ab🔥', 4)).toBe('ab🔥')
  expect(storable('abc', 2)).toBe('ab')
})
