import { serve } from '../../../kernel/worker.ts'
import { mailTasks } from './parse-mail.ts'

serve(mailTasks)
