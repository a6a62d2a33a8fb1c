import { jsonTasks } from './json-tasks.ts'
import { serve } from './worker.ts'

serve(jsonTasks)
