// Appends to the channels' logs: owns the acknowledgements and what may be sent again.
import { apiErrors, isRefusal, readStreamInfo } from "./jetstream.js";
import type { LogSpace } from "./log-space.js";
import type { Headers, NatsLink, NatsMessage, Subscription } from "./nats.js";
import { logStreamOf } from "./streams.js";

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

/**
 * An acknowledgement can be lost without the connection, as an entry is that came while its log had
 * no leader: then it is sent again, and its message id keeps it from being appended twice.
 */
const resendAfterMs = 1_000;
const checkEveryMs = 250;
/** At a check, so that a broker which is only slow gets little more to do. */
const resendBytesMax = 2 * 1024 * 1024;
/** About what the headers and the subject of an entry take in the log. */
const headerBytes = 256;

interface Pending {
  readonly append: Append;
  readonly deadlineAtMs: number;
  /** When it was last sent; null while it waits for a connection. */
  sentAtMs: number | null;
  settle(result: AppendResult): void;
}

export class LogPublisher {
  readonly #link: NatsLink;
  readonly #space: LogSpace;
  readonly #limits: LogPublisherLimits;
  readonly #inbox: string;
  readonly #subscription: Subscription;
  /** Runs while anything waits. */
  #timer: NodeJS.Timeout | null = null;
  /** In the order of their sending, for the order of a resend. */
  readonly #table = new Map<string, Pending>();
  #bytes = 0;
  #count = 0;
  /** From the loss of a connection until `resume`: what may be sent again goes first. */
  #isResuming = false;

  constructor(link: NatsLink, space: LogSpace, limits = logPublisherLimitsDefault) {
    this.#link = link;
    this.#space = space;
    this.#limits = limits;
    this.#inbox = link.newInbox();
    this.#subscription = link.subscribe(`${this.#inbox}.*`, (message) => this.#onAnswer(message));
    link.observe({ disconnected: () => this.#onDisconnect() });
  }

  get pending(): { readonly messages: number; readonly bytes: number } {
    return { messages: this.#table.size, bytes: this.#bytes };
  }

  /** Those of one caller reach the log in the order of the calls, unless the connection is lost. */
  async append(append: Append): Promise<AppendResult> {
    if (append.connection === null) return this.#enter(append);
    const answer = this.#space.refusal(append.channel, append.body.length + headerBytes);
    const refusal = answer instanceof Promise ? await answer : answer;
    // The look at the log's size takes its time: the connection may have ended meanwhile.
    if (append.connection !== this.#link.generation || !this.#link.connected) {
      return disconnected("the connection on which the request came has ended");
    }
    if (refusal === null) return this.#enter(append);
    return { ok: false, reason: "full", detail: refusal };
  }

  /** After a reconnect, when streams are there again. */
  resume(): void {
    this.#isResuming = false;
    for (const [key, pending] of [...this.#table]) {
      if (pending.sentAtMs === null) this.#send(key, pending);
    }
  }

  close(): void {
    this.#rest();
    this.#subscription.close();
    for (const [key, pending] of [...this.#table]) {
      this.#settle(key, pending, disconnected("closed"));
    }
  }

  #enter(append: Append): Promise<AppendResult> {
    const { messagesMax, bytesMax, deadlineMs } = this.#limits;
    if (this.#table.size >= messagesMax || this.#bytes + append.body.length > bytesMax) {
      const detail = `${this.#table.size} appends (${this.#bytes} bytes) wait for their answer`;
      return Promise.resolve({ ok: false, reason: "timeout", detail });
    }
    return new Promise((resolve) => {
      const key = String(this.#count++);
      const deadlineAtMs = performance.now() + deadlineMs;
      const pending: Pending = { append, deadlineAtMs, sentAtMs: null, settle: resolve };
      this.#table.set(key, pending);
      this.#bytes += append.body.length;
      this.#timer ??= setInterval(() => this.#check(), checkEveryMs);
      if (append.connection !== null || !this.#isResuming) this.#send(key, pending);
    });
  }

  #send(key: string, pending: Pending): void {
    const { subject, body, headers, connection } = pending.append;
    const reply = `${this.#inbox}.${key}`;
    const sent = this.#link.publish(subject, body, { headers, reply });
    if (sent.ok) {
      pending.sentAtMs = performance.now();
    } else if (sent.reason === "refused") {
      const detail = `${body.length} bytes are more than the server takes`;
      this.#settle(key, pending, { ok: false, reason: "full", detail });
    } else if (connection !== null) {
      this.#settle(key, pending, disconnected("there is no connection"));
    }
  }

  #settle(key: string, pending: Pending, result: AppendResult): void {
    this.#table.delete(key);
    this.#bytes -= pending.append.body.length;
    pending.settle(result);
  }

  #onAnswer(message: NatsMessage): void {
    const key = message.subject.slice(this.#inbox.length + 1);
    const pending = this.#table.get(key);
    if (pending === undefined) return;
    if (message.status === 503) return void this.#onNobody(key, pending);
    const result = resultOf(message);
    // Null: JetStream cannot say yet. The timer sends it again, where it may.
    if (result !== null) this.#settle(key, pending, result);
  }

  /** Nobody takes the subject: the log is missing, or it has no leader and may have one soon. */
  async #onNobody(key: string, pending: Pending): Promise<void> {
    const info = await readStreamInfo(this.#link, logStreamOf(pending.append.channel));
    if (!this.#table.has(key)) return;
    if (isRefusal(info, apiErrors.streamNotFound)) {
      this.#settle(key, pending, { ok: false, reason: "missing", detail: "there is no such log" });
    }
  }

  #onDisconnect(): void {
    this.#isResuming = true;
    for (const [key, pending] of [...this.#table]) {
      if (pending.append.connection === null) pending.sentAtMs = null;
      else this.#settle(key, pending, disconnected("the connection was lost before the answer"));
    }
  }

  #rest(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #check(): void {
    if (this.#table.size === 0) return this.#rest();
    const now = performance.now();
    let bytesLeft = this.#isResuming ? 0 : resendBytesMax;
    for (const [key, pending] of [...this.#table]) {
      if (now >= pending.deadlineAtMs) {
        const detail = `no acknowledgement within ${this.#limits.deadlineMs} ms`;
        this.#settle(key, pending, { ok: false, reason: "timeout", detail });
      } else if (bytesLeft > 0 && now - (pending.sentAtMs ?? 0) > resendAfterMs) {
        bytesLeft -= pending.append.body.length + headerBytes;
        this.#send(key, pending);
      }
    }
  }
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
