// The seam through which a simulation plants a bug: nothing outside a simulation knows of it.
import type { Effect, Now, Outcome } from "../system/actor.js";
import type { Scenario } from "./scenario.js";

/** Whose state or effect it is. */
export interface Whose {
  /** The name of the actor's definition, such as `query-worker`. */
  readonly actor: string;
  // biome-ignore lint/suspicious/noExplicitAny: a planted bug reaches into any actor's state.
  readonly state: any;
  readonly now: Now;
}

/** A planted bug: each part that is there is called by the simulated host in its place. */
export interface Mutant {
  readonly name: string;
  /** What it does wrong, and which incident it stands for. */
  readonly about: string;
  /** Makes the circumstances in which it does harm more frequent; right code bears them as well. */
  provoke?(scenario: Scenario): Scenario;
  /** Replaces the outcome that an actor is told. */
  outcome?(outcome: Outcome, whose: Whose): Outcome;
  beforeApply?(outcome: Outcome, whose: Whose): void;
  afterApply?(outcome: Outcome, whose: Whose): void;
  /** Replaces an effect that an actor asked for; null drops it. */
  effect?(effect: Effect, whose: Whose): Effect | null;
  /** Tells the actor at once that this effect succeeded; it runs as well. */
  early?(effect: Effect, whose: Whose): Outcome | null;
  /** Settings of an actor that the bug changes. */
  settings?(actor: string, settings: object): object;
  /** What the hosts' own parts do wrong. */
  readonly host?: {
    /** Appends born of a client's request are sent again after a reconnect. */
    readonly resendsEverything?: boolean;
    /** A follower that was overtaken by a purge goes on with what is there. */
    readonly skipsHoles?: boolean;
    /** A follower looks at the last sequence only. */
    readonly comparesSequenceOnly?: boolean;
    /** Roots are written without a comparison. */
    readonly writesBlindly?: boolean;
    /** What the shared cache gives is taken for what was put there. */
    readonly trustsCache?: boolean;
    /** The bytes of an object are not compared with their hash. */
    readonly trustsObjects?: boolean;
  };
}
