// Pulls messages from a consumer, never more than were asked for: the one source of back-pressure.
import { nanoseconds, nextMessageSubject } from "./jetstream.js";
import type { NatsLink, NatsMessage } from "./nats.js";

/** A message as a consumer delivers it. */
export interface Delivery {
  readonly sequence: number;
  readonly appendedAtUs: number;
  /** How often it was delivered, this time included. */
  readonly deliveries: number;
  /** Where to acknowledge it. */
  readonly reply: string;
  readonly body: Uint8Array;
  header(name: string): string | undefined;
}

export interface PullHandlers {
  delivered(delivery: Delivery): void;
  /** What was asked for ended without that many messages: ask again if they are still wanted. */
  ended(): void;
  /** The consumer is gone or does not answer: make a new one. No handler is called after this. */
  lost(reason: string): void;
}

export interface Pull {
  /** How many messages may still come. */
  readonly outstanding: number;
  ask(messages: number, bytesMax?: number): void;
  close(): void;
}

const expiresMs = 5_000;
/** The server ends a request by itself; when it does not, it has forgotten it. */
const patienceMs = expiresMs + 2_000;
const pendingMessagesHeader = "Nats-Pending-Messages";

interface Request {
  remaining: number;
  readonly askedAtMs: number;
}

/**
 * The client's own iterator asks for the next message before this one was taken, and after a
 * reconnect it may wait for half a minute; this asks when told and is done when told.
 */
export function createPull(
  link: NatsLink,
  stream: string,
  consumer: string,
  handlers: PullHandlers,
): Pull {
  const subject = nextMessageSubject(stream, consumer);
  const inbox = link.newInbox();
  /** In the order in which they were asked, which is the order in which the server serves them. */
  const requests = new Map<string, Request>();
  let asked = 0;
  let closed = false;

  const subscription = link.subscribe(`${inbox}.*`, (message) => {
    if (closed) return;
    if (message.subject.startsWith(inbox)) onStatus(message);
    else onMessage(message);
  });
  const timer = setInterval(checkPatience, 1_000);

  function onMessage(message: NatsMessage): void {
    const [first] = requests;
    if (first !== undefined) {
      const [reply, request] = first;
      request.remaining -= 1;
      if (request.remaining === 0) requests.delete(reply);
    }
    handlers.delivered(deliveryOf(message));
  }

  function onStatus(message: NatsMessage): void {
    if (!requests.delete(message.subject)) return;
    const expired = message.status === 408 || isBytesLimit(message);
    if (expired) handlers.ended();
    else lose(`${message.status} ${message.description}`);
  }

  /** A request ends early when the next message would exceed its bytes. */
  function isBytesLimit(message: NatsMessage): boolean {
    return message.status === 409 && message.header(pendingMessagesHeader) !== undefined;
  }

  function checkPatience(): void {
    const now = performance.now();
    for (const request of requests.values()) {
      if (now - request.askedAtMs > patienceMs) return lose("no answer to a pull");
    }
  }

  function lose(reason: string): void {
    if (closed) return;
    close();
    handlers.lost(reason);
  }

  function close(): void {
    closed = true;
    clearInterval(timer);
    subscription.close();
  }

  return {
    get outstanding() {
      let sum = 0;
      for (const { remaining } of requests.values()) sum += remaining;
      return sum;
    },
    ask(messages, bytesMax) {
      const reply = `${inbox}.${asked++}`;
      const options = {
        batch: messages,
        expires: nanoseconds(expiresMs),
        ...(bytesMax === undefined ? {} : { max_bytes: bytesMax }),
      };
      requests.set(reply, { remaining: messages, askedAtMs: performance.now() });
      link.publish(subject, Buffer.from(JSON.stringify(options)), { reply });
    },
    close,
  };
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
    sequence: Number(sequence),
    // As a number, nanoseconds since 1970 would be rounded, and no longer be what was stored.
    appendedAtUs: Number(BigInt(time) / 1_000n),
    deliveries: Number(deliveries),
    reply: message.reply ?? "",
    body: message.body,
    header: message.header,
  };
}
