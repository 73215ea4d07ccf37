// The one error that the client's calls reject with.

export interface ErrorDetails {
  /** A stable word, for instance 'collection-not-found'. */
  readonly code: string;
  /** As in HTTP: 4xx are the caller's, 429 and 503 may pass. */
  readonly status: number;
  readonly message: string;
  readonly hint?: string | undefined;
  /** Whether the same call may succeed later; the client has tried that already. */
  readonly retryable: boolean;
  readonly requestId: string;
  readonly cause?: unknown;
}

export class ElanusError extends Error {
  override readonly name = "ElanusError";
  readonly code: string;
  readonly status: number;
  readonly hint: string | undefined;
  readonly retryable: boolean;
  readonly requestId: string;
  /**
   * Of a call that had to be split: what the parts before the failed one have written. `rows[3]` in
   * the message is then the fourth row after these.
   */
  readonly rowsWritten: number;
  readonly #details: ErrorDetails;

  constructor(details: ErrorDetails, rowsWritten = 0) {
    const { code, status, message, hint, retryable, requestId } = details;
    const text = hint === undefined ? `${code}: ${message}` : `${code}: ${message} (${hint})`;
    super(text, details.cause === undefined ? {} : { cause: details.cause });
    this.#details = details;
    this.code = code;
    this.status = status;
    this.hint = hint;
    this.retryable = retryable;
    this.requestId = requestId;
    this.rowsWritten = rowsWritten;
  }

  withRowsWritten(rowsWritten: number): ElanusError {
    return new ElanusError(this.#details, rowsWritten);
  }
}
