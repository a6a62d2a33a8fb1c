import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { inject } from 'vitest'
import { openBrowser } from '../apps/server/test/browser.ts'
import { test } from '../apps/server/test/world.ts'
import { furnish, openPlace, outside, places, sizes } from '../apps/web/test/tour.ts'
import { walk } from '../apps/web/test/walk.ts'

const folder = process.env.SCREENSHOTS ?? 'screenshots'

test('pictures of every page, to be looked at', { timeout: 600_000 }, async ({ world }) => {
  mkdirSync(folder, { recursive: true })
  const browser = await openBrowser(inject('chromiumPath'))
  const administrator = await world.person('administrator', 'Ada Admin')
  const shoot = async (path: string, state: string, person: typeof administrator | undefined) => {
    for (const [size, viewport] of Object.entries(sizes))
      for (const colorScheme of ['light', 'dark'] as const) {
        const { page, close } = await openPlace(world, browser, person, path, { viewport, colorScheme })
        const name = `${
          path
            .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, 'one')
            .replace(/[^a-z]+/g, '-')
            .replace(/^-|-$/g, '') || 'now'
        }-${state}-${size}-${colorScheme}.png`
        await page.screenshot({ path: join(folder, name) })
        await close()
      }
  }
  for (const path of places) await shoot(path, 'empty', administrator)
  const { things } = await furnish(world, administrator)
  for (const path of [...places, ...things]) await shoot(path, 'full', administrator)
  for (const path of outside) await shoot(path, 'outside', undefined)
  await browser.close()
})

test('pictures of the walk', { timeout: 240_000 }, async ({ world }) => {
  const browser = await openBrowser(inject('chromiumPath'))
  await walk(world, browser, async (page, name) => void (await page.screenshot({ path: join(folder, `walk-${name}.png`) })))
  await browser.close()
})
