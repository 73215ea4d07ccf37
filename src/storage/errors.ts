// The one failure of storage that a retry can cure; every other error is a broken invariant.

/** The store did not answer, or a write's outcome is unknown: the same call may be repeated. */
export class UnavailableError extends Error {
  override readonly name = "UnavailableError";

  constructor(operation: string, cause: unknown) {
    super(`${operation}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
