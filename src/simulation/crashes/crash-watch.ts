// Lets simulated processes die at the points that a director chooses, and notes their recovery.
import type { Effect, Outcome } from "../../system/actor.js";
import type { Host } from "../host.js";
import type { Random } from "../random.js";
import type { RunningActor } from "../running-actor.js";
import type { World } from "../world.js";
import { type Moment, sessionStep } from "./crash-points.js";
import { EffectSteps } from "./effect-steps.js";
import { isRecovered } from "./recovery.js";

/** Decides at which of the points that are met a process dies. */
export interface CrashDirector {
  /** True: the process dies of it. Called with each point that is met. */
  meets(point: string, nowMs: number): boolean;
  /** When the process that has just died is started again. */
  restartAfterMs(random: Random): number;
  /** All is whole again, or takes too long, and no process has died meanwhile. */
  recovered(nowMs: number): void;
  /** Whether the load may end. */
  isEnough(nowMs: number): boolean;
}

/** By then what was sent has arrived, as far as it does. */
const sentMs = 4;
const recoveryMsMax = 12_000;
const lookEveryMs = 50;
/** A process is started again at once, or when its peers have noticed. */
export const restartsAfterMs = [30, 3_000] as const;

export class CrashWatch {
  readonly #director: CrashDirector;
  readonly #world: World;
  readonly #steps = new WeakMap<RunningActor, EffectSteps>();
  #crashes = 0;

  constructor(world: World, director: CrashDirector) {
    this.#world = world;
    this.#director = director;
  }

  /** True: the process has died of it, and the effect is not to be started. */
  asks(actor: RunningActor, effect: Effect): boolean {
    const asked = this.#stepsOf(actor).asked(effect);
    if (asked === null) return false;
    const { step, hasOutcome } = asked;
    if (this.#meets(actor.host, step, "before")) return true;
    if (!hasOutcome) actor.host.post(sentMs, () => void this.#meets(actor.host, step, "after"));
    return false;
  }

  /** True: the process has died of it, and the actor must not hear of the outcome. */
  hears(actor: RunningActor, outcome: Outcome): boolean {
    const step = this.#stepsOf(actor).heard(outcome);
    return step !== null && this.#meets(actor.host, step, "after");
  }

  /** A host writes its own session record. */
  session(host: Host, moment: Moment): boolean {
    return this.#meets(host, sessionStep, moment);
  }

  #stepsOf(actor: RunningActor): EffectSteps {
    const known = this.#steps.get(actor);
    if (known !== undefined) return known;
    const steps = new EffectSteps(actor.definition.name);
    this.#steps.set(actor, steps);
    return steps;
  }

  #meets(host: Host, step: string, moment: Moment): boolean {
    if (!this.#world.hasFaults || !host.isUp) return false;
    const point = `${step}/${moment}`;
    if (!this.#director.meets(point, this.#world.nowMs)) return false;
    this.#crash(host, point);
    return true;
  }

  #crash(host: Host, point: string): void {
    const world = this.#world;
    world.trace.line(`${host.name} dies at ${point}`);
    host.crash();
    this.#crashes += 1;
    world.after(this.#director.restartAfterMs(world.random), () => {
      if (!host.isUp) host.start();
    });
    this.#lookLater(this.#crashes, world.nowMs + recoveryMsMax);
  }

  #lookLater(crashes: number, untilMs: number): void {
    this.#world.after(lookEveryMs, () => {
      if (this.#crashes !== crashes) return;
      if (!isRecovered(this.#world) && this.#world.nowMs < untilMs) {
        return this.#lookLater(crashes, untilMs);
      }
      this.#director.recovered(this.#world.nowMs);
    });
  }
}
