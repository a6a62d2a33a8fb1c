import type { LogSource } from '../rule.ts'

/**
 * Which events a log source means (Sigma 2.1, taxonomy appendix). Windows and Sysmon events carry a channel and an event id; others
 * are known by the fields that they have.
 */
export interface Route {
  readonly product: 'windows' | 'linux'
  readonly category?: string
  readonly service?: string
  readonly channels: readonly string[]
  readonly eventIds?: readonly number[]
  /** What the taxonomy's fields are called in this event, where the name differs. */
  readonly fields?: Readonly<Record<string, string>>
}

const sysmon = 'Microsoft-Windows-Sysmon/Operational'
const sysmonLinux = 'Linux-Sysmon/Operational'
const powershell = ['Microsoft-Windows-PowerShell/Operational', 'PowerShellCore/Operational']
const classic = ['Windows PowerShell']
const kernelFile = ['Microsoft-Windows-Kernel-File/Analytic', 'Microsoft-Windows-Kernel-File']

const sysmonCategories: Readonly<Record<string, readonly number[]>> = {
  process_creation: [1],
  file_change: [2],
  network_connection: [3],
  sysmon_status: [4, 16],
  process_termination: [5],
  driver_load: [6],
  image_load: [7],
  create_remote_thread: [8],
  raw_access_thread: [9],
  process_access: [10],
  file_event: [11],
  registry_event: [12, 13, 14],
  registry_add: [12],
  registry_delete: [12],
  registry_set: [13],
  registry_rename: [14],
  create_stream_hash: [15],
  pipe_created: [17, 18],
  wmi_event: [19, 20, 21],
  dns_query: [22],
  file_delete: [23],
  clipboard_capture: [24],
  process_tampering: [25],
  file_delete_detected: [26],
  file_block_executable: [27],
  file_block_shredding: [28],
  file_executable_detected: [29],
  sysmon_error: [255],
}

/** Security 4688 says the same as Sysmon 1 in its own words. Its ProcessId is the creator's. */
const processCreated = {
  Image: 'NewProcessName',
  ParentImage: 'ParentProcessName',
  ProcessId: 'NewProcessId',
  ParentProcessId: 'ProcessId',
  LogonId: 'SubjectLogonId',
}

