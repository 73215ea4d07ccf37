// Requests as tests write them: a subject as text, and arguments in either content type.
import { packMessage } from "../../src/contract/message-pack.js";
import type { ContentType } from "../../src/contract/result-rows.js";
import type { ClientRequest } from "../../src/system/client-request.js";

export function requestOf(
  subject: string,
  body: unknown,
  contentType: ContentType = "json",
): ClientRequest {
  const encoded = contentType === "json" ? Buffer.from(JSON.stringify(body)) : packMessage(body);
  return rawRequest(subject, encoded, contentType);
}

/** The bytes as they are: what no encoder would make. */
export function rawRequest(
  subject: string,
  body: string | Uint8Array,
  contentType: ContentType = "json",
): ClientRequest {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  return { id: "r1", subject: subject.split("."), contentType, body: bytes, connection: 1 };
}
