/** From where a request came. */
export interface CallOrigin {
  readonly address: string
  /** What the client says that it is, cut to 300 characters. */
  readonly device: string
}
