// One call of the client: its arguments encoded, its id and its time limits chosen.
import { randomUUID } from "node:crypto";
import { clientError } from "../contract/errors.js";
import { packMessage } from "../contract/message-pack.js";
import { nameSchema } from "../rows/schema.js";
import { ElanusError } from "./elanus-error.js";
import { type Outgoing, type Reply, type Sender, serverTimeoutMs } from "./request-sender.js";
import type { WriteOptions } from "./types.js";

/** What the calls of one client share. */
export interface Context {
  readonly send: Sender;
  readonly database: string;
  readonly timeoutMs: number;
  /** After this an attempt is given up and the call sent again: a proxy may have died. */
  readonly attemptMs: number;
  readonly rememberSession: boolean;
  /** What a message may have; it can change with the server that one is connected to. */
  payloadBytesMax(): number;
}

export type Arguments = Readonly<Record<string, unknown>>;

export interface Timing {
  /** Takes long, as a flush may: no copies, and an attempt may have a quarter of the time. */
  readonly patient: boolean;
}

/** What of an `Outgoing` is the same for all parts of a call. */
export type Envelope = Omit<Outgoing, "body">;

export function envelopeOf(
  context: Context,
  subject: string,
  options: WriteOptions,
  { patient }: Timing,
): Envelope {
  const timeoutMs = options.timeoutMs ?? context.timeoutMs;
  // A proxy that dies with a patient call in hand must not cost the whole of its time.
  const longestMs = patient ? Math.max(context.attemptMs, timeoutMs / 4) : context.attemptMs;
  const attemptMs = Math.min(timeoutMs, longestMs);
  const requestId = options.requestId ?? randomUUID();
  return { subject, requestId, timeoutMs, attemptMs, patient, signal: options.signal };
}

export function encodeBody(given: Arguments, { requestId, attemptMs }: Envelope): Uint8Array {
  try {
    return packMessage(
      Object.assign({}, given, { requestId, timeoutMs: serverTimeoutMs(attemptMs) }),
    );
  } catch (error) {
    // For instance a bigint of more than 64 bits.
    const reason = error instanceof Error ? error.message : String(error);
    throw new ElanusError({ ...clientError("value-out-of-range", reason), requestId });
  }
}

export async function call(
  context: Context,
  subject: string,
  given: Arguments,
  options: WriteOptions,
  timing: Timing = { patient: false },
): Promise<Reply> {
  const envelope = envelopeOf(context, subject, options, timing);
  return context.send({ body: encodeBody(given, envelope), ...envelope });
}

/** A name with a dot in it would address another subject. */
export function checkName(what: string, name: string): void {
  if (nameSchema.safeParse(name).success) return;
  const error = clientError("invalid-name", `'${name}' is no name for a ${what}`);
  throw new ElanusError({ ...error, requestId: "" });
}
