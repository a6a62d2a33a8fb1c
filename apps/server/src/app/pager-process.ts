import { runPager } from './run-pager.ts'

await runPager()
