const [newline, carriageReturn, space, quote, comma, backslash] = [0x0a, 0x0d, 0x20, 0x22, 0x2c, 0x5c]
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d]

/** Editors and PowerShell write it before UTF-8; it belongs to no event. */
const byteOrderMark = Buffer.from('\ufeff')

/**
 * Events as shippers send them, a line each: lines stay as they are; the members of an array, and objects that follow each other without anything between
 * them, become lines. Each byte is looked at once. What is no whole array is not taken apart.
 */
export function eventLines(given: Buffer): Buffer {
  const body = given.subarray(0, byteOrderMark.length).equals(byteOrderMark) ? given.subarray(byteOrderMark.length) : given
  const start = body.findIndex(byte => byte > space)
  if (body[start] === openList) return membersOf(body, start) ?? body
  return body.includes('}{') ? separated(body) : body
}

/** The members of the array that the body is, which has room for the line breaks; undefined where it is none. */
function membersOf(body: Buffer, start: number): Buffer | undefined {
  const lines = Buffer.from(body)
  let depth = 0
  let isText = false
  for (let at = start; at < body.length; at += 1) {
    const byte = body[at]
    if (byte === newline || byte === carriageReturn) lines[at] = space
    else if (isText) {
      if (byte === backslash) at += 1
      else if (byte === quote) isText = false
    } else if (byte === quote) isText = true
    else if (byte === openList || byte === openObject) {
      depth += 1
      if (at === start) lines[at] = newline
    } else if (byte === closeList || byte === closeObject) {
      depth -= 1
      if (depth > 0) continue
      lines[at] = newline
      return byte === closeList && body.subarray(at + 1).every(after => after <= space) ? lines : undefined
    } else if (byte === comma && depth === 1) lines[at] = newline
  }
  return undefined
}

/** Lines of which some have several objects. A line that is no JSON ends with its line break, whatever it leaves open. */
function separated(body: Buffer): Buffer {
  const lines = Buffer.allocUnsafe(Math.ceil(body.length * 1.5))
  let length = 0
  let depth = 0
  let isText = false
  let isEscaped = false
  for (let at = 0; at < body.length; at += 1) {
    const byte = body.readUInt8(at)
    lines[length++] = byte
    if (byte === newline) {
      depth = 0
      isText = false
      isEscaped = false
    } else if (isEscaped) isEscaped = false
    else if (isText) {
      isEscaped = byte === backslash
      isText = byte !== quote
    } else if (byte === quote) isText = true
    else if (byte === openObject) depth += 1
    else if (byte === closeObject) {
      depth = Math.max(0, depth - 1)
      if (depth === 0 && body[at + 1] === openObject) lines[length++] = newline
    }
  }
  return Buffer.from(lines.subarray(0, length))
}

/** Lines that begin as a JSON object does, and others; empty ones are neither. What only looks like an object is found when it is matched. */
export function countLines(lines: Buffer): { events: number; others: number } {
  const count = { events: 0, others: 0 }
  for (let at = 0; at < lines.length; ) {
    const end = lines.indexOf(10, at)
    const to = end < 0 ? lines.length : end
    let first = at
    while (first < to && lines.readUInt8(first) <= space) first += 1
    if (first < to) count[lines[first] === openObject ? 'events' : 'others'] += 1
    at = to + 1
  }
  return count
}
