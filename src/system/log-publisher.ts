// Appends to the channels' logs: owns the acknowledgements, and what may be sent again after a loss.
import { apiErrors } from "./jetstream.js";
import type { LogSpace } from "./log-space.js";
import type { Headers, NatsLink, NatsMessage } from "./nats.js";

export interface Append {
  readonly channel: string;
  readonly subject: string;
  readonly headers: Headers;
  readonly body: Uint8Array;
  /**
   * The connection generation on which a client's request came: it dies with that, since a retry
   * may have gone elsewhere by then. Null: nobody else sends this, so it is sent until it is there.
   */
  readonly connection: number | null;
}

export type AppendResult =
  | { ok: true; sequence: number; duplicate: boolean }
  /** As the outcome `AppendFailed` has it: the last two are perhaps appended. */
  | { ok: false; reason: "full" | "missing" | "disconnected" | "timeout"; detail: string };

export interface LogPublisher {
  /** Those of one caller reach the log in the order of the calls, unless the connection is lost. */
  append(append: Append): Promise<AppendResult>;
  /** After a reconnect, when streams are there again. */
  resume(): void;
  close(): void;
  readonly pending: { readonly messages: number; readonly bytes: number };
}

export interface LogPublisherLimits {
  readonly messagesMax: number;
  readonly bytesMax: number;
  /** After this long without an acknowledgement an append fails, and nobody knows its fate. */
  readonly deadlineMs: number;
}

export const logPublisherLimitsDefault: LogPublisherLimits = {
  messagesMax: 8_192,
  bytesMax: 128 * 1024 * 1024,
  deadlineMs: 10_000,
};

/** An acknowledgement can be lost without the connection: then the entry is sent again. */
const resendAfterMs = 1_000;
const checkEveryMs = 250;
/** About what the headers and the subject of an entry take in the log. */
const headerBytes = 256;

interface Pending {
  readonly append: Append;
  readonly deadlineAtMs: number;
  /** When it was last sent; null while it waits for a connection. */
  sentAtMs: number | null;
  settle(result: AppendResult): void;
}

export function createLogPublisher(
  link: NatsLink,
  space: LogSpace,
  limits: LogPublisherLimits = logPublisherLimitsDefault,
): LogPublisher {
  const inbox = link.newInbox();
  /** In the order of their sending, for the order of a resend. */
  const table = new Map<string, Pending>();
  let bytes = 0;
  let count = 0;
  /** From the loss of a connection until `resume`: what may be resent goes first. */
  let isResuming = false;

  const subscription = link.subscribe(`${inbox}.*`, onAcknowledgement);
  const timer = setInterval(check, checkEveryMs);
  link.observe({ disconnected: onDisconnect });

  function onAcknowledgement(message: NatsMessage): void {
    const key = message.subject.slice(inbox.length + 1);
    const pending = table.get(key);
    if (pending === undefined) return;
    const result = resultOf(message);
    // JetStream cannot say yet, or we cannot know: the timer sends it again, where it may.
    if (result === null) return;
    settle(key, pending, result);
  }

  function settle(key: string, pending: Pending, result: AppendResult): void {
    table.delete(key);
    bytes -= pending.append.body.length;
    pending.settle(result);
  }

  function onDisconnect(): void {
    isResuming = true;
    for (const [key, pending] of [...table]) {
      if (pending.append.connection === null) pending.sentAtMs = null;
      else settle(key, pending, disconnected("the connection was lost before the answer"));
    }
  }

  function check(): void {
    const now = performance.now();
    for (const [key, pending] of [...table]) {
      if (now >= pending.deadlineAtMs) {
        const detail = `no acknowledgement within ${limits.deadlineMs} ms`;
        settle(key, pending, { ok: false, reason: "timeout", detail });
      } else if (isResendable(pending) && now - (pending.sentAtMs ?? 0) > resendAfterMs) {
        send(key, pending);
      }
    }
  }

  const isResendable = ({ append }: Pending) => append.connection === null && !isResuming;

  function send(key: string, pending: Pending): void {
    const { subject, body, headers } = pending.append;
    const sent = link.publish(subject, body, { headers, reply: `${inbox}.${key}` });
    if (sent.ok) {
      pending.sentAtMs = performance.now();
    } else if (sent.reason === "refused") {
      const detail = `${body.length} bytes are more than the server takes`;
      settle(key, pending, { ok: false, reason: "full", detail });
    } else if (pending.append.connection !== null) {
      settle(key, pending, disconnected("there is no connection"));
    }
  }

  function enter(append: Append): Promise<AppendResult> {
    const tableIsFull =
      table.size >= limits.messagesMax || bytes + append.body.length > limits.bytesMax;
    if (tableIsFull) {
      const detail = `${table.size} appends (${bytes} bytes) wait for their acknowledgement`;
      return Promise.resolve({ ok: false, reason: "timeout", detail });
    }
    return new Promise((resolve) => {
      const key = String(count++);
      const deadlineAtMs = performance.now() + limits.deadlineMs;
      const pending: Pending = { append, deadlineAtMs, sentAtMs: null, settle: resolve };
      table.set(key, pending);
      bytes += append.body.length;
      if (append.connection !== null || !isResuming) send(key, pending);
    });
  }

  async function enterClients(append: Append): Promise<AppendResult> {
    const admission = space.admits(append.channel, append.body.length + headerBytes);
    const admitted = typeof admission === "boolean" ? admission : await admission;
    // The look at the log's size takes its time: the connection may have ended meanwhile.
    if (append.connection !== link.generation || !link.connected) {
      return disconnected("the connection on which the request came has ended");
    }
    if (admitted) return enter(append);
    return { ok: false, reason: "full", detail: "the log is at 90% of its size limit" };
  }

  return {
    append: (append) => (append.connection === null ? enter(append) : enterClients(append)),
    resume() {
      isResuming = false;
      for (const [key, pending] of [...table]) if (pending.sentAtMs === null) send(key, pending);
    },
    close() {
      clearInterval(timer);
      subscription.close();
      for (const [key, pending] of [...table]) settle(key, pending, disconnected("closed"));
    },
    get pending() {
      return { messages: table.size, bytes };
    },
  };
}

function disconnected(detail: string): AppendResult {
  return { ok: false, reason: "disconnected", detail };
}

const fullErrors: readonly number[] = [
  apiErrors.streamFull,
  apiErrors.storageExceeded,
  apiErrors.memoryExceeded,
  apiErrors.insufficientResources,
  apiErrors.messageTooLarge,
];

/** Null for an error that may pass. */
function resultOf(message: NatsMessage): AppendResult | null {
  if (message.status === 503) {
    return { ok: false, reason: "missing", detail: "no stream takes this subject" };
  }
  const answer = JSON.parse(Buffer.from(message.body).toString("utf8")) as {
    seq?: number;
    duplicate?: boolean;
    error?: { err_code?: number; description?: string };
  };
  if (answer.error === undefined) {
    return { ok: true, sequence: answer.seq ?? 0, duplicate: answer.duplicate === true };
  }
  const { err_code: code = 0, description: detail = "" } = answer.error;
  if (fullErrors.includes(code)) return { ok: false, reason: "full", detail };
  if (code === apiErrors.otherStreamExpected) return { ok: false, reason: "missing", detail };
  return null;
}
