// Follows the steps of one life of an actor: what it asked for, and which outcome belongs to it.
import type { Effect, Outcome } from "../../system/actor.js";
import { stepOf } from "./crash-points.js";

export interface AskedStep {
  /** As `<actor>/<effect>[:<detail>]`. */
  readonly step: string;
  /** False: nothing comes back. */
  readonly hasOutcome: boolean;
}

export class EffectSteps {
  readonly #actor: string;
  /** By the effect's id. */
  readonly #inHand = new Map<string, string>();

  constructor(actor: string) {
    this.#actor = actor;
  }

  asked(effect: Effect): AskedStep | null {
    const name = stepOf(effect);
    if (name === null) return null;
    const step = `${this.#actor}/${name}`;
    if (!("id" in effect)) return { step, hasOutcome: false };
    this.#inHand.set(effect.id, step);
    return { step, hasOutcome: true };
  }

  /** The step that this outcome ends. */
  heard(outcome: Outcome): string | null {
    if (!("id" in outcome)) return null;
    const step = this.#inHand.get(outcome.id) ?? null;
    this.#inHand.delete(outcome.id);
    return step;
  }
}
