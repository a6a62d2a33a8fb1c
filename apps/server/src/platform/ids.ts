import { v7 } from 'uuid'

/** A new id (UUID version 7): it sorts by the time it was made, so indexes stay dense. */
export function newId(): string {
  return v7()
}
