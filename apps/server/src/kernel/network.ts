import ipaddr from 'ipaddr.js'

/** What an address is counted by: itself, and of IPv6 its network of 64 bits, in which one machine can take as many addresses as it likes. */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return address
  const parsed = ipaddr.process(address)
  return parsed.kind() === 'ipv6' ? parsed.toByteArray().slice(0, 8).join('.') : parsed.toString()
}
