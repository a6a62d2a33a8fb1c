import type { Reporter, TestCase, TestModule } from 'vitest/node'

/** Ends the run with one plain line, and says above it why anything was skipped. */
export default class PlainReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const tests = modules.flatMap(module => [...module.children.allTests()])
    const broken = modules.filter(module => module.children.size === 0 && module.state() === 'failed').length
    const count = (state: string) => tests.filter(test => test.result().state === state).length
    const skipped = tests.filter(test => test.result().state === 'skipped')
    for (const test of skipped) process.stdout.write(`skipped: ${test.fullName}: ${reasonOf(test)}\n`)
    const failed = count('failed') + broken + unhandled.length
    process.stdout.write(`\n${count('passed')} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}\n`)
  }
}

function reasonOf(test: TestCase): string {
  const result = test.result()
  return (result.state === 'skipped' && result.note) || 'no reason given'
}
