// The work queues: each message to one who takes it, and to another when that one falls silent.
import { type AnyDefinition, type AnyMessage, definitionOf } from "../messages/catalogue.js";
import type { DeliveryId } from "../system/actor.js";
import { filterOf } from "../system/streams.js";
import { covers } from "./announcements.js";
import type { RunningActor } from "./running-actor.js";
import { timings } from "./scenario.js";
import { copyOf, subjectOf } from "./wire.js";
import type { World } from "./world.js";

type QueueKind = "command" | "task" | "query";

interface Job {
  readonly kind: QueueKind;
  readonly subject: string;
  readonly message: AnyMessage;
  readonly bornMs: number;
  deliveries: number;
  /** Who holds it, and until when nobody else gets it. */
  holder: { actor: RunningActor; delivery: DeliveryId; untilMs: number } | null;
}

interface Demand {
  readonly actor: RunningActor;
  readonly filter: string;
  credits: number;
}

const policies: Readonly<Record<QueueKind, { ackWaitMs: number; deliveriesMax: number }>> = {
  query: { ackWaitMs: timings.queryAckWaitMs, deliveriesMax: 3 },
  command: { ackWaitMs: timings.commandAckWaitMs, deliveriesMax: Number.POSITIVE_INFINITY },
  task: { ackWaitMs: timings.taskAckWaitMs, deliveriesMax: 5 },
};
/** The host keeps its actors' queries for them as long as it lives. */
const queriesExtendedMs = 60_000;
const idsKeptMs: Readonly<Record<QueueKind, number>> = {
  query: 30_000,
  command: 60_000,
  task: 60_000,
};

export class WorkQueues {
  readonly #world: World;
  #jobs: Job[] = [];
  #demands: Demand[] = [];
  readonly #ids = new Map<string, { kind: QueueKind; sinceMs: number }>();

  constructor(world: World) {
    this.#world = world;
  }

  take(
    actor: RunningActor,
    definitions: readonly AnyDefinition[],
    token: string | null,
    credits: number,
  ): void {
    const filter = filterOf(definitions, token);
    this.#demands = this.#demands.filter((demand) => !demand.actor.isOver);
    const known = this.#demands.find(
      (demand) => demand.actor === actor && demand.filter === filter,
    );
    if (known === undefined) this.#demands.push({ actor, filter, credits });
    else known.credits += credits;
    this.#dispatch();
  }

  add(message: AnyMessage, messageId: string | null): void {
    const { nowMs } = this.#world;
    const known = messageId === null ? undefined : this.#ids.get(messageId);
    if (known !== undefined && nowMs - known.sinceMs < idsKeptMs[known.kind]) return;
    const kind = definitionOf(message.kind)?.durability as QueueKind;
    if (messageId !== null) this.#ids.set(messageId, { kind, sinceMs: nowMs });
    const job: Job = {
      kind,
      subject: subjectOf(message),
      message,
      bornMs: nowMs,
      deliveries: 0,
      holder: null,
    };
    this.#jobs.push(job);
    this.#dispatch();
  }

  /** The broker restarted: queries are kept in memory only, and their ids with them. */
  forgetMemory(): void {
    for (const [id, { kind }] of this.#ids) {
      if (kind === "query") this.#ids.delete(id);
    }
    this.#jobs = this.#jobs.filter(({ kind }) => kind !== "query");
  }

  acknowledge(delivery: DeliveryId): void {
    const job = this.#jobs.find(({ holder }) => holder?.delivery === delivery);
    if (job === undefined || this.#isForgotten(job)) return;
    this.#jobs = this.#jobs.filter((other) => other !== job);
  }

  /** An acknowledgement that is lost: commands are few, so more of theirs are. */
  #isForgotten({ kind }: Job): boolean {
    const chances = kind === "command" ? 4 : 1;
    return Array.from({ length: chances }).some(() => this.#world.strikes("deliveryRepeated"));
  }

  extend(delivery: DeliveryId): void {
    const job = this.#jobs.find(({ holder }) => holder?.delivery === delivery);
    if (job?.holder) job.holder.untilMs = this.#world.nowMs + policies[job.kind].ackWaitMs;
  }

  /** After a reconnect the pulls of an actor are made anew. */
  resumed(): void {
    this.#dispatch();
  }

  #dispatch(): void {
    for (const job of this.#jobs) {
      if (job.holder !== null || job.deliveries >= policies[job.kind].deliveriesMax) continue;
      const takers = this.#demands.filter(
        ({ actor, filter, credits }) =>
          credits > 0 && !actor.isOver && actor.host.link.alive && covers(filter, job.subject),
      );
      if (takers.length > 0) this.#deliver(job, this.#world.random.pick(takers));
    }
  }

  #deliver(job: Job, demand: Demand): void {
    const { actor } = demand;
    const { ackWaitMs } = policies[job.kind];
    const delivery = this.#world.uniqueName("d");
    job.deliveries += 1;
    job.holder = { actor, delivery, untilMs: this.#world.nowMs + ackWaitMs };
    demand.credits -= 1;
    let isReceived = false;
    const { deliveries } = job;
    actor.host.receive(this.#world.delay(), () => {
      isReceived = true;
      actor.deliver({ kind: "Delivered", delivery, deliveries, message: copyOf(job.message) });
    });
    this.#watch(job, delivery, ackWaitMs, () => {
      // What the connection swallowed used no credit: the host pulls again.
      if (!isReceived) demand.credits += 1;
    });
  }

  /** When its time is over and it was not kept, it is anybody's. */
  #watch(job: Job, delivery: DeliveryId, afterMs: number, lost: () => void): void {
    this.#world.after(afterMs, () => {
      const { holder } = job;
      if (holder?.delivery !== delivery || !this.#jobs.includes(job)) return;
      const { nowMs } = this.#world;
      if (this.#isKeptByHost(job)) holder.untilMs = nowMs + policies[job.kind].ackWaitMs;
      if (holder.untilMs > nowMs) return this.#watch(job, delivery, holder.untilMs - nowMs, lost);
      lost();
      job.holder = null;
      this.#dispatch();
    });
  }

  #isKeptByHost({ kind, holder, bornMs }: Job): boolean {
    if (kind !== "query" || holder === null) return false;
    const { actor, delivery } = holder;
    const { host } = actor;
    const isAlive = host.link.alive && !host.isPaused && !actor.isOver;
    return isAlive && actor.holds(delivery) && this.#world.nowMs - bornMs < queriesExtendedMs;
  }
}
