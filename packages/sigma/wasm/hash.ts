/** A hash that does not see the case of ASCII letters: bit 5 of every byte is set. Equal for texts that fold alike, as far as they are ASCII. */
@inline export function foldedHash(at: usize, length: u32): u64 {
  let h: u64 = 0x9e3779b97f4a7c15 ^ (<u64>length)
  let left = length
  while (left >= 8) {
    h = (h ^ (load<u64>(at) | 0x2020202020202020)) * 0xff51afd7ed558ccd
    h ^= h >> 32
    at += 8
    left -= 8
  }
  if (left > 0) {
    const mask: u64 = ((<u64>1) << (<u64>left * 8)) - 1
    h = (h ^ ((load<u64>(at) | 0x2020202020202020) & mask)) * 0xff51afd7ed558ccd
    h ^= h >> 32
  }
  return h * 0xc4ceb9fe1a85ec53
}
