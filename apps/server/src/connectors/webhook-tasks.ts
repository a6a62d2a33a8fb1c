import { AlertmanagerPayload, PagerDutyEvent } from '@tocsin/api'
import { readForeignJson } from '../kernel/foreign-body.ts'
import { conform } from '../kernel/own-body.ts'
import { readAlertmanager } from './alertmanager/read.ts'
import { readPagerDuty } from './pagerduty/read.ts'

/** What other tools send: of it only what becomes alerts is handed on, which is little, however much was sent. */
export const webhookTasks = {
  alertmanager: ({ bytes }: { bytes: Uint8Array }) => readAlertmanager(conform(AlertmanagerPayload, readForeignJson(bytes), 'body')),
  pagerDuty: ({ bytes }: { bytes: Uint8Array }) => readPagerDuty(conform(PagerDutyEvent, readForeignJson(bytes), 'body')),
}
