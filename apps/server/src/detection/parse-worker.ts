import { serve } from '../kernel/worker.ts'
import { parseTasks } from './parse-tasks.ts'

serve(parseTasks)
