// Pulls messages from a consumer, never more than were asked for: the one source of back-pressure.
import { nanoseconds, nextMessageSubject } from "./jetstream.js";
import type { NatsLink, NatsMessage, Subscription } from "./nats.js";

/** A message as a consumer delivers it. */
export interface Delivery {
  readonly subject: string;
  readonly sequence: number;
  readonly appendedAtUs: number;
  /** How often it was delivered, this time included. */
  readonly deliveries: number;
  /** Where to acknowledge it. */
  readonly reply: string;
  readonly body: Uint8Array;
  readonly header: (name: string) => string | undefined;
}

export interface PullHandlers {
  delivered(delivery: Delivery): void;
  /** What was asked for ended without that many messages: ask again if they are still wanted. */
  ended(): void;
  /**
   * The consumer is gone, or, when `isSilent`, does not answer, but may again: make sure that there
   * is one. No handler is called after this.
   */
  lost(reason: string, isSilent: boolean): void;
}

export interface PullTiming {
  readonly expiresMs: number;
  /** While nothing comes the server says so often that it is there: one that died says nothing. */
  readonly heartbeatMs: number;
  /**
   * In a row. Looks, one a heartbeat, not time: a process that was starved hears what came
   * meanwhile between two of them.
   */
  readonly silentLooksMax: number;
}

/**
 * Only in a cluster can what answers die without the connection. A single server is asked for long
 * once it has answered at all: of some hundred idle channels each heartbeat would be a message.
 */
const timings = {
  clustered: { expiresMs: 5_000, heartbeatMs: 1_000, silentLooksMax: 4 },
  single: { expiresMs: 10_000, heartbeatMs: 5_000, silentLooksMax: 4 },
  singleHeard: { expiresMs: 300_000, heartbeatMs: 60_000, silentLooksMax: 2 },
} as const;

/** Where it matters that a request ends soon. */
export const shortTiming = ({ clustered }: NatsLink): PullTiming =>
  clustered ? timings.clustered : timings.single;

/** Looks are made at multiples of it, many together: each wake-up costs the process. */
const gridMs = 250;
/** The server ends a request by itself; when it does not, it has forgotten it. */
const patienceMs = 2_000;
/** What was never answered may have been asked while there was no leader: the sooner again. */
const unheardLooksMax = 2;
const heartbeatStatus = 100;
const pendingMessagesHeader = "Nats-Pending-Messages";

interface Request {
  readonly messages: number;
  /** The server has ended it by then. */
  readonly untilMs: number;
}

/**
 * The client's own iterator asks for the next message before this one was taken, and after a
 * reconnect it may wait for half a minute; this asks when told and is done when told.
 */
export class Pull {
  readonly #link: NatsLink;
  readonly #subject: string;
  readonly #inbox: string;
  readonly #handlers: PullHandlers;
  #timing: PullTiming;
  readonly #timingHeard: PullTiming;
  readonly #subscription: Subscription;
  #timer: NodeJS.Timeout;
  /**
   * Those that may still be open. The server serves them in turns and a message does not say for
   * which one it came, so only the sum of what is outstanding is known.
   */
  readonly #requests = new Map<string, Request>();
  #outstanding = 0;
  #asked = 0;
  /** In a row, while something was outstanding. */
  #silentChecks = 0;
  #wasHeard = false;
  #isClosed = false;

