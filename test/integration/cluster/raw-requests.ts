// Requests as any NATS client sends them: bytes, a content type, and headers to read in the reply.
import { packMessage, unpackMessage } from "../../../src/contract/message-pack.js";
import type { NatsLink } from "../../../src/system/nats.js";

export interface Answer {
  /** Both undefined unless it is an error. */
  readonly code: string | undefined;
  readonly text: string | undefined;
  readonly body: Record<string, unknown>;
}

export type Encoding = "json" | "msgpack";

/** `subject` is what stands behind `elanus.v1.`. */
export async function ask(
  link: NatsLink,
  subject: string,
  body: Uint8Array,
  encoding: Encoding,
): Promise<Answer> {
  const headers = { "Content-Type": `application/${encoding}` };
  const result = await link.request(`elanus.v1.${subject}`, body, { headers, timeoutMs: 20_000 });
  if (result.kind !== "ok") throw new Error(`${subject}: ${result.kind} (${result.detail})`);
  const { message } = result;
  return {
    code: message.header("Nats-Service-Error-Code"),
    text: message.header("Nats-Service-Error"),
    body: decode(message.body, encoding),
  };
}

export function encode(given: unknown, encoding: Encoding): Uint8Array {
  return encoding === "json" ? Buffer.from(JSON.stringify(given)) : packMessage(given);
}

function decode(body: Uint8Array, encoding: Encoding): Record<string, unknown> {
  if (encoding === "json") return JSON.parse(Buffer.from(body).toString("utf8"));
  const unpacked = unpackMessage(body);
  if (!unpacked.ok) throw new Error(unpacked.problem);
  return unpacked.value as Record<string, unknown>;
}
