// Sends a request until it is answered: again after what may pass, never past the call's deadline.
import { ExponentialBackoff, handleWhen, type IBackoffFactory, retry } from "cockatiel";
import { clientError } from "../contract/errors.js";
import { unpackMessage } from "../contract/message-pack.js";
import type { NatsLink, NatsMessage, RequestResult } from "../system/nats.js";
import { ElanusError, type ErrorDetails } from "./elanus-error.js";
import { createHedging } from "./hedging.js";

export interface Outgoing {
  /** Behind `elanus.v1.`. */
  readonly subject: string;
  readonly body: Uint8Array;
  readonly requestId: string;
  /** For the call with all its attempts, and for one of them. */
  readonly timeoutMs: number;
  readonly attemptMs: number;
  /** Its silence means nothing, so no copy is sent for it. */
  readonly patient: boolean;
  readonly signal: AbortSignal | undefined;
}

export type Reply = Readonly<Record<string, unknown>>;
export type Sender = (request: Outgoing) => Promise<Reply>;

/** What the server is told to take at most, so that its own typed error arrives in time. */
export function serverTimeoutMs(attemptMs: number): number {
  return Math.max(1, attemptMs - Math.min(250, attemptMs / 10));
}

/** Longer than this after its first attempt, a write sent again might be written twice. */
const retryForMs = 60_000;
/** With less time than this left, another attempt would only hide why the last one failed. */
const attemptMsMin = 10;
/** Of errors after which a write may have happened. */
const statusUnknown = 503;
const backoff = new ExponentialBackoff({ initialDelay: 50, maxDelay: 1_000 });
const headers = { "Content-Type": "application/msgpack" };

export function createSender(link: NatsLink): Sender {
  const hedged = createHedging();
  return (request) => {
    const sent = (withinMs: number) => attempt(link, request, withinMs);
    const startedAt = performance.now();
    const leftMs = () => request.timeoutMs - (performance.now() - startedAt);
    const isOver = () => leftMs() < attemptMsMin || performance.now() - startedAt > retryForMs;
    const passing = handleWhen(
      (error) => error instanceof ElanusError && error.retryable && !isOver(),
    );
    const maxAttempts = Number.POSITIVE_INFINITY;
    const policy = retry(passing, { maxAttempts, backoff: within(leftMs, backoff) });
    let last: ElanusError | undefined;
    const answered = policy.execute(async () => {
      request.signal?.throwIfAborted();
      if (last !== undefined && isOver()) throw last;
      try {
        const withinMs = Math.min(request.attemptMs, Math.max(1, leftMs()));
        return await (request.patient ? sent(withinMs) : hedged(withinMs, sent));
      } catch (error) {
        if (!(error instanceof ElanusError)) throw error;
        last = lastWord(last, error, isOver());
        throw last;
      }
    });
    return untilAborted(answered, request.signal);
  };
}

/**
 * The error that a call ends with. An attempt that the deadline cut short says less than the one
 * before it, unless that wrote nothing; and a refusal says nothing of what was perhaps written.
 */
function lastWord(before: ElanusError | undefined, error: ElanusError, isOver: boolean) {
  if (before?.status !== statusUnknown) return error;
  const isCutShort = isOver && error.code === "deadline-exceeded";
  return isCutShort || error.code === "overloaded" ? before : error;
}

async function attempt(link: NatsLink, request: Outgoing, timeoutMs: number): Promise<Reply> {
  const { subject, body, requestId } = request;
  if (link.payloadBytesMax > 0 && body.length > link.payloadBytesMax) {
    const text = `a request of ${body.length} bytes; the server takes ${link.payloadBytesMax}`;
    throw failure(clientError("payload-too-large", text), requestId);
  }
  const result = await link.request(`elanus.v1.${subject}`, body, { headers, timeoutMs });
  if (result.kind !== "ok") throw failure(unanswered(result, timeoutMs), requestId);
  return readReply(result.message, requestId);
}

type Failure = Omit<ErrorDetails, "requestId">;
type Unanswered = Exclude<RequestResult, { kind: "ok" }>;

function unanswered({ kind, detail }: Unanswered, timeoutMs: number): Failure {
  switch (kind) {
    case "no-responders": {
      const hint = "is a host with the role 'proxy' running, and on this NATS account?";
      return clientError("unavailable", `nobody listens on ${detail}`, hint);
    }
    case "timeout":
      return clientError("deadline-exceeded", `no answer on ${detail} within ${timeoutMs} ms`);
    case "disconnected":
      return clientError("unavailable", `no connection to NATS: ${detail}`);
    case "refused":
      return { code: "not-permitted", status: 403, message: detail, retryable: false };
  }
}

function readReply(message: NatsMessage, requestId: string): Reply {
  const unpacked = unpackMessage(message.body);
  const value = unpacked.ok && isObject(unpacked.value) ? unpacked.value : undefined;
  const status = message.header("Nats-Service-Error-Code");
  if (status !== undefined) throw refusal(Number(status), message, value?.error, requestId);
  if (value !== undefined) return value;
  const reason = unpacked.ok ? "it is no object" : unpacked.problem;
  throw failure(clientError("internal", `an answer that cannot be read: ${reason}`), requestId);
}

function refusal(status: number, message: NatsMessage, given: unknown, requestId: string) {
  const body = isObject(given) ? given : {};
  const inHeader = message.header("Nats-Service-Error") ?? "an error without a text";
  return new ElanusError({
    code: typeof body.code === "string" ? body.code : "internal",
    status,
    message: typeof body.message === "string" ? body.message : inHeader,
    hint: typeof body.hint === "string" ? body.hint : undefined,
    retryable: body.retryable === true,
    requestId: typeof body.requestId === "string" ? body.requestId : requestId,
  });
}

function failure(error: Failure, requestId: string): ElanusError {
  return new ElanusError({ ...error, requestId });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Sleeps no longer than the call may still take. */
function within(
  leftMs: () => number,
  factory: Pick<IBackoffFactory<unknown>, "next">,
): IBackoffFactory<unknown> {
  return {
    next(context) {
      const step = factory.next(context);
      const duration = Math.max(0, Math.min(step.duration, leftMs()));
      return { duration, next: within(leftMs, step).next };
    },
  };
}

function untilAborted<Value>(promise: Promise<Value>, signal?: AbortSignal): Promise<Value> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
