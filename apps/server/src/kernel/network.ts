import ipaddr from 'ipaddr.js'

/** True for a name or an address of this very machine, which passes no network; IPv6 also in the brackets of a URL. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1')
  return bare === 'localhost' || (ipaddr.isValid(bare) && ipaddr.process(bare).range() === 'loopback')
}

/** What an address is counted by: itself, and of IPv6 its network of 64 bits, in which one machine can take as many addresses as it likes. */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return address
  const parsed = ipaddr.process(address)
  return parsed.kind() === 'ipv6' ? parsed.toByteArray().slice(0, 8).join('.') : parsed.toString()
}
