// One durable consumer of a work queue, shared with everybody who takes the same; heals by itself.
import { setTimeout as delay } from "node:timers/promises";
import type { Durability } from "../messages/define.js";
import { type ConsumerConfiguration, createConsumer, nanoseconds } from "./jetstream.js";
import type { NatsLink } from "./nats.js";
import { type Delivery, Pull } from "./pull.js";
import { streamOf } from "./streams.js";

export type QueueKind = Extract<Durability, "command" | "task" | "query">;

/** What is neither acknowledged nor extended for this long goes to another. */
export const commandAckWaitMs = 5_000;
export const taskAckWaitMs = 30_000;

/** How a queue gives its messages out again when their holder has died. */
const policies: Readonly<Record<QueueKind, { ackWaitMs: number; deliveriesMax: number }>> = {
  // Two replicas failed at it: the third delivery is answered so, not run.
  query: { ackWaitMs: 1_000, deliveriesMax: 3 },
  // Nobody executes one that is past its deadline, and the stream forgets it then.
  command: { ackWaitMs: commandAckWaitMs, deliveriesMax: -1 },
  // The worker itself gives up one that was delivered too often.
  task: { ackWaitMs: taskAckWaitMs, deliveriesMax: -1 },
};
/**
 * Asked for at a time, however many credits there are: the server goes on serving what a frozen
 * host has asked for, so that is how many messages are lost on it until they are given out again.
 * A busy one asks for more, as many as half of those that would be lost on it anyway.
 */
const outstanding = { idle: 2, max: 32 };
const retryMs = { min: 50, max: 2_000 };
const consumerIdleMs = 3_600_000;

export interface WorkSourceHandlers {
  /** False when it used no credit. */
  delivered(delivery: Delivery): boolean;
  report(text: string): void;
}

export class WorkSource {
  readonly #link: NatsLink;
  readonly #stream: string;
  readonly #consumer: ConsumerConfiguration & { readonly durable_name: string };
  readonly #handlers: WorkSourceHandlers;
  #credits = 0;
  /** Credits that are in use: messages that were delivered and are not done with. */
  #used = 0;
  #pull: Pull | null = null;
  #isOpening = false;
  #making: Promise<void> | null = null;
  #isEnding = false;
  #resumes = 0;

  constructor(link: NatsLink, kind: QueueKind, filter: string, handlers: WorkSourceHandlers) {
    this.#link = link;
    this.#stream = streamOf(kind);
    this.#consumer = consumerOf(kind, filter);
    this.#handlers = handlers;
  }

  ask(credits: number): void {
    this.#credits += credits;
    this.#used = Math.max(0, this.#used - credits);
    if (this.#pull === null) void this.#open();
    else this.#askForRest();
  }

  resume(): void {
    this.#resumes += 1;
    this.#pull?.close();
    this.#pull = null;
    if (!this.#isEnding) void this.#open();
  }

  /** The server drops what was asked for: nobody hears it any more. */
  stop(): void {
    this.#isEnding = true;
    this.#pull?.close();
  }

  /** Where the consumer only fell silent, it is asked again before it is known to be there. */
  async #open(isLikelyThere = false): Promise<void> {
    if (this.#isOpening) return;
    this.#isOpening = true;
    this.#making ??= this.#makeConsumer().finally(() => {
      this.#making = null;
    });
    if (!isLikelyThere) await this.#making;
    this.#isOpening = false;
    if (this.#isEnding) return;
    this.#pull = new Pull(this.#link, this.#stream, this.#consumer.durable_name, {
      delivered: (delivery) => {
        if (this.#handlers.delivered(delivery)) {
          this.#credits -= 1;
          this.#used += 1;
        }
        this.#askForRest();
      },
      ended: () => this.#askForRest(),
      lost: (reason, isSilent) => {
        this.#handlers.report(`${this.#consumer.filter_subject}: taking again: ${reason}`);
        this.#pull = null;
        void this.#open(isSilent);
      },
    });
    this.#askForRest();
  }

  async #makeConsumer(): Promise<void> {
    for (let waitMs = retryMs.min; !this.#isEnding; waitMs = Math.min(waitMs * 2, retryMs.max)) {
      const resumesBefore = this.#resumes;
      const created = await createConsumer(this.#link, this.#stream, this.#consumer);
      const isOnThisConnection = this.#resumes === resumesBefore;
      if (created.ok && isOnThisConnection) return;
      if (!created.ok && waitMs === retryMs.min) this.#handlers.report(created.detail);
      if (isOnThisConnection) await delay(waitMs);
    }
  }

  /** By halves: a request for each message would cost the server as much as the message. */
  #askForRest(): void {
    if (this.#pull === null || this.#isEnding) return;
    const busy = Math.min(outstanding.max, Math.floor(this.#used / 2));
    const wanted = Math.min(this.#credits, Math.max(outstanding.idle, busy));
    const open = this.#pull.outstanding;
    if (open < wanted && open <= wanted / 2) this.#pull.ask(wanted - open);
  }
}

function consumerOf(
  kind: QueueKind,
  filter: string,
): ConsumerConfiguration & { readonly durable_name: string } {
  const { ackWaitMs, deliveriesMax } = policies[kind];
  return {
    durable_name: filter.replaceAll(".", "-").replaceAll("*", "all"),
    filter_subject: filter,
    deliver_policy: "all",
    ack_policy: "explicit",
    ack_wait: nanoseconds(ackWaitMs),
    max_deliver: deliveriesMax,
    max_ack_pending: 10_000,
    inactive_threshold: nanoseconds(consumerIdleMs),
  };
}
