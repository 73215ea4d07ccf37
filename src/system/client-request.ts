// A request of a client at the edge, and the answer to it, free of any NATS type.

export interface ClientRequest {
  readonly id: string;
  /** The tokens behind `elanus.v1.`: database or `sys`, collection if any, operation. */
  readonly subject: readonly string[];
  readonly contentType: "json" | "msgpack";
  readonly body: Uint8Array;
  /** The connection generation on which it came: a write dies with it. */
  readonly connection: number;
}

export interface ClientError {
  readonly code: string;
  readonly status: number;
  readonly message: string;
  readonly hint?: string;
  readonly retryable: boolean;
}

export type ClientReply =
  | { ok: true; body: Uint8Array; contentType: "json" | "msgpack" }
  | { ok: false; error: ClientError; body: Uint8Array; contentType: "json" | "msgpack" };
