import { systemRoutes as routes } from '@tocsin/api'
import { act, type Bindings, type House } from '../identity/index.ts'
import { attackJob, loadDemo, loadRequestedDemo, playAttack, removeDemo } from './demo.ts'

export { hasDemo, loadRequestedDemo, requestDemo } from './demo.ts'

export function openDemo(house: House): Bindings {
  house.jobs.register<{ step: number; key: string }>(attackJob, { attempts: 5, run: (tx, { step, key }) => playAttack(tx, house, step, key) })
  house.followers.react('demo', { 'organisation.set-up': (tx, entry) => loadRequestedDemo(tx, house, entry.subject.id) })
  return [act(routes.loadDemo, (tx, { caller }) => loadDemo(tx, house, caller)), act(routes.removeDemo, (tx, { caller }) => removeDemo(tx, caller))]
}
