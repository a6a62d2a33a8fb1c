import { randomInt } from 'node:crypto'

const colors = [
  'Amber',
  'Azure',
  'Bronze',
  'Copper',
  'Coral',
  'Crimson',
  'Ebony',
  'Emerald',
  'Golden',
  'Indigo',
  'Ivory',
  'Jade',
  'Ruby',
  'Scarlet',
  'Silver',
  'Violet',
]
const animals = ['Badger', 'Bison', 'Condor', 'Crane', 'Falcon', 'Fox', 'Heron', 'Ibex', 'Jaguar', 'Lynx', 'Marten', 'Osprey', 'Otter', 'Owl', 'Puma', 'Raven']

const oneOf = (words: readonly string[]) => words[randomInt(words.length)] ?? ''

/** A name for a restricted incident that says nothing of it, such as `Amber Falcon`. Messages have the number beside it, so that two of a name are told apart. */
export const newCodename = (): string => `${oneOf(colors)} ${oneOf(animals)}`
