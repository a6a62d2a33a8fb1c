import { v5, v7 } from 'uuid'

/** A new id (UUID version 7): it sorts by the time it was made, so indexes stay dense. */
export function newId(): string {
  return v7()
}

const ours = '6f0d7b0e-4a1c-4d0e-9d3a-2c1f5b8e7a90'

/** The id of something that is made once for a name (UUID version 5): a repetition finds it there. */
export function idFor(name: string): string {
  return v5(name, ours)
}
