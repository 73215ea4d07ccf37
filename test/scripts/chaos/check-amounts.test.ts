// Counts and exact searches are decided as far as the ledger decides them, and no further.
import { describe, expect, it } from "vitest";
import { checkApproximate, checkCount, checkSearch } from "../../../scripts/chaos/check-amounts.js";
import type { Reading } from "../../../scripts/chaos/check-rows.js";
import { Findings } from "../../../scripts/chaos/findings.js";
import { Ledger } from "../../../scripts/chaos/ledger.js";
import { distance, type ShownHit, vectorOf } from "../../../scripts/chaos/rows.js";
import { addTo, shown } from "./a-ledger.js";

const reading: Reading = { what: "search", isFinal: false, window: { floor: 50, until: 60 } };
const keys = [1, 2, 3, 4];
const vector = new Float32Array(8);

function ledger(): Ledger {
  const rows = new Ledger("keyed");
  addTo(rows, [1, "insert", "acknowledged", 10, 20], [1, 2, 3]);
  addTo(rows, [2, "insert", "unknown", 10, 20], [4]);
  return rows;
}

const hit = (key: number, over: Partial<ShownHit> = {}): ShownHit => {
  const write = key === 4 ? 2 : 1;
  return { ...shown(write, key), score: distance(vector, vectorOf(key, write)), ...over };
};
const inOrder = (...hits: ShownHit[]) => hits.sort((left, right) => left.score - right.score);

function kinds(check: (findings: Findings) => void): readonly string[] {
  const findings = new Findings();
  check(findings);
  return findings.kept.map(({ kind }) => kind);
}

describe("a count", () => {
  const ofCount = (count: number) =>
    kinds((findings) => checkCount(ledger(), findings, count, keys, reading));
  it.each([
    [2, ["partial"]],
    [3, []],
    [4, []],
    [5, ["duplicated"]],
  ])("of %d", (count, expected) => expect(ofCount(count)).toEqual(expected));
});

describe("an exact search", () => {
  const ofHits = (hits: readonly ShownHit[], limit: number) =>
    kinds((findings) => checkSearch(ledger(), findings, hits, { vector, limit, keys }, reading));
  const all = inOrder(hit(1), hit(2), hit(3));

  it("takes every row that is certain", () => expect(ofHits(all, 10)).toEqual([]));
  it("takes an unknown one too", () => expect(ofHits(inOrder(...all, hit(4)), 10)).toEqual([]));
  it("misses a certain one", () => expect(ofHits(all.slice(0, 2), 10)).toEqual(["partial"]));
  it("misses a nearer one", () => expect(ofHits(all.slice(1), 2)).toEqual(["partial"]));
  it("does not miss a farther one", () => expect(ofHits(all.slice(0, 2), 2)).toEqual([]));
  it("finds a wrong score", () => {
    const [first, ...rest] = all;
    const wrong = { ...(first as ShownHit), score: (first as ShownHit).score - 1 };
    expect(ofHits([wrong, ...rest], 10)).toEqual(["phantom"]);
  });
  it("finds a wrong order", () => expect(ofHits([...all].reverse(), 10)).toEqual(["partial"]));
  it("finds a row twice", () =>
    expect(ofHits(inOrder(...all, hit(1)), 10)).toEqual(["duplicated"]));
});

describe("an approximate search", () => {
  const ofHits = (hits: readonly ShownHit[], limit: number) =>
    kinds((findings) =>
      checkApproximate(ledger(), findings, hits, { vector, limit, keys }, reading),
    );
  it("may miss a nearer one", () =>
    expect(ofHits(inOrder(hit(1), hit(2), hit(3)).slice(1), 2)).toEqual([]));
  it("may not give fewer than there are", () => expect(ofHits([hit(1)], 2)).toEqual(["partial"]));
});
