import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: [
      'packages/*/src/**/*.test.ts',
      'packages/{cli,sigma}/test/**/*.test.ts',
      'apps/server/src/**/*.test.ts',
      'apps/server/test/**/*.test.ts',
      'apps/web/test/**/*.test.ts',
    ],
    globalSetup: ['apps/server/test/global-setup.ts'],
    reporters: ['default', './scripts/plain-reporter.ts'],
    pool: 'forks',
    // Tests wait for databases, browsers and programs more than they compute: two files at a time fill two cores.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 90_000,
    // A busy machine shows a page later, and that is no fault.
    expect: { poll: { timeout: 15_000 } },
  },
})
