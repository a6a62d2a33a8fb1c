const encoder = new TextEncoder()

/** UTF-8. */
export const utf8 = (text: string): Uint8Array => encoder.encode(text)

const shortEscapes: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\t': '\\t', '\r': '\\r', '\b': '\\b', '\f': '\\f' }

const special = /["\\\n\t\r\b\f]/

/** A folded literal as it stands inside JSON written in the usual way. */
export const escaped = (text: string): string =>
  special.test(text) ? text.replaceAll(/["\\\n\t\r\b\f]/g, character => shortEscapes[character] ?? character) : text

/** The longest run of a literal that looks the same in the raw text, whatever its case: ASCII, without characters that have only a long escape. */
export function plainRun(text: string): string {
  return text.split(/[^\x20-\x7f\n\t\r\b\f]+/).reduce((best, run) => (run.length > best.length ? run : best), '')
}
