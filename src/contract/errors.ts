// Every error that a client can get: its stable word, its number and whether a retry may help.
import type { ClientError } from "../system/client-request.js";

/**
 * 4xx: the caller's fault, nothing was written. 429 and 503: retry, a write with the same request
 * id, for at most 60 s. 507: the channel is full and stays so, hence no retry: more shards help.
 */
export const errorCodes = {
  "malformed-body": { status: 400, retryable: false },
  "invalid-request": { status: 400, retryable: false },
  "unknown-field": { status: 400, retryable: false },
  "invalid-name": { status: 400, retryable: false },
  "invalid-schema": { status: 400, retryable: false },
  "invalid-filter": { status: 400, retryable: false },
  "invalid-row": { status: 400, retryable: false },
  "missing-field": { status: 400, retryable: false },
  "dimension-mismatch": { status: 400, retryable: false },
  "value-out-of-range": { status: 400, retryable: false },
  "reserved-name": { status: 400, retryable: false },
  "duplicate-key": { status: 400, retryable: false },
  "invalid-key": { status: 400, retryable: false },
  "limit-exceeded": { status: 400, retryable: false },
  "invalid-session": { status: 400, retryable: false },
  "as-of-too-old": { status: 400, retryable: false },
  "not-available": { status: 400, retryable: false },
  "unknown-operation": { status: 404, retryable: false },
  "collection-not-found": { status: 404, retryable: false },
  "host-not-found": { status: 404, retryable: false },
  "collection-exists": { status: 409, retryable: false },
  "payload-too-large": { status: 413, retryable: false },
  overloaded: { status: 429, retryable: true },
  internal: { status: 500, retryable: false },
  /** Two workers failed while they ran this read: a third is not put at risk. */
  "failed-twice": { status: 500, retryable: false },
  unavailable: { status: 503, retryable: true },
  /** The deadline passed first; a write may have happened, so a retry needs its request id. */
  "deadline-exceeded": { status: 503, retryable: true },
  full: { status: 507, retryable: false },
} as const satisfies Record<string, { status: number; retryable: boolean }>;
export type ErrorCode = keyof typeof errorCodes;

export type Refused = { readonly ok: false; readonly error: ClientError };

const textMax = 1_000;

export function clientError(code: ErrorCode, message: string, hint?: string): ClientError {
  const { status, retryable } = errorCodes[code];
  const error = { code, status, message: printable(message), retryable };
  return hint === undefined ? error : { ...error, hint: printable(hint) };
}

/** Messages quote what clients sent and travel in a header: one line, of bounded length. */
function printable(text: string): string {
  const cut = text.length > textMax ? `${text.slice(0, textMax)}...` : text;
  return cut.replace(/[\p{Cc}\p{Surrogate}\u2028\u2029]/gu, "\ufffd");
}

export function refused(code: ErrorCode, message: string, hint?: string): Refused {
  return { ok: false, error: clientError(code, message, hint) };
}

/** `message` as an actor gave it; a word that is none of ours is the server's own fault. */
export function errorOfFailure(failure: {
  code: string;
  message: string;
  hint?: string | undefined;
}): ClientError {
  const known = Object.hasOwn(errorCodes, failure.code);
  const code = known ? (failure.code as ErrorCode) : "internal";
  return clientError(code, failure.message, failure.hint);
}

/** What a client is told that did not split its batch: `rows` rows made `bytes` bytes. */
export function payloadTooLarge(rows: number, bytes: number, bytesMax: number): ClientError {
  const fitting = Math.min(rows - 1, Math.floor((rows * bytesMax) / bytes));
  const message = `${rows} rows are ${bytes} bytes; a part of a request may be ${bytesMax}`;
  if (fitting < 1) return clientError("payload-too-large", message, "a single row is too large");
  const hint = `about ${fitting} such rows would fit: send parts 0, 1, ... of one requestId`;
  return clientError("payload-too-large", message, hint);
}
