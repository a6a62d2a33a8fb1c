import { instantAt } from '../kernel/clock.ts'

/** `type=SYSCALL msg=audit(1364481363.243:24287): arch=c000003e syscall=2 …`, as auditd writes its log. */
const head = /^(?:node=(\S+) )?type=(\S+) msg=audit\((\d+)\.(\d{3}):(\d+)\):\s*(.*)$/s
/** A name begins at the start of a word only: each is read once. */
const pair = /(?<![\w-])([\w-]{1,256})=("[^"]*"|'[^']*'|\S*)/g
/** Fields that auditd writes in hexadecimal when they have blanks or quotes in them. */
const encoded = /^(?:a\d+|proctitle|exe|comm|name|cwd|cmd|path|data)$/

/** Reads a line of auditd's log: its record's fields under their own names. Undefined when it is none. */
export function parseAuditd(line: string): Readonly<Record<string, string>> | undefined {
  const match = head.exec(line)
  if (match === null) return undefined
  const [, node, type = '', seconds = '', milliseconds = '', serial = '', rest = ''] = match
  const fields = new Map<string, string>()
  const read = (text: string) => {
    for (const [, key = '', value = ''] of text.matchAll(pair)) {
      // Records of sessions put the words of the program between quotes.
      if (key === 'msg' && value.startsWith("'")) read(value.slice(1, -1))
      else fields.set(key, textOf(type, key, value))
    }
  }
  read(rest)
  const at = instantAt(Number(seconds) * 1_000 + Number(milliseconds))
  return {
    ...Object.fromEntries(fields),
    ...(at === undefined ? {} : { '@timestamp': at }),
    type,
    'auditd.sequence': serial,
    ...(node === undefined ? {} : { 'host.name': node }),
  }
}

function textOf(type: string, key: string, value: string): string {
  if (/^(["']).*\1$/s.test(value)) return value.slice(1, -1)
  // The arguments of a system call are numbers; only those of a program that is run are texts.
  const mayBeEncoded = encoded.test(key) && !(type === 'SYSCALL' && /^a\d+$/.test(key))
  if (!mayBeEncoded || value.length < 2 || value.length % 2 !== 0 || !/^[0-9A-F]+$/.test(value)) return value
  return Buffer.from(value, 'hex').toString('utf8').replaceAll('\0', ' ').trimEnd()
}
