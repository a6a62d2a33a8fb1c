import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { measurePatience } from './apps/server/test/patience.ts'

// One factor for all time limits, also of the tests that have their own.
const patience = Number(process.env.TEST_PATIENCE ?? measurePatience())

/** Tests of whole programs and of pages take the longest: what starts last should be short, so that no worker waits for another at the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) => /\/apps\/\w+\/test\//.test(moduleId)
    const sorted = await super.sort(files)
    return [...sorted.filter(isLong), ...sorted.filter(file => !isLong(file))]
  }
}

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
    // Tests wait for databases, browsers and programs as long as they compute: three files at a time fill two cores.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    env: { TEST_PATIENCE: String(patience) },
    testTimeout: 60_000 * patience,
    hookTimeout: 90_000 * patience,
    // Until the database has stopped and the files of the run are removed, some of which lie in memory.
    teardownTimeout: 60_000 * patience,
    // A busy machine shows a page later, and that is no fault.
    expect: { poll: { timeout: 15_000 * patience } },
  },
})
