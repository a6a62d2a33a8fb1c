/** A wrong configuration, told in one sentence that names the value. The process ends with exit code 2. */
export class ConfigProblem extends Error {
  override readonly name = 'ConfigProblem'
}