const services: Readonly<Record<string, readonly string[]>> = {
  application: ['Application'],
  'application-experience': [
    'Microsoft-Windows-Application-Experience/Program-Telemetry',
    'Microsoft-Windows-Application-Experience/Program-Compatibility-Assistant',
  ],
  applocker: [
    'Microsoft-Windows-AppLocker/MSI and Script',
    'Microsoft-Windows-AppLocker/EXE and DLL',
    'Microsoft-Windows-AppLocker/Packaged app-Deployment',
    'Microsoft-Windows-AppLocker/Packaged app-Execution',
  ],
  'appmodel-runtime': ['Microsoft-Windows-AppModel-Runtime/Admin'],
  'appxdeployment-server': ['Microsoft-Windows-AppXDeploymentServer/Operational'],
  'appxpackaging-om': ['Microsoft-Windows-AppxPackaging/Operational'],
  bitlocker: ['Microsoft-Windows-BitLocker/BitLocker Management'],
  'bits-client': ['Microsoft-Windows-Bits-Client/Operational'],
  capi2: ['Microsoft-Windows-CAPI2/Operational'],
  'certificateservicesclient-lifecycle-system': ['Microsoft-Windows-CertificateServicesClient-Lifecycle-System/Operational'],
  'codeintegrity-operational': ['Microsoft-Windows-CodeIntegrity/Operational'],
  dhcp: ['Microsoft-Windows-DHCP-Server/Operational'],
  'diagnosis-scripted': ['Microsoft-Windows-Diagnosis-Scripted/Operational'],
  'dns-client': ['Microsoft-Windows-DNS Client Events/Operational', 'Microsoft-Windows-DNS-Client/Operational'],
  'dns-server': ['DNS Server'],
  'dns-server-analytic': ['Microsoft-Windows-DNS-Server/Analytical'],
  'dns-server-audit': ['Microsoft-Windows-DNS-Server/Audit'],
  'driver-framework': ['Microsoft-Windows-DriverFrameworks-UserMode/Operational'],
  'firewall-as': ['Microsoft-Windows-Windows Firewall With Advanced Security/Firewall'],
  'hyper-v-worker': ['Microsoft-Windows-Hyper-V-Worker'],
  'iis-configuration': ['Microsoft-IIS-Configuration/Operational'],
  'kernel-event-tracing': ['Microsoft-Windows-Kernel-EventTracing'],
  'kernel-shimengine': [
    'Microsoft-Windows-Kernel-ShimEngine/Operational',
    'Microsoft-Windows-Kernel-ShimEngine/Diagnostic',
    'WinEventLog:Microsoft-Windows-Kernel-ShimEngine/Diagnostic',
  ],
  ldap: ['Microsoft-Windows-LDAP-Client/Debug'],
  'lsa-server': ['Microsoft-Windows-LSA/Operational'],
  // The appendix calls it servicebus-client, the public rules microsoft-servicebus-client.
  'microsoft-servicebus-client': ['Microsoft-ServiceBus-Client/Operational', 'Microsoft-ServiceBus-Client/Admin'],
  'msexchange-management': ['MSExchange Management'],
  ntfs: ['Microsoft-Windows-Ntfs/Operational'],
  ntlm: ['Microsoft-Windows-NTLM/Operational'],
  openssh: ['OpenSSH/Operational'],
  powershell,
  'powershell-classic': classic,
  'printservice-admin': ['Microsoft-Windows-PrintService/Admin'],
  'printservice-operational': ['Microsoft-Windows-PrintService/Operational'],
  security: ['Security'],
  'security-mitigations': ['Microsoft-Windows-Security-Mitigations/Kernel Mode', 'Microsoft-Windows-Security-Mitigations/User Mode'],
  sense: ['Microsoft-Windows-SENSE/Operational'],
  'servicebus-client': ['Microsoft-ServiceBus-Client/Operational', 'Microsoft-ServiceBus-Client/Admin'],
  'shell-core': ['Microsoft-Windows-Shell-Core/Operational'],
  'smbclient-connectivity': ['Microsoft-Windows-SmbClient/Connectivity'],
  'smbclient-security': ['Microsoft-Windows-SmbClient/Security'],
  'smbserver-connectivity': ['Microsoft-Windows-SMBServer/Connectivity'],
  sysmon: [sysmon],
  system: ['System'],
  taskscheduler: ['Microsoft-Windows-TaskScheduler/Operational'],
  'terminalservices-localsessionmanager': ['Microsoft-Windows-TerminalServices-LocalSessionManager/Operational'],
  vhdmp: ['Microsoft-Windows-VHDMP/Operational'],
  windefend: ['Microsoft-Windows-Windows Defender/Operational'],
  wmi: ['Microsoft-Windows-WMI-Activity/Operational'],
}

export const routes: readonly Route[] = [
  ...Object.entries(sysmonCategories).flatMap(([category, eventIds]): Route[] => [
    { product: 'windows', category, channels: [sysmon], eventIds },
    { product: 'linux', category, channels: [sysmonLinux], eventIds },
  ]),
  { product: 'windows', category: 'process_creation', channels: ['Security'], eventIds: [4688], fields: processCreated },
  { product: 'windows', category: 'ps_classic_start', channels: classic, eventIds: [400] },
  { product: 'windows', category: 'ps_classic_provider_start', channels: classic, eventIds: [600] },
  { product: 'windows', category: 'ps_classic_script', channels: classic, eventIds: [800] },
  { product: 'windows', category: 'ps_module', channels: powershell, eventIds: [4103] },
  { product: 'windows', category: 'ps_script', channels: powershell, eventIds: [4104] },
  { product: 'windows', category: 'file_access', channels: kernelFile },
  { product: 'windows', category: 'file_rename', channels: kernelFile },
  ...Object.entries(services).map(([service, channels]): Route => ({ product: 'windows', service, channels })),
  { product: 'linux', service: 'sysmon', channels: [sysmonLinux] },
]

