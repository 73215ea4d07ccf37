// Cutting the open range where a seal says: nothing is lost, doubled or counted twice.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addEntry, cutRange, emptyRange, type FoldedEntry } from "../../src/log/open-range.js";

function entry(sequence: number, kind: "rows" | "deletes" | "tick" | "seal"): FoldedEntry {
  const at = { sequence, appendedAtUs: sequence * 10, commit: BigInt(sequence) };
  const rows = { sequence, commit: at.commit, rows: new Uint8Array(4), count: 2 };
  const tombstone = { key: 1n, sequence, bornThrough: sequence, commit: at.commit };
  return {
    at,
    foldedAtMs: sequence,
    isSeal: kind === "seal",
    rows: kind === "rows" ? rows : null,
    tombstones: kind === "deletes" ? [tombstone] : [],
    bytes: kind === "rows" || kind === "deletes" ? 4 : 0,
  };
}

const kinds = fc.array(fc.constantFrom("rows", "deletes", "tick", "seal"), { minLength: 1 });

describe("open range", () => {
  it("divides what was folded at any position into what is closed and what stays open", () => {
    fc.assert(
      fc.property(kinds, fc.nat(), (list, cut) => {
        const range = emptyRange(100);
        const folded = list.map((kind, index) => entry(101 + index, kind));
        for (const one of folded) addEntry(range, one);
        const through = 101 + (cut % list.length);
        const { sealed, open } = cutRange(range, through);
        expect(sealed.checkpoint).toEqual(folded[through - 101]?.at);
        expect([...sealed.entries, ...open.folded.flatMap(({ rows }) => rows ?? [])]).toEqual(
          folded.flatMap(({ rows }) => rows ?? []),
        );
        expect(sealed.entries.every(({ sequence }) => sequence <= through)).toBe(true);
        expect(sealed.tombstones.length).toBe(
          folded.filter(({ at, tombstones }) => at.sequence <= through && tombstones.length > 0)
            .length,
        );
        const rest = list.slice(through - 100);
        expect(open.from).toBe(through);
        expect(open.rows).toBe(rest.filter((kind) => kind === "rows").length * 2);
        expect(open.changes).toBe(rest.filter((kind) => kind !== "seal").length);
      }),
    );
  });

  it("takes no entry out of turn, and no cut outside of itself", () => {
    const range = emptyRange(0);
    addEntry(range, entry(1, "tick"));
    expect(() => addEntry(range, entry(3, "tick"))).toThrow("3 where 2 was due");
    expect(() => cutRange(range, 5)).toThrow();
    expect(() => cutRange(range, 0)).toThrow();
  });
});
