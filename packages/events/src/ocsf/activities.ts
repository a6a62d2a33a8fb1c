/** The version of the Open Cybersecurity Schema Framework that documents follow. */
export const ocsfVersion = '1.6.0'

/** Event classes of OCSF, with their names and categories. */
export const classes = {
  1008: { name: 'Event Log Activity', category: 'System Activity' },
  3001: { name: 'Account Change', category: 'Identity & Access Management' },
  3002: { name: 'Authentication', category: 'Identity & Access Management' },
  3004: { name: 'Entity Management', category: 'Identity & Access Management' },
  6002: { name: 'Application Lifecycle', category: 'Application Activity' },
  6003: { name: 'API Activity', category: 'Application Activity' },
} as const
export type ClassUid = keyof typeof classes

const activity = <Uid extends ClassUid>(classUid: Uid, id: number, name: string) => ({ classUid, id, name }) as const

/** Activities of these classes: their `activity_id` and `activity_name`. What OCSF has no number for is 99, with a name of ours. */
export const activities = {
  'log exported': activity(1008, 3, 'Export'),
  'log changed': activity(1008, 99, 'Audit Log Changed'),
  'log delivery': activity(1008, 99, 'Audit Log Delivery'),
  'account created': activity(3001, 1, 'Create'),
  'account changed': activity(3001, 99, 'Change'),
  'account removed': activity(3001, 6, 'Delete'),
  'account locked': activity(3001, 9, 'Lock'),
  'password changed': activity(3001, 3, 'Password Change'),
  'password reset': activity(3001, 4, 'Password Reset'),
  'factor enrolled': activity(3001, 10, 'MFA Factor Enable'),
  'factor removed': activity(3001, 11, 'MFA Factor Disable'),
  logon: activity(3002, 1, 'Logon'),
  logoff: activity(3002, 2, 'Logoff'),
  factor: activity(3002, 99, 'Factor Verified'),
  created: activity(3004, 1, 'Create'),
  read: activity(3004, 2, 'Read'),
  updated: activity(3004, 3, 'Update'),
  deleted: activity(3004, 4, 'Delete'),
  started: activity(6002, 3, 'Start'),
  stopped: activity(6002, 4, 'Stop'),
  upgraded: activity(6002, 8, 'Update'),
  away: activity(6002, 99, 'Away'),
  'api read': activity(6003, 2, 'Read'),
  'api refused': activity(6003, 99, 'Refused'),
} as const
export type Activity = keyof typeof activities
