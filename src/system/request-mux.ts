// All requests of a connection over one subscription: a reply names the request that it is for.
import { ChurnMap } from "./churn-map.js";
import type { NatsMessage, RequestResult } from "./nats-link.js";

export interface Refusal {
  /** "publish" or "subscription". */
  readonly operation: string;
  readonly subject: string;
}

export interface MuxConnection {
  subscribe(subject: string, handle: (message: NatsMessage) => void): void;
  /** What the server does not permit, as it is refused. */
  refusals(): AsyncIterable<Refusal>;
}

interface Waiting {
  readonly subject: string;
  readonly settle: (result: RequestResult) => void;
  readonly timer: NodeJS.Timeout;
}

/** What is sent: where the reply is to go. */
type Send = (replyTo: string) => void;

/**
 * The NATS client has the same, which makes an error for each request that was answered, in case
 * its timer should still need it: a tenth of a busy client's time.
 */
export class RequestMux {
  readonly #connection: MuxConnection;
  readonly #inbox: string;
  readonly #waiting = new ChurnMap<string, Waiting>();
  #isListening = false;
  #isWatching = false;
  #count = 0;

  /** `inbox`: nobody else listens below it. */
  constructor(connection: MuxConnection, inbox: string) {
    this.#connection = connection;
    this.#inbox = `${inbox}.`;
  }

  /** Calls `settle` once, unless `send` throws. */
  request(
    { subject, timeoutMs }: { readonly subject: string; readonly timeoutMs: number },
    send: Send,
    settle: (result: RequestResult) => void,
  ): void {
    if (!this.#isListening) this.#listen();
    this.#count += 1;
    const token = this.#count.toString(36);
    const timer = setTimeout(
      () => this.#settle(token, { kind: "timeout", detail: subject }),
      timeoutMs,
    );
    this.#waiting.set(token, { subject, settle, timer });
    try {
      send(this.#inbox + token);
    } catch (error) {
      this.#forget(token);
      throw error;
    }
  }

  /** The connection has ended. */
  end(): void {
    this.#settleAll({ kind: "disconnected", detail: "the connection was lost" });
  }

  #listen(): void {
    this.#isListening = true;
    this.#connection.subscribe(`${this.#inbox}*`, (message) => this.#onReply(message));
    if (!this.#isWatching) void this.#watchPermissions();
  }

  #onReply(message: NatsMessage): void {
    const token = message.subject.slice(this.#inbox.length);
    const subject = this.#waiting.get(token)?.subject ?? "";
    const isUnheard = message.body.length === 0 && message.status === 503;
    this.#settle(
      token,
      isUnheard ? { kind: "no-responders", detail: subject } : { kind: "ok", message },
    );
  }

  /** Without them a client would wait for its timeout and be told of nothing else. */
  async #watchPermissions(): Promise<void> {
    this.#isWatching = true;
    for await (const refusal of this.#connection.refusals()) this.#onRefusal(refusal);
  }

  #onRefusal({ operation, subject }: Refusal): void {
    const result = { kind: "refused", detail: `the server does not permit ${subject}` } as const;
    if (operation === "subscription") {
      if (subject !== `${this.#inbox}*`) return;
      // The next request listens, and is refused, anew.
      this.#isListening = false;
      return this.#settleAll(result);
    }
    for (const [token, waiting] of [...this.#waiting]) {
      if (waiting.subject === subject) this.#settle(token, result);
    }
  }

  #settleAll(result: RequestResult): void {
    for (const token of [...this.#waiting.keys()]) this.#settle(token, result);
  }

  #settle(token: string, result: RequestResult): void {
    this.#forget(token)?.settle(result);
  }

  #forget(token: string): Waiting | undefined {
    const waiting = this.#waiting.get(token);
    if (waiting === undefined) return undefined;
    this.#waiting.delete(token);
    clearTimeout(waiting.timer);
    return waiting;
  }
}
