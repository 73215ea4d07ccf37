// Holds counts and exact searches against the ledger: complete as far as the ledger can decide.
import { checkEach, type Reading } from "./check-rows.js";
import type { Findings } from "./findings.js";
import type { Ledger, State } from "./ledger.js";
import { distance, type ShownHit, vectorOf } from "./rows.js";

export function checkCount(
  ledger: Ledger,
  findings: Findings,
  count: number,
  keys: readonly number[],
  { what, window }: Reading,
): void {
  let least = 0;
  let most = 0;
  for (const key of keys) {
    const { states } = ledger.legal(key, window);
    if (!states.has("absent")) least += 1;
    if (states.size > 1 || !states.has("absent")) most += 1;
  }
  if (count >= least && count <= most) return;
  const text = `${what}: ${count} rows where ${least} to ${most} are`;
  findings.add(count > most ? "duplicated" : "partial", ledger, null, text);
}

export interface AskedSearch {
  readonly vector: Float32Array;
  readonly limit: number;
  /** Every key that passes its filter if it has a row. */
  readonly keys: readonly number[];
}

/** An index may miss near rows, but it never gives fewer than there are. */
export function checkApproximate(
  ledger: Ledger,
  findings: Findings,
  hits: readonly ShownHit[],
  { vector, limit, keys }: AskedSearch,
  reading: Reading,
): void {
  checkEach(ledger, findings, hits, reading);
  checkScores(ledger, findings, hits, vector, reading);
  if (hits.length < limit) checkCount(ledger, findings, hits.length, keys, reading);
}

/** Each hit must be legal and rightly scored; what surely is nearer than the last is there. */
export function checkSearch(
  ledger: Ledger,
  findings: Findings,
  hits: readonly ShownHit[],
  { vector, limit, keys }: AskedSearch,
  reading: Reading,
): void {
  const shown = checkEach(ledger, findings, hits, reading);
  checkScores(ledger, findings, hits, vector, reading);
  const isFull = hits.length >= limit;
  const farthest = isFull ? (hits.at(-1)?.score ?? 0) : Number.POSITIVE_INFINITY;
  for (const key of keys) {
    if (shown.has(key)) continue;
    const { states } = ledger.legal(key, reading.window);
    if (leastCertain(key, states, vector) >= farthest) continue;
    const text = `${reading.what}: not among ${hits.length} of ${limit} hits`;
    findings.add(reading.isFinal ? "lost" : "partial", ledger, key, text);
  }
}

function checkScores(
  ledger: Ledger,
  findings: Findings,
  hits: readonly ShownHit[],
  vector: Float32Array,
  { what }: Reading,
): void {
  for (const { key, write, score } of hits) {
    if (score === distance(vector, vectorOf(key, write))) continue;
    findings.add("phantom", ledger, key, `${what}: a score of ${score}`);
  }
  const isOrdered = hits.every(({ score }, at) => at === 0 || score >= (hits[at - 1]?.score ?? 0));
  if (!isOrdered) findings.add("partial", ledger, null, `${what}: hits out of order`);
}

/** How far the key's row is at most; infinite when there may be none. */
function leastCertain(key: number, states: ReadonlySet<State>, vector: Float32Array): number {
  let most = 0;
  for (const state of states) {
    if (state === "absent") return Number.POSITIVE_INFINITY;
    most = Math.max(most, distance(vector, vectorOf(key, state)));
  }
  return most;
}
