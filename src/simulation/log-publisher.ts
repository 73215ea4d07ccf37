// A process's appends on their way: which are sent again after a loss, and which die with it.
import type { Outcome } from "../system/actor.js";
import type { Host } from "./host.js";
import type { AppendAnswer, AppendEffect } from "./log-broker.js";
import type { RunningActor } from "./running-actor.js";

const resendAfterMs = 1_000;
const deadlineMs = 10_000;

interface Pending {
  readonly effect: AppendEffect;
  readonly actor: RunningActor;
  isSettled: boolean;
  waitsForConnection: boolean;
}

type Reason = Extract<Outcome, { kind: "AppendFailed" }>["reason"];

export class LogPublisher {
  readonly #host: Host;
  readonly #table = new Set<Pending>();

  constructor(host: Host) {
    this.#host = host;
  }

  append(actor: RunningActor, effect: AppendEffect): void {
    const { link } = this.#host;
    const pending: Pending = { effect, actor, isSettled: false, waitsForConnection: false };
    const isOfThisConnection = effect.connection === link.generation && link.connected;
    this.#table.add(pending);
    if (!this.#maySendAgain(pending) && !isOfThisConnection) {
      return this.#fail(pending, "disconnected");
    }
    this.#host.post(deadlineMs, () => this.#fail(pending, "timeout"));
    this.#send(pending);
  }

  /** Only what no client's request gave birth to. */
  #maySendAgain({ effect }: Pending): boolean {
    return effect.connection === null || this.#host.world.mutant?.host?.resendsEverything === true;
  }

  #send(pending: Pending): void {
    if (pending.isSettled) return;
    const { world, link } = this.#host;
    if (!link.connected) {
      pending.waitsForConnection = true;
      return;
    }
    this.#host.send(world.delay(), () => this.#arrive(pending));
    this.#host.post(resendAfterMs, () => {
      if (!pending.waitsForConnection) this.#send(pending);
    });
  }

  #arrive(pending: Pending): void {
    const { world } = this.#host;
    pending.actor.traceSent(pending.effect.message);
    const answer = world.broker.append(pending.effect);
    if (world.strikes("acknowledgementLost")) return;
    this.#host.receive(world.delay(), () => this.#settle(pending, answer));
  }

  #settle(pending: Pending, answer: AppendAnswer): void {
    if (!answer.ok) return this.#fail(pending, answer.reason);
    if (!this.#take(pending)) return;
    const { sequence, duplicate } = answer;
    pending.actor.tell({ kind: "Appended", id: pending.effect.id, sequence, duplicate });
  }

  #fail(pending: Pending, reason: Reason): void {
    if (!this.#take(pending)) return;
    const { id } = pending.effect;
    pending.actor.tellSoon({ kind: "AppendFailed", id, reason, detail: "simulated" });
  }

  #take(pending: Pending): boolean {
    if (pending.isSettled) return false;
    pending.isSettled = true;
    this.#table.delete(pending);
    return true;
  }

  disconnected(): void {
    for (const pending of [...this.#table]) {
      if (this.#maySendAgain(pending)) pending.waitsForConnection = true;
      else this.#fail(pending, "disconnected");
    }
  }

  /** Sent again in any order: what is newly appended may even come in between. */
  resume(): void {
    for (const pending of this.#table) {
      if (!pending.waitsForConnection) continue;
      pending.waitsForConnection = false;
      this.#send(pending);
    }
  }
}
