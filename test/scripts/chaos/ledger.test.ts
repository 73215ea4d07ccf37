// What a key may show follows from its writes: acknowledged, refused, unknown, or under way.
import { describe, expect, it } from "vitest";
import { key, ledgerOf, type Step } from "./a-ledger.js";

const at = (time: number) => ({ floor: time, until: time });
const legal = (steps: readonly Step[], floor: number, until = floor) =>
  [...ledgerOf(steps).legal(key, { floor, until }).states].map(String).sort();

const inserted: Step = [1, "insert", "acknowledged", 10, 20];

describe("the legal states of a key", () => {
  const cases: readonly [string, readonly Step[], number, number, readonly string[]][] = [
    ["nothing was ever written", [], 5, 5, ["absent"]],
    ["it was written and acknowledged", [inserted], 30, 30, ["1"]],
    ["the acknowledgement came after the read began", [inserted], 15, 30, ["1", "absent"]],
    ["the write began after the read ended", [inserted], 5, 8, ["absent"]],
    [
      "the newest of two acknowledged ones wins",
      [inserted, [2, "upsert", "acknowledged", 30, 40]],
      50,
      50,
      ["2"],
    ],
    [
      "an acknowledged delete",
      [inserted, [2, "delete-ids", "acknowledged", 30, 40]],
      50,
      50,
      ["absent"],
    ],
    ["a refused write", [inserted, [2, "upsert", "refused", 30, 40]], 50, 50, ["1"]],
    ["a write under way", [inserted, [2, "upsert", "open", 30, 0]], 50, 60, ["1", "2"]],
    [
      "an unknown write branches",
      [inserted, [2, "delete-filter", "unknown", 30, 40]],
      50,
      50,
      ["1", "absent"],
    ],
    [
      "an unknown write may come late, after an acknowledged one",
      [inserted, [2, "upsert", "unknown", 30, 40], [3, "upsert", "acknowledged", 50, 60]],
      70,
      70,
      ["2", "3"],
    ],
    [
      "two unknown writes",
      [inserted, [2, "upsert", "unknown", 30, 40], [3, "delete-ids", "unknown", 50, 60]],
      70,
      70,
      ["1", "2", "absent"],
    ],
  ];
  it.each(cases)("%s", (_, steps, floor, until, states) => {
    expect(legal(steps, floor, until)).toEqual(states);
  });
});

describe("a ledger", () => {
  it("counts rows by outcome", () => {
    const ledger = ledgerOf([inserted, [2, "upsert", "unknown", 30, 40]], [1, 2, 3]);
    expect(ledger.counts).toEqual({ writes: 6, acknowledged: 3, unknown: 3, refused: 0 });
    expect(ledger.keys).toEqual([1, 2, 3]);
    expect(ledger.isUncertain(2)).toBe(true);
    expect(ledger.isUncertain(4)).toBe(false);
  });

  it("names the write that a read had to show", () => {
    const ledger = ledgerOf([inserted, [2, "upsert", "acknowledged", 30, 40]]);
    expect(ledger.legal(key, at(50)).base?.number).toBe(2);
    expect(ledger.legal(key, { floor: 25, until: 35 }).base?.number).toBe(1);
  });
});
