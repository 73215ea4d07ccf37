// Drives one actor by hand: an outcome goes in, the effects that it calls for come out.
import type { ActorDefinition, Effect, Outcome } from "../../src/system/actor.js";

type EffectOf<Kind extends Effect["kind"]> = Extract<Effect, { kind: Kind }>;

export class Driven<State> {
  readonly state: State;
  monotonicMs = 1_000;
  wallMs = 1_700_000_000_000;
  /** All effects so far, in their order. */
  readonly effects: Effect[] = [];
  readonly #definition: ActorDefinition<never, State>;

  constructor(definition: ActorDefinition<never, State>, settings: unknown) {
    this.#definition = definition;
    this.state = definition.initial(settings as never);
  }

  /** The effects that this outcome calls for. */
  tell(outcome: Outcome): Effect[] {
    const now = { monotonicMs: this.monotonicMs, wallMs: this.wallMs };
    this.#definition.apply(this.state, outcome, now);
    const effects = [...this.#definition.decide(this.state, now)];
    this.effects.push(...effects);
    return effects;
  }

  /** Time goes by, and then a timer fires. */
  pass(ms: number, timer: string): Effect[] {
    this.monotonicMs += ms;
    this.wallMs += ms;
    return this.tell({ kind: "TimerFired", id: timer });
  }

  report() {
    const now = { monotonicMs: this.monotonicMs, wallMs: this.wallMs };
    return this.#definition.status(this.state, now);
  }
}

export function every<Kind extends Effect["kind"]>(
  effects: readonly Effect[],
  kind: Kind,
): EffectOf<Kind>[] {
  return effects.filter((effect): effect is EffectOf<Kind> => effect.kind === kind);
}

/** The only effect of this kind. */
export function one<Kind extends Effect["kind"]>(
  effects: readonly Effect[],
  kind: Kind,
): EffectOf<Kind> {
  const [found, ...others] = every(effects, kind);
  if (found === undefined || others.length > 0) {
    const kinds = effects.map((effect) => effect.kind).join(", ");
    throw new Error(`one '${kind}' was expected among: ${kinds || "nothing"}`);
  }
  return found;
}

/** The only effects of this kind, as many of them. */
export function published(effects: readonly Effect[]) {
  return every(effects, "publish").map(({ message }) => message);
}
