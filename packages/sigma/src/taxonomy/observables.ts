/**
 * Fields that name what others know too: addresses, domains, URLs, hashes. Indicators of compromise are looked for in them, and alerts
 * take their observables from them. Names of the Sigma taxonomy, Elastic Common Schema, Zeek, W3C logs and clouds.
 */
export const observableFields = {
  address: [
    'SourceIp', 'DestinationIp', 'SourceAddress', 'DestAddress', 'IpAddress', 'ClientAddress', 'ClientIP', 'source.ip', 'destination.ip', 'client.ip', 'server.ip',
    'source.address', 'destination.address', 'host.ip', 'src_ip', 'dst_ip', 'srcip', 'dstip', 'src', 'dst', 'c-ip', 's-ip', 'cs-ip', 'id.orig_h', 'id.resp_h',
    'sourceIPAddress', 'client.ipAddress', 'ipAddress', 'callerIpAddress', 'CallerIPAddress', 'remote_addr', 'remote_ip', 'client_ip', 'clientip', 'actor_ip', 'addr',
    'QueryResults', 'dns.resolved_ip', 'dns.answers', 'answers', 'related.ip',
  ],
  domain: [
    'QueryName', 'DestinationHostname', 'dns.question.name', 'destination.domain', 'source.domain', 'url.domain', 'tls.client.server_name', 'server_name', 'cs-host', 'r-dns',
    'query', 'hostname.query', 'dns.rrname', 'http.host',
  ],
  url: ['c-uri', 'cs-uri', 'cs-uri-stem', 'cs-referrer', 'cs-referer', 'url.full', 'url.original', 'http.request.referrer', 'request_url', 'url', 'uri'],
  hash: [
    'Hashes', 'Hash', 'FileHash', 'sha256', 'sha1', 'md5', 'SHA256', 'SHA1', 'MD5', 'Imphash', 'process.hash.md5', 'process.hash.sha1', 'process.hash.sha256', 'file.hash.md5',
    'file.hash.sha1', 'file.hash.sha256', 'dll.hash.md5', 'dll.hash.sha1', 'dll.hash.sha256', 'related.hash',
  ],
  /**
   * Texts in which they stand among other words. The Message of Windows events says over again what their own fields say, so that it
   * is not one of them; that of syslog has nothing beside it.
   */
  text: ['CommandLine', 'ParentCommandLine', 'ScriptBlockText', 'process.command_line', 'process.parent.command_line', 'message', 'request_body', 'cs-cookie'],
} as const satisfies Readonly<Record<string, readonly string[]>> // biome-ignore format: lists of words

/** Every field in which indicators are looked for. */
export const indicatorFields: readonly string[] = Object.values(observableFields).flat()
