/**
 * Makes the list of common passwords that the server refuses, from a list with one password a line: those that are long enough to be taken otherwise, in lower
 * case, each as the first four bytes of its SHA-256, sorted.
 *
 *     node_modules/.bin/node scripts/common-passwords.ts LIST
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { Password } from '@tocsin/api'
import { commonPasswordsFile, fingerprintOf } from '../apps/server/src/access/common-passwords.ts'

const [list] = process.argv.slice(2)
if (list === undefined) throw new Error('Name a list of passwords, one a line.')
const lines = readFileSync(list, 'utf8').split(/\r?\n/)
const fingerprints = new Set(lines.filter(line => Password.safeParse(line).success).map(fingerprintOf))
const bytes = Buffer.alloc(fingerprints.size * 4)
for (const [position, fingerprint] of [...fingerprints].sort((a, b) => a - b).entries()) bytes.writeUInt32BE(fingerprint, position * 4)
writeFileSync(commonPasswordsFile, bytes)
process.stdout.write(`${fingerprints.size} passwords\n`)
