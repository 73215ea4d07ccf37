// One actor in a simulated process: told its outcomes one at a time, its effects run as data.
import type { AnyMessage } from "../messages/catalogue.js";
import type { ActorDefinition, Effect, LogPosition, Outcome } from "../system/actor.js";
import { ComputeRunner } from "./compute-runner.js";
import type { Host } from "./host.js";
import { LogFollower } from "./log-follower.js";
import type { Whose } from "./mutant.js";
import { runEffect } from "./run-effect.js";
import { lineOfMessage, lineOfOutcome } from "./trace-lines.js";

// biome-ignore lint/suspicious/noExplicitAny: a host runs actors of any settings and state.
export type AnyActor = ActorDefinition<any, any>;

export class RunningActor {
  readonly host: Host;
  /** Unique in the process, such as `query-worker c0`. */
  readonly name: string;
  readonly definition: AnyActor;
  readonly incarnation: string;
  readonly compute: ComputeRunner;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  readonly state: any;
  isOver = false;
  #follower: LogFollower | null = null;
  /** Deliveries that were told and not acknowledged. */
  readonly #held = new Set<string>();
  /** How often a timer of this id was started. */
  readonly #timers = new Map<string, number>();
  readonly #restart: (afterMs: number) => void;

  constructor(
    host: Host,
    name: string,
    definition: AnyActor,
    settings: object,
    restart: (afterMs: number) => void,
  ) {
    this.host = host;
    this.name = name;
    this.definition = definition;
    this.incarnation = host.world.uniqueName(`${host.name}-${definition.name}`);
    this.#restart = restart;
    this.compute = new ComputeRunner(this);
    const changed = host.world.mutant?.settings?.(definition.name, settings);
    this.state = definition.initial(changed ?? settings);
    this.tellSoon({ kind: "Started", incarnation: this.incarnation });
  }

  end(): void {
    this.isOver = true;
    this.#follower?.stop();
  }

  restart(afterMs: number): void {
    if (this.isOver) return;
    this.end();
    this.#restart(afterMs);
  }

  /** Stops after a last word to the actor, and a while for what that sets going. */
  stop(): void {
    this.tell({ kind: "Stopping" });
    this.host.post(200, () => this.end());
  }

  resumed(connection: number): void {
    this.#follower?.open();
    this.host.world.queues.resumed();
    this.tell({ kind: "Reconnected", connection });
  }

  holds(delivery: string): boolean {
    return this.#held.has(delivery);
  }

  letGo(delivery: string): void {
    this.#held.delete(delivery);
  }

  deliver(delivered: Extract<Outcome, { kind: "Delivered" }>): void {
    if (this.isOver) return;
    this.#held.add(delivered.delivery);
    this.tell(delivered);
  }

  /** Returns whether it is still the last of its id, which has taken the place of others. */
  startTimer(id: string): () => boolean {
    const started = (this.#timers.get(id) ?? 0) + 1;
    this.#timers.set(id, started);
    return () => this.#timers.get(id) === started;
  }

  follow(channel: string, after: LogPosition | null): void {
    this.#follower?.stop();
    this.#follower = new LogFollower(this, channel, after);
    this.#follower.open();
  }

  hold(): void {
    this.#follower?.hold();
  }

  release(): void {
    this.#follower?.release();
  }

  /** As its own message, after what is being handled now. */
  tellSoon(outcome: Outcome): void {
    this.host.post(0, () => this.tell(outcome));
  }

  tell(told: Outcome): void {
    if (this.isOver || !this.host.isUp) return;
    const { world, now } = this.host;
    if (world.crashes?.hears(this, told)) return;
    const whose: Whose = { actor: this.definition.name, state: this.state, now };
    const outcome = world.mutant?.outcome?.(told, whose) ?? told;
    world.trace.line(`${this.host.name}/${this.name} <- ${lineOfOutcome(outcome)}`);
    let effects: readonly Effect[];
    try {
      world.mutant?.beforeApply?.(outcome, whose);
      this.definition.apply(this.state, outcome, now);
      world.mutant?.afterApply?.(outcome, whose);
      effects = this.definition.decide(this.state, now);
    } catch (error) {
      world.auditor.actorFailed(`${this.host.name}/${this.name}`, outcome.kind, error);
      return this.restart(1_000);
    }
    this.#run(effects, whose);
  }

  /** The process may die between any two effects. */
  #run(effects: readonly Effect[], whose: Whose): void {
    const { world, run } = this.host;
    for (const wanted of effects) {
      if (world.strikes("crashBetweenEffects")) this.host.crash();
      if (this.isOver || this.host.run !== run) return;
      const effect = world.mutant?.effect ? world.mutant.effect(wanted, whose) : wanted;
      if (effect === null) continue;
      if (world.crashes?.asks(this, effect)) return;
      const early = world.mutant?.early?.(effect, whose) ?? null;
      if (early !== null) this.tellSoon(early);
      runEffect(this, effect);
    }
  }

  traceSent(message: AnyMessage): void {
    this.host.world.trace.line(`${this.host.name}/${this.name} -> ${lineOfMessage(message)}`);
  }
}
