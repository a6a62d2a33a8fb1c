import { catalogRoutes as routes } from '@tocsin/api'
import { act, type Bindings, question } from '../identity/index.ts'
import { listCustomers, saveCustomer } from './customers.ts'
import { listServices, saveService } from './services.ts'

export { listCustomers, saveCustomer } from './customers.ts'
export { listServices, saveService } from './services.ts'
export { customers, services } from './tables.ts'

export function catalogBindings(): Bindings {
  return [
    question(routes.services, reader => listServices(reader)),
    act(routes.saveService, (tx, { caller, body }) => saveService(tx, caller, body)),
    question(routes.customers, reader => listCustomers(reader)),
    act(routes.saveCustomer, (tx, { caller, body }) => saveCustomer(tx, caller, body)),
  ]
}
