// The checker can fail: it is fed with every kind of violation, and with what looks like one.
import { describe, expect, it } from "vitest";
import { checkRows, type Reading } from "../../../scripts/chaos/check-rows.js";
import { Findings, type ViolationCounts, violationLines } from "../../../scripts/chaos/findings.js";
import type { Ledger } from "../../../scripts/chaos/ledger.js";
import type { ShownRow } from "../../../scripts/chaos/rows.js";
import { key, ledgerOf, type Step, shown } from "./a-ledger.js";

const during: Reading = { what: "strong query", isFinal: false, window: { floor: 50, until: 60 } };
const final: Reading = { what: "final scan", isFinal: true, window: { floor: 50, until: 50 } };

const inserted: Step = [1, "insert", "acknowledged", 10, 20];
const replaced: Step = [2, "upsert", "acknowledged", 30, 40];
const deleted: Step = [2, "delete-filter", "acknowledged", 30, 40];

function found(
  ledger: Ledger,
  rows: readonly ShownRow[],
  reading: Reading,
): Partial<ViolationCounts> {
  const findings = new Findings();
  checkRows(ledger, findings, { rows, keys: ledger.keys }, reading);
  return Object.fromEntries(Object.entries(findings.counts).filter(([, count]) => count > 0));
}

describe("the last scan", () => {
  type Case = readonly [string, readonly Step[], readonly ShownRow[], Partial<ViolationCounts>];
  const cases: readonly Case[] = [
    ["all as it must be", [inserted, replaced], [shown(2)], {}],
    ["an acknowledged row that is gone", [inserted], [], { lost: 1 }],
    ["an older value", [inserted, replaced], [shown(1)], { lost: 1 }],
    ["a key twice", [inserted], [shown(1), shown(1)], { duplicated: 1 }],
    ["a deleted row", [inserted, deleted], [shown(1)], { resurrected: 1 }],
    ["a value that nobody wrote", [inserted], [shown(9)], { phantom: 1 }],
    ["a key that nobody wrote", [inserted], [shown(1), shown(1, 8)], { phantom: 1 }],
    ["another writer's name", [inserted], [shown(1, key, { owner: 2 })], { phantom: 1 }],
    ["a vector of other numbers", [inserted], [shown(1, key, { v: [0, 0] })], { phantom: 1 }],
    ["a refused value", [inserted, [2, "upsert", "refused", 30, 40]], [shown(2)], { phantom: 1 }],
    ["an unknown value, there", [inserted, [2, "upsert", "unknown", 30, 40]], [shown(2)], {}],
    ["an unknown value, not there", [inserted, [2, "upsert", "unknown", 30, 40]], [shown(1)], {}],
  ];
  it.each(cases)("%s", (_, steps, rows, violations) => {
    expect(found(ledgerOf(steps), rows, final)).toEqual(violations);
  });

  it("knows the id under which an automatic key was acknowledged", () => {
    const ledger = ledgerOf([inserted]);
    ledger.noteId(key, "77");
    expect(found(ledger, [shown(1, key, { id: "77" })], final)).toEqual({});
    expect(found(ledger, [shown(1)], final)).toEqual({ phantom: 1 });
  });
});

describe("a read during the run", () => {
  type Case = readonly [string, readonly Step[], readonly ShownRow[], Partial<ViolationCounts>];
  const cases: readonly Case[] = [
    ["an older value", [inserted, replaced], [shown(1)], { stale: 1 }],
    ["a row left out", [inserted], [], { partial: 1 }],
    ["a deleted row", [inserted, deleted], [shown(1)], { resurrected: 1 }],
    ["a write under way, there", [inserted, [2, "upsert", "open", 55, 0]], [shown(2)], {}],
    ["a write under way, not there", [inserted, [2, "upsert", "open", 55, 0]], [shown(1)], {}],
    [
      "a write that began later",
      [inserted, [2, "upsert", "open", 65, 0]],
      [shown(2)],
      { phantom: 1 },
    ],
  ];
  it.each(cases)("%s", (_, steps, rows, violations) => {
    expect(found(ledgerOf(steps), rows, during)).toEqual(violations);
  });

  it("a session that goes back, though no write had ended before", () => {
    const ledger = ledgerOf([inserted, [2, "upsert", "open", 30, 0]]);
    const seen = new Map(
      ledger
        .history(key)
        .slice(1)
        .map((write) => [key, write] as const),
    );
    const session = { ...during, what: "session query", window: { floor: 25, until: 60 }, seen };
    expect(found(ledger, [shown(2)], session)).toEqual({});
    expect(found(ledger, [shown(1)], session)).toEqual({ stale: 1 });
  });
});

it("tells the whole story of a violation", () => {
  const ledger = ledgerOf([inserted, deleted]);
  const findings = new Findings();
  checkRows(ledger, findings, { rows: [shown(1)], keys: [key] }, final);
  const [violation] = findings.kept;
  const lines = violation === undefined ? [] : violationLines(violation);
  expect(lines).toEqual([
    "resurrected: keyed key 7: final scan: shows 1 where absent is legal",
    "    10..20 ms insert acknowledged: write 1 of 1, 1 keys, request request-1",
    "    30..40 ms delete-filter acknowledged: write 2 of 1, 1 keys, request request-2",
  ]);
  expect(findings.total).toBe(1);
});
