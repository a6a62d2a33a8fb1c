/** What is wrong with a rule, and where: it is refused, and the other rules are not touched. */
export class RuleProblem extends Error {
  /** Keys that lead to the place, outermost first, e.g. `['detection', 'selection', 'Image|endswith']`. */
  readonly path: readonly (string | number)[]
  /** Line in the file, counted from 1, where it is known already. */
  readonly line: number | undefined

  constructor(reason: string, path: readonly (string | number)[] = [], line?: number) {
    super(reason)
    this.name = 'RuleProblem'
    this.path = path
    this.line = line
  }
}

/** A rule file or document that was not taken. */
export interface Refusal {
  readonly file: string
  /** Counted from 1. */
  readonly line: number
  readonly reason: string
  /** Id and title of the rule, where they could be read. */
  readonly rule?: { readonly id?: string; readonly title?: string }
}
