/**
 * Unicode simple case folding (CaseFolding.txt, statuses C and S), one code point to one code point, so that the Kelvin sign meets `k` and the long s meets `s`.
 * Sigma compares without case by default (Sigma 2.1, Detection, General).
 */

/** The dotless i folds to itself in Unicode, although its upper case is I. */
const dotlessI = 0x131

function foldCodePoint(code: number): number {
  if (code === dotlessI) return code
  const upper = String.fromCodePoint(code).toUpperCase()
  const upperCode = upper.codePointAt(0) ?? code
  const isOne = upper.length === (upperCode > 0xffff ? 2 : 1)
  const lower = (isOne ? upper : String.fromCodePoint(code)).toLowerCase()
  const lowerCode = lower.codePointAt(0) ?? code
  return lower.length === (lowerCode > 0xffff ? 2 : 1) ? lowerCode : code
}

/** Foldings of the basic multilingual plane: entry c is what code unit c folds to. Surrogates fold to themselves. */
export const foldTable: Uint16Array = (() => {
  const table = new Uint16Array(0x10000)
  for (let code = 0; code < 0x10000; code++) table[code] = code
  // Nothing from the CJK ideographs up to the surrogates has case, but for Cherokee and the Latin letters at AB30..ABBF.
  for (let code = 0; code < 0x3000; code++) table[code] = foldCodePoint(code)
  for (let code = 0xa640; code < 0xac00; code++) table[code] = foldCodePoint(code)
  for (let code = 0xf900; code < 0x10000; code++) table[code] = foldCodePoint(code)
  return table
})()

const plain = /^[\0-@[-\x7f]*$/
const ascii = /^[\0-\x7f]*$/

/** `text` with case folded away: two texts are equal without case when their foldings are equal. */
export function fold(text: string): string {
  if (plain.test(text)) return text
  if (ascii.test(text)) return text.toLowerCase()
  let folded = ''
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit >= 0xd800 && unit < 0xdc00) {
      const code = text.codePointAt(i) ?? unit
      folded += String.fromCodePoint(code > 0xffff ? foldCodePoint(code) : code)
      if (code > 0xffff) i++
    } else folded += String.fromCharCode(foldTable[unit] ?? unit)
  }
  return folded
}
