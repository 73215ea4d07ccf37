// What clients asked for and what they were told: the truth against which the log is held.
import type { RowTest } from "./channel-model.js";

export interface WrittenRow {
  /** Null where the log decides it. */
  readonly id: number | null;
  readonly n: number;
  readonly g: number;
  readonly v: readonly number[];
}

export type WriteContent =
  | { kind: "insert" | "upsert"; rows: readonly WrittenRow[] }
  | { kind: "deleteIds"; ids: readonly bigint[] }
  | { kind: "deleteFilter"; filter: string; test: RowTest };

/** One part of one request: each part is written at most once per channel. */
export interface WritePart {
  readonly requestId: string;
  readonly part: number;
  readonly content: WriteContent;
}

export interface Ledger {
  /** By request id. */
  readonly writes: Map<string, WritePart[]>;
  /** Per channel the largest position that a client was told of as written. */
  readonly acknowledged: Map<string, number>;
  /** The same over time, for reads that may be older: (virtual ms, position). */
  readonly history: Map<string, { atMs: number; sequence: number }[]>;
  /** Attempts at dropping a collection by name: until when each may still take effect. */
  readonly drops: { readonly name: string; readonly startedAtMs: number; endsAtMs: number }[];
}

export function createLedger(): Ledger {
  return { writes: new Map(), acknowledged: new Map(), history: new Map(), drops: [] };
}

export function noteAcknowledged(
  ledger: Ledger,
  channel: string,
  sequence: number,
  atMs: number,
): void {
  const before = ledger.acknowledged.get(channel) ?? 0;
  if (sequence <= before) return;
  ledger.acknowledged.set(channel, sequence);
  const history = ledger.history.get(channel) ?? [];
  history.push({ atMs, sequence });
  ledger.history.set(channel, history);
}

/** What had been acknowledged by that time. */
export function acknowledgedBy(ledger: Ledger, channel: string, atMs: number): number {
  let sequence = 0;
  for (const note of ledger.history.get(channel) ?? []) {
    if (note.atMs <= atMs) sequence = note.sequence;
  }
  return sequence;
}

/** The end of the log was lost with its broker: nothing is asked of what was told before. */
export function forgetBeyond(ledger: Ledger, channel: string, last: number): void {
  const history = ledger.history.get(channel) ?? [];
  const kept = history.filter(({ sequence }) => sequence <= last);
  ledger.history.set(channel, kept);
  ledger.acknowledged.set(channel, kept.at(-1)?.sequence ?? 0);
}
