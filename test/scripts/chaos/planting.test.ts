// A planted bug changes what an actor is told and asks for, and its settings; without one, nothing.
import { expect, test } from "vitest";
import { planted } from "../../../scripts/chaos/planting.js";
import { timestampOracle } from "../../../src/actors/timestamp-oracle.js";
import type { Mutant } from "../../../src/simulation/mutant.js";

const now = { monotonicMs: 1, wallMs: 1 };
const settings = { host: "h", sessionTtlMs: 1_000 };

function effectsOf(mutant: Omit<Mutant, "name" | "about">): string[] {
  const actor = planted({ name: "test", about: "a test", ...mutant })(timestampOracle);
  const state = actor.initial(settings);
  actor.apply(state, { kind: "Started", incarnation: "i" }, now);
  return actor.decide(state, now).map(({ kind }) => kind);
}

test("leaves an actor alone where the bug has no part", () => {
  const state = timestampOracle.initial(settings);
  timestampOracle.apply(state, { kind: "Started", incarnation: "i" }, now);
  const kinds = timestampOracle.decide(state, now).map(({ kind }) => kind);
  expect(kinds.length).toBeGreaterThan(0);
  expect(effectsOf({})).toEqual(kinds);
});

test("drops effects, and tells early that one succeeded", () => {
  expect(effectsOf({ effect: () => null })).toEqual([]);
  const told: string[] = [];
  effectsOf({
    early: (effect) => {
      if (effect.kind !== "readMetadata") return null;
      told.push(effect.id);
      return { kind: "MetadataRead", id: effect.id, result: { ok: true, entry: null } };
    },
  });
  expect(told).not.toEqual([]);
});
