// Takes work off the queues for one actor: as much as it has credits for, and keeps it while it works.
import type { AnyDefinition, AnyMessage } from "../messages/catalogue.js";
import type { DeliveryId } from "./actor.js";
import { decodeMessage } from "./envelope.js";
import type { NatsLink } from "./nats.js";
import type { Delivery } from "./pull.js";
import { filterOf } from "./streams.js";
import { type QueueKind, WorkSource } from "./work-source.js";

export interface WorkQueueHandlers {
  delivered(delivery: DeliveryId, deliveries: number, message: AnyMessage): void;
  report(level: "info" | "error", text: string): void;
}

const extendEveryMs = 300;
/** An actor that never answers a query is not helped by keeping it from the others. */
const extendForMs = 60_000;

const signals = {
  acknowledge: Buffer.from("+ACK"),
  progress: Buffer.from("+WPI"),
  refuse: Buffer.from("-NAK"),
  terminate: Buffer.from("+TERM"),
};

interface Held {
  readonly reply: string;
  readonly isQuery: boolean;
  readonly sinceMs: number;
}

export class WorkQueue {
  readonly #link: NatsLink;
  readonly #handlers: WorkQueueHandlers;
  readonly #timer: NodeJS.Timeout;
  readonly #sources = new Map<string, WorkSource>();
  readonly #held = new Map<DeliveryId, Held>();
  #count = 0;
  #isDraining = false;
  #whenNoneHeld: () => void = () => undefined;

  constructor(link: NatsLink, handlers: WorkQueueHandlers) {
    this.#link = link;
    this.#handlers = handlers;
    this.#timer = setInterval(() => this.#extendQueries(), extendEveryMs);
  }

  /** Deliveries that are not acknowledged yet. */
  get held(): number {
    return this.#held.size;
  }

  take(definitions: readonly AnyDefinition[], token: string | null, credits: number): void {
    if (this.#isDraining) return;
    const filter = filterOf(definitions, token);
    let source = this.#sources.get(filter);
    if (source === undefined) {
      const kind = queueOf(definitions);
      source = new WorkSource(this.#link, kind, filter, {
        delivered: (delivery) => this.#onDelivery(kind, delivery),
        report: (text) => this.#handlers.report("info", text),
      });
      this.#sources.set(filter, source);
    }
    source.ask(credits);
  }

  acknowledge(id: DeliveryId): void {
    const delivery = this.#held.get(id);
    if (delivery === undefined) return;
    this.#held.delete(id);
    this.#signal(delivery.reply, signals.acknowledge);
    if (this.#held.size === 0) this.#whenNoneHeld();
  }

  extend(id: DeliveryId): void {
    const delivery = this.#held.get(id);
    if (delivery !== undefined) this.#signal(delivery.reply, signals.progress);
  }

  /** After a reconnect, when streams are there again. */
  resume(): void {
    for (const source of this.#sources.values()) source.resume();
  }

  /** Takes no more; resolves when what was taken is acknowledged, or the time is over. */
  async drain(timeoutMs: number): Promise<void> {
    this.#isDraining = true;
    for (const source of this.#sources.values()) source.end();
    if (this.#held.size === 0) return;
    await new Promise<void>((resolve) => {
      const deadline = setTimeout(resolve, timeoutMs);
      this.#whenNoneHeld = () => {
        clearTimeout(deadline);
        resolve();
      };
    });
  }

  /** What was taken and not acknowledged goes to another after a while. */
  stop(): void {
    this.#isDraining = true;
    clearInterval(this.#timer);
    for (const source of this.#sources.values()) source.stop();
    this.#held.clear();
  }

  #signal(reply: string, body: Uint8Array): void {
    // Lost with the connection, it is as if it had not been sent: the message comes again.
    this.#link.publish(reply, body);
  }

  #extendQueries(): void {
    const now = performance.now();
    for (const { isQuery, sinceMs, reply } of this.#held.values()) {
      if (isQuery && now - sinceMs < extendForMs) this.#signal(reply, signals.progress);
    }
  }

  /** False when the message was not given to the actor, and used no credit. */
  #onDelivery(kind: QueueKind, delivery: Delivery): boolean {
    const { reply, deliveries } = delivery;
    if (this.#isDraining) {
      this.#signal(reply, signals.refuse);
      return false;
    }
    const decoded = decodeMessage(delivery.header, delivery.body);
    if (!decoded.ok) {
      this.#signal(reply, signals.terminate);
      this.#handlers.report("error", `a ${kind} was set aside: ${decoded.reason}`);
      return false;
    }
    const id = String(this.#count++);
    this.#held.set(id, { reply, isQuery: kind === "query", sinceMs: performance.now() });
    this.#handlers.delivered(id, deliveries, decoded.message);
    return true;
  }
}

function queueOf(definitions: readonly AnyDefinition[]): QueueKind {
  const durability = definitions[0]?.durability;
  if (durability === "command" || durability === "task" || durability === "query") {
    return durability;
  }
  throw new Error(`${durability} messages are not taken off a queue`);
}
