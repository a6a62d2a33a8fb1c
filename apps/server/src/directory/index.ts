import { directoryRoutes as routes } from '@tocsin/api'
import { type Bindings, command, query } from '../access/index.ts'
import { listCustomers, saveCustomer } from './customers.ts'
import { listServices, saveService } from './services.ts'

export { listCustomers, saveCustomer } from './customers.ts'
export { listServices, saveService } from './services.ts'
export { customers, services } from './tables.ts'

export function directoryBindings(): Bindings {
  return [
    query(routes.services, reader => listServices(reader)),
    command(routes.saveService, (tx, { caller, body }) => saveService(tx, caller, body)),
    query(routes.customers, reader => listCustomers(reader)),
    command(routes.saveCustomer, (tx, { caller, body }) => saveCustomer(tx, caller, body)),
  ]
}
