import { expect, inject } from 'vitest'
import { openBrowser } from '../../server/test/browser.ts'
import { patience } from '../../server/test/patience.ts'
import { test } from '../../server/test/world.ts'
import { seriousViolations } from './axe.ts'
import { walk } from './walk.ts'

test('a real alert walks through the pages to a closed incident, and axe finds nothing serious on any of them', { timeout: 240_000 * patience }, async ({
  world,
}) => {
  const browser = await openBrowser(inject('chromiumPath'))
  const found: Record<string, string[]> = {}
  try {
    await walk(world, browser, async (page, name) => {
      const violations = await seriousViolations(page)
      if (violations.length > 0) found[name] = violations
    })
  } finally {
    await browser.close()
  }
  expect(found).toEqual({})
})
