// What goes back to a client: the body of an answer or of an error, and the error's headers.
import type { ClientError } from "../system/client-request.js";
import { packMessage } from "./message-pack.js";
import type { ContentType } from "./result-rows.js";

/** Bigints become strings in JSON; rows must come from a `rowReader` of the same content type. */
export function encodeReply(contentType: ContentType, value: unknown): Uint8Array {
  if (contentType === "msgpack") return packMessage(value);
  return Buffer.from(JSON.stringify(value, bigintAsText));
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

export interface ErrorBody {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly hint?: string;
    readonly retryable: boolean;
    readonly requestId: string;
  };
}

export function encodeError(
  contentType: ContentType,
  error: ClientError,
  requestId: string,
): Uint8Array {
  const { code, message, hint, retryable } = error;
  const shown = { code, message, ...(hint === undefined ? {} : { hint }), retryable, requestId };
  return encodeReply(contentType, { error: shown } satisfies ErrorBody);
}

/** As micro services of NATS have them; header values are one line of ASCII. */
export function errorHeaders(error: ClientError): Readonly<Record<string, string>> {
  return {
    "Nats-Service-Error-Code": String(error.status),
    "Nats-Service-Error": `${error.code}: ${error.message}`.replace(/[^\x20-\x7e]/g, "?"),
  };
}
