// Plants a bug of the simulation in the actors of a real host.
import type { Mutant, Whose } from "../../src/simulation/mutant.js";
import type { Effect, Outcome } from "../../src/system/actor.js";
import type { ChangeDefinition } from "../../src/system/actor-table.js";

/** Bounds what an actor may be told early in one go. */
const roundsMax = 1_000;

/** What the host's own parts do wrong (`mutant.host`) has no place here. */
export function planted(mutant: Mutant): ChangeDefinition {
  return (definition) => ({
    ...definition,
    initial(settings) {
      const changed = mutant.settings?.(definition.name, settings as object);
      return definition.initial((changed as typeof settings | undefined) ?? settings);
    },
    apply(state, told, now) {
      const whose: Whose = { actor: definition.name, state, now };
      const outcome = mutant.outcome?.(told, whose) ?? told;
      mutant.beforeApply?.(outcome, whose);
      definition.apply(state, outcome, now);
      mutant.afterApply?.(outcome, whose);
    },
    decide(state, now) {
      const whose: Whose = { actor: definition.name, state, now };
      const effects: Effect[] = [];
      for (let round = 0; round < roundsMax; round += 1) {
        const early: Outcome[] = [];
        for (const wanted of definition.decide(state, now)) {
          const effect = mutant.effect === undefined ? wanted : mutant.effect(wanted, whose);
          if (effect === null) continue;
          effects.push(effect);
          const outcome = mutant.early?.(effect, whose) ?? null;
          if (outcome !== null) early.push(outcome);
        }
        if (early.length === 0) break;
        for (const outcome of early) definition.apply(state, outcome, now);
      }
      return effects;
    },
  });
}
