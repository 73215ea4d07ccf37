// A ledger for tests, written as a list of what happened to keys, with round times.
import { Ledger, type Outcome, type Write, type WriteKind } from "../../../scripts/chaos/ledger.js";
import { type ShownRow, vectorOf } from "../../../scripts/chaos/rows.js";

/** number, kind, outcome, start, end. */
export type Step = readonly [number, WriteKind, Outcome, number, number];

export const owner = 1;
export const key = 7;

export function ledgerOf(steps: readonly Step[], keys: readonly number[] = [key]): Ledger {
  const ledger = new Ledger("keyed");
  for (const step of steps) addTo(ledger, step, keys);
  return ledger;
}

export function addTo(ledger: Ledger, step: Step, keys: readonly number[]): Write {
  const [number, kind, outcome, startedAt, endedAt] = step;
  const requestId = `request-${number}`;
  const write = ledger.start({ number, owner, kind, keys, startedAt, requestId });
  if (outcome !== "open") ledger.end(write, outcome, endedAt);
  return write;
}

export function shown(write: number, ofKey = key, over: Partial<ShownRow> = {}): ShownRow {
  const v = Array.from(vectorOf(ofKey, write));
  return { id: String(ofKey), key: ofKey, owner, write, v, ...over };
}
