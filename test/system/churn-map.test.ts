// The map of what comes and goes: a map like any other, however often it is rebuilt.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ChurnMap } from "../../src/system/churn-map.js";

describe("a map that churns", () => {
  it("holds what a map holds, in its order, after any changes", () => {
    const change = fc.record({
      kind: fc.constantFrom("set", "delete"),
      key: fc.nat(20),
      rounds: fc.integer({ min: 1, max: 100 }),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const model = new Map<number, number>();
        const map = new ChurnMap<number, number>();
        for (const [turn, { kind, key, rounds }] of changes.entries()) {
          // Many removals in a row: the map is rebuilt among them.
          for (let round = 0; kind === "delete" && round < rounds; round += 1) {
            model.set(key + round, turn);
            map.set(key + round, turn);
            expect(map.delete(key + round)).toBe(model.delete(key + round));
          }
          if (kind !== "set") continue;
          model.set(key, turn);
          map.set(key, turn);
        }
        expect([...map]).toEqual([...model]);
        expect([...map.keys()]).toEqual([...model.keys()]);
        for (let key = 0; key < 120; key += 1) {
          expect(map.get(key)).toBe(model.get(key));
        }
        expect(map.delete(-1)).toBe(false);
      }),
      { numRuns: 100 },
    );
  });
});
