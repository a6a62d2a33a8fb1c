import { serve } from '../kernel/worker.ts'
import { webhookTasks } from './webhook-tasks.ts'

serve(webhookTasks)
