/**
 * Where the fields of the Sigma taxonomy stand in the events that people really have. A path is keys joined by dots; `*` is any key.
 * The first path that an event has counts.
 */

/** Objects that hold an event's own fields: evtx_dump (nested XML), Winlogbeat, and both without their outer object. */
const holders = ['Event.EventData', 'Event.UserData.*', 'winlog.event_data', 'winlog.user_data', 'EventData']

/** Other names of a field, by shipper. */
const aliases: Readonly<Record<string, readonly string[]>> = {
  Channel: ['Event.System.Channel', 'winlog.channel', 'System.Channel', 'channel', 'log_name', 'LogName'],
  EventID: ['Event.System.EventID.#text', 'Event.System.EventID', 'winlog.event_id', 'System.EventID', 'event_id', 'EventId', 'Id', 'event.code'],
  Provider_Name: [
    'Event.System.Provider.#attributes.Name',
    'Event.System.Provider.@Name',
    'winlog.provider_name',
    'ProviderName',
    'source_name',
    'Provider',
    'event.provider',
  ],
  Computer: ['Event.System.Computer', 'winlog.computer_name', 'ComputerName', 'computer_name', 'Hostname', 'MachineName', 'host.hostname', 'host.name'],
  ComputerName: ['Event.System.Computer', 'winlog.computer_name', 'Computer', 'computer_name', 'Hostname', 'MachineName', 'host.hostname', 'host.name'],
  Level: ['Event.System.Level', 'winlog.level'],
  Task: ['Event.System.Task', 'winlog.task'],
  Opcode: ['Event.System.Opcode', 'winlog.opcode'],
  Keywords: ['Event.System.Keywords', 'winlog.keywords'],
  Execution_ProcessID: ['Event.System.Execution.#attributes.ProcessID', 'winlog.process.pid', 'ExecutionProcessID'],
  Security_UserID: ['Event.System.Security.#attributes.UserID', 'winlog.user.identifier', 'UserID'],
  // Elastic Common Schema and OCSF (the latter behind it), for shippers that rename what the operating system wrote.
  Image: ['process.executable', 'process.file.path'],
  CommandLine: ['process.command_line', 'process.cmd_line'],
  CurrentDirectory: ['process.working_directory'],
  ProcessId: ['process.pid'],
  ProcessGuid: ['process.entity_id', 'process.uid'],
  ParentImage: ['process.parent.executable', 'process.parent_process.file.path', 'actor.process.file.path'],
  ParentCommandLine: ['process.parent.command_line', 'process.parent_process.cmd_line', 'actor.process.cmd_line'],
  ParentProcessId: ['process.parent.pid', 'process.parent_process.pid'],
  OriginalFileName: ['process.pe.original_file_name'],
  Company: ['process.pe.company', 'process.file.company_name'],
  Product: ['process.pe.product', 'process.file.product.name'],
  Description: ['process.pe.description', 'process.file.desc'],
  User: ['process.user.name', 'actor.user.name', 'user.name'],
  IntegrityLevel: ['process.integrity'],
  TargetFilename: ['file.path'],
  TargetObject: ['registry.path', 'reg_key.path'],
  Details: ['registry.data.strings', 'reg_value.data'],
  ImageLoaded: ['dll.path', 'module.file.path'],
  DestinationIp: ['destination.ip', 'dst_endpoint.ip'],
  DestinationPort: ['destination.port', 'dst_endpoint.port'],
  DestinationHostname: ['destination.domain', 'dst_endpoint.hostname'],
  SourceIp: ['source.ip', 'src_endpoint.ip'],
  SourcePort: ['source.port', 'src_endpoint.port'],
  QueryName: ['dns.question.name', 'query.hostname'],
  PipeName: ['file.name'],
  ScriptBlockText: ['powershell.file.script_block_text'],
  // Amazon CloudTrail inside Filebeat and OCSF.
  eventSource: ['aws.cloudtrail.event_source', 'api.service.name', 'event.provider'],
  eventName: ['aws.cloudtrail.event_name', 'api.operation', 'event.action'],
  errorCode: ['aws.cloudtrail.error_code', 'api.response.error'],
  sourceIPAddress: ['source.address', 'src_endpoint.ip'],
  userAgent: ['user_agent.original', 'http_request.user_agent'],
  // auditd: Auditbeat, Filebeat.
  type: ['auditd.message_type', 'auditd.log.record_type'],
  exe: ['auditd.log.exe', 'process.executable'],
  comm: ['auditd.log.comm', 'process.name'],
  key: ['auditd.log.key', 'tags'],
}

const known = new Map<string, readonly string[]>()
/** Fields are named by rules, so that there are not many; but rules can be written by anybody. */
const maxKnown = 50_000

/** The paths of a field, best first. `more` are those that a user's mapping adds. */
export function pathsOf(field: string, more: Readonly<Record<string, readonly string[]>> = {}): readonly string[] {
  const added = Object.hasOwn(more, field) ? (more[field] ?? []) : []
  const kept = added.length === 0 ? known.get(field) : undefined
  if (kept !== undefined) return kept
  // evtx_dump writes a value that has attributes as an object with its text.
  const held = field.includes('.') ? [] : holders.flatMap(holder => [`${holder}.${field}.#text`, `${holder}.${field}`])
  const paths = [...new Set([field, ...added, ...held, ...(Object.hasOwn(aliases, field) ? (aliases[field] ?? []) : [])])]
  if (added.length === 0 && known.size < maxKnown) known.set(field, paths)
  return paths
}

/** Times of an event, best first. */
export const timeFields = [
  '@timestamp', 'Event.System.TimeCreated.#attributes.SystemTime', 'TimeCreated', 'UtcTime', 'EventTime', 'eventTime', 'timestamp', 'time', 'published',
  'createdDateTime', 'ts', 'date',
] // biome-ignore format: a list of words
