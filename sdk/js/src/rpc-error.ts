/** The agent refused a call, or answered something else than it should. */
export class DstackError extends Error {
  override readonly name = 'DstackError'

  constructor(
    /** The path that was called. */
    readonly method: string,
    /** The HTTP status of the answer. */
    readonly status: number,
    /** What the agent stated as its error. */
    readonly error: string,
  ) {
    super(`${method} failed: HTTP ${status}: ${error}`)
  }
}

/** The agent's answer is not JSON. */
export class ParseError extends Error {
  override readonly name = 'ParseError'

  constructor(options?: ErrorOptions) {
    super('failed to parse response', options)
  }
}
