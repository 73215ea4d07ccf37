// What stands around a message's body on the wire: its headers, and reading them back.
import { type AnyMessage, definitionOf } from "../messages/catalogue.js";
import type { Decoded } from "../messages/define.js";
import type { LogEntry } from "./actor.js";
import type { Headers } from "./nats.js";

const names = {
  kind: "Elanus-Kind",
  version: "Elanus-Version",
  stamp: "Elanus-Stamp",
  request: "Elanus-Request",
  messageId: "Nats-Msg-Id",
  expectedStream: "Nats-Expected-Stream",
} as const;

type HeaderReader = (name: string) => string | undefined;

export interface Envelope {
  readonly subject: string;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** `messageId` makes a repeat harmless within the stream's duplicate window. */
export function envelopeOf(message: AnyMessage, messageId: string | null): Envelope {
  const definition = definitionOf(message.kind);
  if (definition === undefined) throw new Error(`'${message.kind}' is no message`);
  return {
    subject: definition.subjectOf(message),
    headers: {
      [names.kind]: message.kind,
      [names.version]: String(definition.version),
      ...(messageId === null ? {} : { [names.messageId]: messageId }),
    },
    body: definition.encode(message),
  };
}

export function logEnvelopeOf(
  message: AnyMessage,
  entry: { stamp: bigint; request: string; messageId: string; stream: string },
): Envelope {
  const { subject, headers, body } = envelopeOf(message, entry.messageId);
  return {
    subject,
    headers: {
      [names.stamp]: String(entry.stamp),
      [names.request]: entry.request,
      [names.expectedStream]: entry.stream,
      ...headers,
    },
    body,
  };
}

/** The body stays encoded: whether it can be read is a fact of the log that every reader folds. */
export function logEntryOf(
  channel: string,
  at: { sequence: number; appendedAtUs: number },
  header: HeaderReader,
  body: Uint8Array,
): LogEntry {
  return {
    channel,
    sequence: at.sequence,
    appendedAtUs: at.appendedAtUs,
    kind: header(names.kind) ?? "",
    version: Number(header(names.version) ?? 0),
    stamp: stampOf(header(names.stamp)),
    request: header(names.request) ?? "",
    body,
  };
}

function stampOf(text: string | undefined): bigint {
  return text !== undefined && /^\d{1,20}$/.test(text) ? BigInt(text) : 0n;
}

export function decodeMessage(header: HeaderReader, body: Uint8Array): Decoded<AnyMessage> {
  const kind = header(names.kind) ?? "";
  const definition = definitionOf(kind);
  if (definition === undefined) return { ok: false, reason: `unknown kind '${kind}'` };
  const version = Number(header(names.version) ?? 0);
  if (version !== definition.version) {
    return { ok: false, reason: `${kind}: unknown version ${version}` };
  }
  return definition.decode(body) as Decoded<AnyMessage>;
}
