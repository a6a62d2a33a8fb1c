import { systemRoutes as routes } from '@tocsin/api'
import { type AppContext, type Bindings, command } from '../access/index.ts'
import { attackJob, loadDemo, loadRequestedDemo, playAttack, removeDemo } from './demo.ts'

export { hasDemo, loadRequestedDemo, requestDemo } from './demo.ts'

export function openDemo(context: AppContext): Bindings {
  context.jobs.register(attackJob, { attempts: 5, run: (tx, { step, key }) => playAttack(tx, context, step, key) })
  context.readers.react('demo', { 'organization.set-up': (tx, entry) => loadRequestedDemo(tx, context, entry.subject.id) })
  return [command(routes.loadDemo, (tx, { caller }) => loadDemo(tx, context, caller)), command(routes.removeDemo, (tx, { caller }) => removeDemo(tx, caller))]
}
