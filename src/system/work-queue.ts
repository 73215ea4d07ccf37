// Takes work off the queues for one actor, as it has credits, and keeps it while it works.
import { setTimeout as delay } from "node:timers/promises";
import type { AnyDefinition, AnyMessage } from "../messages/catalogue.js";
import type { DeliveryId } from "./actor.js";
import { decodeMessage } from "./envelope.js";
import { nanoseconds } from "./jetstream.js";
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
const pollMs = 10;

const signals = {
  acknowledge: Buffer.from("+ACK"),
  progress: Buffer.from("+WPI"),
  refuse: Buffer.from("-NAK"),
  /** What ended one worker should not end the next one in the same moment. */
  refuseForNow: Buffer.from(`-NAK ${JSON.stringify({ delay: nanoseconds(1_000) })}`),
  terminate: Buffer.from("+TERM"),
};

interface Held {
  readonly reply: string;
  readonly kind: QueueKind;
  readonly sinceMs: number;
}

export class WorkQueue {
  readonly #link: NatsLink;
  readonly #handlers: WorkQueueHandlers;
  /** Runs while queries are held: an interval for each idle actor would add up. */
  #timer: NodeJS.Timeout | null = null;
  readonly #sources = new Map<string, WorkSource>();
  readonly #held = new Map<DeliveryId, Held>();
  #count = 0;
  #isDraining = false;

  constructor(link: NatsLink, handlers: WorkQueueHandlers) {
    this.#link = link;
    this.#handlers = handlers;
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
  }

  extend(id: DeliveryId): void {
    const delivery = this.#held.get(id);
    if (delivery !== undefined) this.#signal(delivery.reply, signals.progress);
  }

  /** After a reconnect, when streams are there again. */
  resume(): void {
    for (const source of this.#sources.values()) source.resume();
  }

  /**
   * Takes no more; resolves when what was taken is acknowledged, or the time is over. Tasks are not
   * waited for: they can take minutes, and another does them over.
   */
  async drain(timeoutMs: number): Promise<void> {
    this.#isDraining = true;
    for (const source of this.#sources.values()) source.stop();
    const until = performance.now() + timeoutMs;
    const isAwaited = ({ kind }: Held) => kind !== "task";
    while ([...this.#held.values()].some(isAwaited) && performance.now() < until) {
      await delay(pollMs);
    }
  }

  /** What was taken and not acknowledged goes to another at once. */
  stop(): void {
    this.#isDraining = true;
    this.#rest();
    for (const { reply, kind } of this.#held.values()) {
      this.#signal(reply, kind === "query" ? signals.refuse : signals.refuseForNow);
    }
    this.#held.clear();
    for (const source of this.#sources.values()) source.stop();
  }

  #signal(reply: string, body: Uint8Array): void {
    // Lost with the connection, it is as if it had not been sent: the message comes again.
    this.#link.publish(reply, body);
  }

  #extendQueries(): void {
    const now = performance.now();
    let queries = 0;
    for (const { kind, sinceMs, reply } of this.#held.values()) {
      if (kind !== "query") continue;
      queries += 1;
      if (now - sinceMs < extendForMs) this.#signal(reply, signals.progress);
    }
    if (queries === 0) this.#rest();
  }

  #rest(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** False when the message was not given to the actor, and used no credit. */
  #onDelivery(kind: QueueKind, delivery: Delivery): boolean {
    const { reply, deliveries } = delivery;
    const decoded = decodeMessage(delivery.header, delivery.body);
    if (!decoded.ok) {
      this.#signal(reply, signals.terminate);
      this.#handlers.report("error", `a ${kind} was set aside: ${decoded.reason}`);
      return false;
    }
    const id = String(this.#count++);
    this.#held.set(id, { reply, kind, sinceMs: performance.now() });
    if (kind === "query") this.#timer ??= setInterval(() => this.#extendQueries(), extendEveryMs);
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
