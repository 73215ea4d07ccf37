// What was folded since the boundary: the range that the next seal closes, whole or in part.
import type { Tombstone } from "../storage/tombstones-file.js";
import type { GrowingEntry } from "../system/compute.js";

/** A place in the log that a manifest can start from. */
export interface Checkpoint {
  readonly sequence: number;
  readonly appendedAtUs: number;
  readonly commit: bigint;
}

/** One entry of the log, with what of it has to be stored. */
export interface FoldedEntry {
  readonly at: Checkpoint;
  /** Monotonic ms. */
  readonly foldedAtMs: number;
  readonly isSeal: boolean;
  readonly rows: GrowingEntry | null;
  readonly tombstones: readonly Tombstone[];
  readonly bytes: number;
}

export interface OpenRange {
  readonly from: number;
  /** All entries behind `from`, without holes. */
  readonly folded: FoldedEntry[];
  rows: number;
  bytes: number;
  /** Entries but for seals: ticks too, so that the checkpoint moves over them in the end. */
  changes: number;
  /** When the first change was folded, monotonic ms. */
  openedAtMs: number;
}

export interface SealedRange {
  readonly from: number;
  readonly checkpoint: Checkpoint;
  readonly entries: readonly GrowingEntry[];
  readonly tombstones: readonly Tombstone[];
  /** About what it takes in memory until it is stored. */
  readonly footprint: number;
}

/** What an entry takes beside its bytes; of single rows that is the larger part. */
const entryFootprint = 512;

export function footprintOf({ bytes, folded }: OpenRange): number {
  return bytes + folded.length * entryFootprint;
}

export function emptyRange(from: number): OpenRange {
  return { from, folded: [], rows: 0, bytes: 0, changes: 0, openedAtMs: 0 };
}

export function addEntry(range: OpenRange, entry: FoldedEntry): void {
  const due = (range.folded.at(-1)?.at.sequence ?? range.from) + 1;
  if (entry.at.sequence !== due) throw new Error(`entry ${entry.at.sequence} where ${due} was due`);
  range.folded.push(entry);
  range.rows += entry.rows?.count ?? 0;
  range.bytes += entry.bytes;
  if (entry.isSeal) return;
  if (range.changes === 0) range.openedAtMs = entry.foldedAtMs;
  range.changes += 1;
}

/** Closes (from, through]; what was folded behind it opens the next range. */
export function cutRange(
  range: OpenRange,
  through: number,
): { sealed: SealedRange; open: OpenRange } {
  const count = through - range.from;
  const closed = range.folded.slice(0, count);
  const last = closed.at(-1);
  if (last?.at.sequence !== through) throw new Error(`${through} is not behind ${range.from}`);
  const open = emptyRange(through);
  for (const entry of range.folded.slice(count)) addEntry(open, entry);
  const entries = closed.flatMap(({ rows }) => rows ?? []);
  const tombstones = closed.flatMap((entry) => entry.tombstones);
  const footprint = footprintOf(range) - footprintOf(open);
  return {
    sealed: { from: range.from, checkpoint: last.at, entries, tombstones, footprint },
    open,
  };
}