  constructor(
    link: NatsLink,
    stream: string,
    consumer: string,
    handlers: PullHandlers,
    timing?: PullTiming,
  ) {
    this.#link = link;
    this.#timing = timing ?? shortTiming(link);
    this.#timingHeard = timing ?? (link.clustered ? timings.clustered : timings.singleHeard);
    this.#subject = nextMessageSubject(stream, consumer);
    this.#handlers = handlers;
    this.#inbox = link.newInbox();
    this.#subscription = link.subscribe(`${this.#inbox}.*`, (message) => {
      if (this.#isClosed) return;
      this.#silentChecks = 0;
      this.#wasHeard = true;
      if (message.subject.startsWith(this.#inbox)) this.#onStatus(message);
      else this.#onMessage(message);
    });
    this.#timer = this.#checkLater();
  }

  /** How many messages may still come. */
  get outstanding(): number {
    return this.#outstanding;
  }

  ask(messages: number, bytesMax?: number): void {
    const reply = `${this.#inbox}.${this.#asked++}`;
    if (this.#wasHeard) this.#timing = this.#timingHeard;
    const { expiresMs, heartbeatMs } = this.#timing;
    const options = {
      batch: messages,
      expires: nanoseconds(expiresMs),
      idle_heartbeat: nanoseconds(heartbeatMs),
      ...(bytesMax === undefined ? {} : { max_bytes: bytesMax }),
    };
    this.#requests.set(reply, { messages, untilMs: performance.now() + expiresMs + patienceMs });
    this.#outstanding += messages;
    // Without a connection nothing is asked: whoever holds this makes a new one after it.
    this.#link.publish(this.#subject, Buffer.from(JSON.stringify(options)), { reply });
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#subscription.close();
  }

  #onMessage(message: NatsMessage): void {
    this.#outstanding -= 1;
    if (this.#outstanding === 0) this.#requests.clear();
    this.#handlers.delivered(deliveryOf(message));
  }

  #onStatus(message: NatsMessage): void {
    if (message.status === heartbeatStatus) return;
    const request = this.#requests.get(message.subject);
    if (request === undefined) return;
    this.#requests.delete(message.subject);
    // A request ends early when the next message would exceed its bytes.
    const pending = message.header(pendingMessagesHeader);
    const isOver = message.status === 408 || (message.status === 409 && pending !== undefined);
    if (!isOver) return this.#lose(`${message.status} ${message.description}`);
    this.#outstanding -= Number(pending ?? request.messages);
    this.#handlers.ended();
  }

  #check(): void {
    this.#silentChecks = this.#outstanding > 0 ? this.#silentChecks + 1 : 0;
    if (this.#silentChecks >= (this.#wasHeard ? this.#timing.silentLooksMax : unheardLooksMax)) {
      return this.#lose("the server fell silent", true);
    }
    const now = performance.now();
    let mayCome = 0;
    for (const [reply, { messages, untilMs }] of this.#requests) {
      if (now > untilMs) this.#requests.delete(reply);
      else mayCome += messages;
    }
    if (this.#outstanding > mayCome) this.#lose("no answer to a pull");
    else this.#timer = this.#checkLater();
  }

  #checkLater(): NodeJS.Timeout {
    const dueMs = performance.now() + this.#timing.heartbeatMs;
    const afterMs = Math.ceil(dueMs / gridMs) * gridMs - performance.now();
    return setTimeout(() => this.#check(), afterMs);
  }

  #lose(reason: string, isSilent = false): void {
    if (this.#isClosed) return;
    this.close();
    this.#handlers.lost(reason, isSilent);
  }
}

/**
 * From the reply subject: `$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<of the
 * consumer>.<nanoseconds>.<pending>`; newer servers put a domain and an account before the stream.
 */
function deliveryOf(message: NatsMessage): Delivery {
  const tokens = (message.reply ?? "").split(".");
  const [deliveries, sequence, , time] = tokens.slice(tokens.length >= 11 ? 6 : 4);
  if (tokens.length < 9 || time === undefined) {
    throw new Error(`'${message.reply}' is no acknowledgement subject of JetStream`);
  }
  return {
    subject: message.subject,
    sequence: Number(sequence),
    // As a number, nanoseconds since 1970 would be rounded, and no longer be what was stored.
    appendedAtUs: Number(BigInt(time) / 1_000n),
    deliveries: Number(deliveries),
    reply: message.reply ?? "",
    body: message.body,
    header: message.header,
  };
}
