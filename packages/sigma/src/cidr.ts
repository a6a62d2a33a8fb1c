import { isIP } from 'node:net'

/** A network: its bits as a number of `size` bits, of which the first `prefix` count. */
export interface Network {
  readonly size: 32 | 128
  readonly bits: bigint
  readonly prefix: number
}

function addressBits(text: string): { size: 32 | 128; bits: bigint } | undefined {
  const address = text.replace(/^\[(.*)\]$/, '$1').replace(/%.*/s, '')
  const version = isIP(address)
  if (version === 4) return { size: 32, bits: address.split('.').reduce((bits, byte) => (bits << 8n) | BigInt(byte), 0n) }
  if (version !== 6) return undefined
  const withoutV4 = address.replace(/(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/, (_, a: string, b: string, c: string, d: string) =>
    [Number(a) * 256 + Number(b), Number(c) * 256 + Number(d)].map(group => group.toString(16)).join(':'),
  )
  const [head = '', tail] = withoutV4.split('::')
  const groups = (part: string) => (part === '' ? [] : part.split(':'))
  const left = groups(head)
  const right = tail === undefined ? [] : groups(tail)
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0')
  return { size: 128, bits: [...left, ...zeros, ...right].reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n) }
}

/** Parses `10.0.0.0/8`, `fe80::/10` or a single address. Undefined when it is none. */
export function parseNetwork(text: string): Network | undefined {
  const [address = '', length, ...rest] = text.split('/')
  const parsed = addressBits(address)
  if (parsed === undefined || rest.length > 0) return undefined
  if (length === undefined) return { ...parsed, prefix: parsed.size }
  const prefix = Number(length)
  if (!/^\d{1,3}$/.test(length) || prefix > parsed.size) return undefined
  return { ...parsed, prefix }
}

/** Whether an address lies in the network. An IPv4 address mapped into IPv6 (`::ffff:10.0.0.1`) counts as IPv4 too. */
export function isWithin(network: Network, text: string): boolean {
  const address = addressBits(text)
  if (address === undefined) return false
  const { bits } = address
  if (address.size !== network.size) {
    if (network.size !== 32 || bits >> 32n !== 0xffffn) return false
    return (bits & 0xffffffffn) >> BigInt(32 - network.prefix) === network.bits >> BigInt(32 - network.prefix)
  }
  const shift = BigInt(network.size - network.prefix)
  return bits >> shift === network.bits >> shift
}

/** The first address of a network, as RFC 5952 writes it. */
export function addressText({ size, bits, prefix }: Network): string {
  const host = BigInt(size - prefix)
  const first = (bits >> host) << host
  if (size === 32) return [24n, 16n, 8n, 0n].map(shift => (first >> shift) & 255n).join('.')
  const groups = Array.from({ length: 8 }, (_, i) => ((first >> BigInt(112 - i * 16)) & 0xffffn).toString(16))
  // The longest run of zeros is left out; of two that are as long, the first.
  let [from, length] = [-1, 1]
  for (let i = 0; i < 8; i++) {
    let run = 0
    while (groups[i + run] === '0') run++
    if (run > length) [from, length] = [i, run]
  }
  if (from < 0) return groups.join(':')
  return `${groups.slice(0, from).join(':')}::${groups.slice(from + length).join(':')}`
}