/** Channels of events that name only their provider. */
export const providerChannels: Readonly<Record<string, string>> = {
  'Microsoft-Windows-Sysmon': sysmon,
  'Linux-Sysmon': sysmonLinux,
  'Microsoft-Windows-Security-Auditing': 'Security',
  'Microsoft-Windows-PowerShell': 'Microsoft-Windows-PowerShell/Operational',
  PowerShell: 'Windows PowerShell',
  'Microsoft-Windows-Kernel-File': 'Microsoft-Windows-Kernel-File',
}

/** A kind of event that is known by its fields: it has all of them. */
export interface Marked {
  readonly name: string
  readonly has: readonly string[]
  /** A log source fits when each part that it names is among these; a list left out fits anything, an empty one nothing. */
  readonly product: string
  readonly categories: readonly string[]
  readonly services?: readonly string[]
}

/** The first that fits counts. */
export const marked: readonly Marked[] = [
  { name: 'cloudtrail', has: ['eventSource', 'eventName', 'awsRegion'], product: 'aws', categories: [], services: ['cloudtrail'] },
  { name: 'kubernetes', has: ['auditID', 'verb', 'objectRef'], product: 'kubernetes', categories: ['application'], services: ['audit'] },
  { name: 'gcp', has: ['protoPayload', 'logName'], product: 'gcp', categories: [] },
  { name: 'okta', has: ['eventType', 'actor', 'outcome', 'published'], product: 'okta', categories: [] },
  { name: 'github', has: ['action', 'actor', '_document_id'], product: 'github', categories: [] },
  { name: 'm365', has: ['Workload', 'Operation', 'RecordType'], product: 'm365', categories: [] },
  { name: 'azure', has: ['operationName', 'resourceId', 'category'], product: 'azure', categories: [] },
  { name: 'opencanary', has: ['logtype', 'node_id', 'src_host'], product: 'opencanary', categories: ['application'] },
  { name: 'auditd-log', has: ['auditd.log.record_type'], product: 'linux', categories: ['process_creation'], services: ['auditd'] },
  { name: 'auditbeat', has: ['auditd.message_type'], product: 'linux', categories: ['process_creation'], services: ['auditd'] },
  { name: 'auditd-execve', has: ['type', 'a0', 'argc'], product: 'linux', categories: [], services: ['auditd'] },
  { name: 'auditd-syscall', has: ['type', 'syscall', 'exe'], product: 'linux', categories: ['process_creation'], services: ['auditd'] },
  { name: 'auditd-path', has: ['type', 'nametype', 'name', 'item'], product: 'linux', categories: [], services: ['auditd'] },
]

/**
 * Whether a rule's log source is met by what a stream of events is declared to be. Product, and one of category and service, are
 * alternatives of the taxonomy: where the stream names either, a rule that names the other means other events.
 */
export function isMetBy(wanted: LogSource, declared: LogSource): boolean {
  const isBroad = declared.category === undefined && declared.service === undefined
  const fits = (part: 'category' | 'product' | 'service') =>
    wanted[part] === undefined || wanted[part] === declared[part] || (declared[part] === undefined && (part === 'product' || isBroad))
  const parts = ['category', 'product', 'service'] as const
  const isRelated = parts.every(part => wanted[part] === undefined) || parts.some(part => wanted[part] !== undefined && wanted[part] === declared[part])
  return parts.every(fits) && (isRelated || parts.every(part => declared[part] === undefined))
}
