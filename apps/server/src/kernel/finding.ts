/** What is wrong with a part: `unavailable` takes the server out of service, `degraded` is shown and it goes on. */
export interface Finding {
  readonly severity: 'unavailable' | 'degraded'
  /** One sentence without names of people, addresses or content: anybody may read it. */
  readonly detail: string
}
