// Holds the rows that a read showed against the ledger: none too many, none too few, none too old.
import type { Findings, ViolationKind } from "./findings.js";
import {
  type Ledger,
  type Legal,
  type State,
  stateAfter,
  type Window,
  type Write,
} from "./ledger.js";
import { type ShownRow, vectorOf } from "./rows.js";

/** Who reads: during the run an old row is stale, in the last scan what it hides is lost. */
export interface Reading {
  /** Shown with a violation, for instance 'strong query'. */
  readonly what: string;
  readonly isFinal: boolean;
  readonly window: Window;
  /** By key, the oldest write that the reader's session may still see. */
  readonly seen?: ReadonlyMap<number, Write>;
}

export interface Shown {
  readonly rows: readonly ShownRow[];
  /** Every key that the read had to show if it has a row. */
  readonly keys: readonly number[];
}

/** A row's own truth: somebody wrote it so, with this vector. */
export function isGenuine(ledger: Ledger, { id, key, owner, write, v }: ShownRow): boolean {
  const writer = ledger.history(key).find(({ number }) => number === write);
  if (writer === undefined || writer.owner !== owner) return false;
  if (writer.kind !== "insert" && writer.kind !== "upsert") return false;
  if ((ledger.idOf(key) ?? id) !== id) return false;
  if (v === undefined) return true;
  const vector = vectorOf(key, write);
  return v.length === vector.length && v.every((value, place) => value === vector[place]);
}

export function checkRows(
  ledger: Ledger,
  findings: Findings,
  { rows, keys }: Shown,
  reading: Reading,
): void {
  const shown = checkEach(ledger, findings, rows, reading);
  for (const key of keys) {
    if (!shown.has(key)) checkState(ledger, findings, key, "absent", reading);
  }
}

/** Without asking for completeness; returns which keys were shown. */
export function checkEach(
  ledger: Ledger,
  findings: Findings,
  rows: readonly ShownRow[],
  reading: Reading,
): ReadonlySet<number> {
  const shown = new Set<number>();
  for (const row of rows) {
    if (shown.has(row.key)) findings.add("duplicated", ledger, row.key, `${reading.what}: twice`);
    shown.add(row.key);
    if (isGenuine(ledger, row)) checkState(ledger, findings, row.key, row.write, reading);
    else {
      const text = `${reading.what}: id ${row.id}, write ${row.write} of ${row.owner}, v ${row.v}`;
      findings.add("phantom", ledger, row.key, text);
    }
  }
  return shown;
}

function checkState(
  ledger: Ledger,
  findings: Findings,
  key: number,
  state: State,
  reading: Reading,
): void {
  const legal = ledger.legal(key, reading.window);
  if (legal.states.has(state)) return checkSession(ledger, findings, key, state, reading);
  const mayBe = [...legal.states].join(" or ");
  const text = `${reading.what}: shows ${state} where ${mayBe} is legal`;
  findings.add(kindOf(ledger, key, state, legal, reading), ledger, key, text);
}

function kindOf(
  ledger: Ledger,
  key: number,
  state: State,
  { base }: Legal,
  { isFinal, window }: Reading,
): ViolationKind {
  if (state === "absent") return isFinal ? "lost" : "partial";
  const writer = ledger.history(key).find(({ number }) => number === state);
  // Refused, or shown before it was asked for.
  if (writer === undefined || writer.outcome === "refused" || writer.startedAt > window.until) {
    return "phantom";
  }
  if (base?.kind === "delete-ids" || base?.kind === "delete-filter") return "resurrected";
  return isFinal ? "lost" : "stale";
}

/** A session never goes back behind what it was shown; unknown writes have no place in an order. */
function checkSession(
  ledger: Ledger,
  findings: Findings,
  key: number,
  state: State,
  { seen, what }: Reading,
): void {
  const before = seen?.get(key);
  if (before === undefined) return;
  if (ledger.isUncertain(key)) return;
  const history = ledger.history(key);
  const since = history.slice(history.indexOf(before));
  if (since.some((write) => stateAfter(write) === state)) return;
  const text = `${what}: shows ${state} after its session saw write ${before.number}`;
  findings.add("stale", ledger, key, text);
}
