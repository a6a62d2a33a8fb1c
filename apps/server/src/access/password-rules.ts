import { isCommon } from './common-passwords.ts'

/** Keys beside each other, row by row, with and without shift, and the other two common layouts. */
const rows = ['1234567890', '!@#$%^&*()_+', 'qwertyuiop', 'qwertzuiop', 'azertyuiop', 'asdfghjkl', 'zxcvbnm', 'yxcvbnm']

/** What the common passwords of 12 and more characters are made of: they are these, twice, or with a year and a sign. */
const commonParts = `
  1q2w3e4r5t6y q1w2e3r4t5y6 zaq12wsxcde3 1qaz2wsx3edc 1qaz 2wsx 3edc 4rfv 5tgb zaq1 xsw2 cde3 qazwsxedc
  password passwort passphrase passw passwd kennwort motdepasse contrasena administrator administrador admin root user username login welcome willkommen
  bienvenue letmein changeme changeit default secret security secure temporary temp test testing demo guest access master system server network computer
  internet windows microsoft google facebook company corporate business office tocsin incident alert oncall
  iloveyou loveyou lovely love forever hello whatever nothing trustno trustno1 nopassword mypassword unbelievable fuckyou fuck
  sunshine princess dragon monkey shadow superman batman spiderman starwars pokemon minecraft naruto football baseball basketball soccer hockey liverpool
  manchester chelsea arsenal barcelona juventus michael michelle jennifer jessica daniel charlie jordan ashley thomas andrew
  spring summer autumn winter january february march april may june july august september october november december
  monday tuesday wednesday thursday friday saturday sunday christmas
`
  .trim()
  .split(/\s+/)

const unmasked: Readonly<Record<string, string>> = { '0': 'o', '1': 'i', '3': 'e', '4': 'a', '5': 's', '7': 't', '@': 'a', $: 's', '!': 'i' }
const unmask = (text: string) => text.replace(/[013457@$!]/g, sign => unmasked[sign] ?? sign)

/** Different characters that must be left of a password without what everybody would guess of it. */
const minLeft = 6

/**
 * True for a password that an attacker tries first: one that was common among breached ones, or whose parts everybody guesses: common words, words of `own` (the organization, the person), repetitions, sequences and rows of keys
 * count as nothing, also with digits for letters, and what is left is too little.
 */
export function isGuessable(password: string, own: readonly string[]): boolean {
  if (isCommon(password)) return true
  const text = password
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\s._-]/g, '')
  const ownWords = own
    .flatMap(each =>
      each
        .normalize('NFKC')
        .toLowerCase()
        .split(/[^\p{L}\p{N}]+/u),
    )
    .filter(word => word.length >= 3)
  const words = [...new Set([...ownWords, ...commonParts])].sort((a, b) => b.length - a.length)
  return [text, unmask(text)].some(each => countLeft(each, words) < minLeft)
}

function countLeft(text: string, words: readonly string[]): number {
  // A space keeps what stood on both sides apart.
  const rest = words.reduce((left, word) => left.replaceAll(word, ' ').replaceAll(unmask(word), ' '), text)
  const surprising = [...rest].filter((sign, n, all) => sign !== ' ' && !follows(all[n - 1], sign))
  return new Set(surprising).size
}

/** True for a sign that is the same as the one before, next to it in the alphabet, or beside it on the keyboard. */
function follows(before: string | undefined, sign: string): boolean {
  if (before === undefined) return false
  const step = Math.abs((sign.codePointAt(0) ?? 0) - (before.codePointAt(0) ?? 0))
  return step <= 1 || rows.some(row => row.includes(before + sign) || row.includes(sign + before))
}
