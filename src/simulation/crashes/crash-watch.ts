// Lets simulated processes die at the points of a plan, and notes which points a run comes to.
import type { Effect, Outcome } from "../../system/actor.js";
import type { Host } from "../host.js";
import type { RunningActor } from "../running-actor.js";
import type { World } from "../world.js";
import { type Moment, sessionStep } from "./crash-points.js";
import { EffectSteps } from "./effect-steps.js";
import { isRecovered } from "./recovery.js";

export interface PlannedCrash {
  readonly point: string;
  /** The how-manieth time that the point is met since the crash before, from 1 on. */
  readonly hit: number;
}

export interface MetPoint {
  hits: number;
  readonly firstAtMs: number;
}

/** By then what was sent has arrived, as far as it does. */
const sentMs = 4;
const recoveryMsMax = 12_000;
const lookEveryMs = 50;
/** A process is started again at once, or when its peers have noticed. */
const restartsAfterMs = [30, 3_000] as const;

export class CrashWatch {
  readonly #plan: readonly PlannedCrash[];
  readonly #world: World;
  readonly #steps = new WeakMap<RunningActor, EffectSteps>();
  /** What was met before the first crash, between it and the recovery from it, and so on. */
  readonly met: Map<string, MetPoint>[] = [new Map()];
  crashes = 0;
  /** Since when the last crash is recovered from. */
  recoveredAtMs: number | null = null;
  #isRecovering = false;

  constructor(world: World, plan: readonly PlannedCrash[]) {
    this.#world = world;
    this.#plan = plan;
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
    const isOpen = this.crashes === 0 || this.#isRecovering;
    const met = this.met[this.crashes];
    if (!isOpen || met === undefined) return false;
    const point = `${step}/${moment}`;
    const entry = met.get(point) ?? { hits: 0, firstAtMs: this.#world.nowMs };
    entry.hits += 1;
    met.set(point, entry);
    const next = this.#plan[this.crashes];
    if (next?.point !== point || next.hit !== entry.hits) return false;
    this.#crash(host, point);
    return true;
  }

  #crash(host: Host, point: string): void {
    const world = this.#world;
    world.trace.line(`${host.name} dies at ${point}`);
    host.crash();
    this.crashes += 1;
    this.met.push(new Map());
    this.#isRecovering = true;
    this.recoveredAtMs = null;
    world.after(world.random.pick(restartsAfterMs), () => {
      if (!host.isUp) host.start();
    });
    this.#lookLater(this.crashes, world.nowMs + recoveryMsMax);
  }

  #lookLater(crashes: number, untilMs: number): void {
    this.#world.after(lookEveryMs, () => {
      if (this.crashes !== crashes) return;
      if (!isRecovered(this.#world) && this.#world.nowMs < untilMs) {
        return this.#lookLater(crashes, untilMs);
      }
      this.#isRecovering = false;
      this.recoveredAtMs = this.#world.nowMs;
    });
  }
}
