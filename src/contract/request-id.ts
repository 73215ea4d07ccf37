// The message id of a write: the same for every attempt at it, another for every other write.
import { createHash } from "node:crypto";

export interface WriteIdentity {
  readonly requestId: string;
  readonly part: number;
  readonly channel: string;
  /** The body that the channel gets; for a delete by filter the filter's text. */
  readonly bodyHashInput: Uint8Array | string;
}

/** Enough that no two writes of a duplicate window will ever share an id. */
const idBytes = 18;

export function messageIdOf(write: WriteIdentity): string {
  const { requestId, part, channel, bodyHashInput } = write;
  // No name can hold a line feed, so no two identities run together into one text.
  const kind = typeof bodyHashInput === "string" ? "text" : "bytes";
  const hash = createHash("sha256").update(`${requestId}\n${part}\n${channel}\n${kind}\n`);
  return hash.update(bodyHashInput).digest().subarray(0, idBytes).toString("base64url");
}
