import { ProblemError } from '@tocsin/api'

/** A command that could not do its work, with the code that the program ends with. */
export class CliProblem extends Error {
  override readonly name = 'CliProblem'
  readonly exitCode: number
  constructor(sentence: string, exitCode = 1) {
    super(sentence)
    this.exitCode = exitCode
  }
}

/** The output of a command: lines for people, or one JSON value for programs. */
export interface Output {
  readonly isJson: boolean
  say(lines: readonly string[], value: unknown): void
  problem(error: unknown): void
}

export function outputOf(isJson: boolean): Output {
  return {
    isJson,
    say: (lines, value) => process.stdout.write(isJson ? `${JSON.stringify(value, null, 2)}\n` : `${lines.join('\n')}\n`),
    problem: error => {
      const sentence = error instanceof Error ? error.message : String(error)
      const problem = error instanceof ProblemError ? error.problem : { detail: sentence }
      process.stderr.write(isJson ? `${JSON.stringify(problem)}\n` : `${printable(sentence)}\n`)
    },
  }
}

/** Text from elsewhere as a terminal may show it: an alert's title must not move the cursor or change colors. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, character => (character === '\n' ? '\n' : '\u{fffd}'))
}
