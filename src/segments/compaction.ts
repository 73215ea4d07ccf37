// What compaction keeps: the rows of its inputs that some readable position still shows.
import type { Key } from "../rows/schema.js";

/** The rows of one segment, or what there is to know of them, in log order. */
export interface Births {
  readonly keys: readonly Key[];
  readonly sequences: Float64Array;
}

/** Hides the row with this key that was born at or before `bornThrough`. */
export interface Killer {
  readonly key: Key;
  readonly sequence: number;
  readonly bornThrough: number;
}

export interface CompactionRows {
  /** Neighbours, in log order. */
  readonly inputs: readonly Births[];
  /** All segments behind the inputs with rows born by `appliedThrough`, in log order. */
  readonly later: readonly Births[];
  /** All tombstones there are, in any order. */
  readonly tombstones: readonly Killer[];
}

/**
 * When each row of the inputs died; infinite while it lives. A row dies with the birth of the next
 * row with its key, or by the first tombstone behind its birth that reaches back to it.
 */
export function deathsOf({ inputs, later, tombstones }: CompactionRows): readonly Float64Array[] {
  const deaths = inputs.map(({ keys }) =>
    new Float64Array(keys.length).fill(Number.POSITIVE_INFINITY),
  );
  const killers = [...tombstones].sort((a, b) => a.sequence - b.sequence);
  const fold = new LivingRows(deaths, killers);
  for (const [input, { keys, sequences }] of inputs.entries()) {
    for (const [row, key] of keys.entries()) fold.bear(key, sequences[row] as number, input, row);
  }
  for (const { keys, sequences } of later) {
    for (const [row, key] of keys.entries()) fold.replace(key, sequences[row] as number);
  }
  fold.killThrough(Number.POSITIVE_INFINITY);
  return deaths;
}

interface LivingRow {
  readonly born: number;
  readonly input: number;
  readonly row: number;
}

/** Replays births and tombstones in log order, as every reader of the channel does. */
class LivingRows {
  private readonly living = new Map<Key, LivingRow>();
  private readonly deaths: readonly Float64Array[];
  private readonly killers: readonly Killer[];
  private next = 0;

  constructor(deaths: readonly Float64Array[], killers: readonly Killer[]) {
    this.deaths = deaths;
    this.killers = killers;
  }

  bear(key: Key, born: number, input: number, row: number): void {
    this.replace(key, born);
    this.living.set(key, { born, input, row });
  }

  /** A row with this key was born in a place that is not the compaction's to write. */
  replace(key: Key, sequence: number): void {
    this.killThrough(sequence);
    this.bury(key, sequence);
  }

  killThrough(sequence: number): void {
    for (; this.next < this.killers.length; this.next += 1) {
      const killer = this.killers[this.next] as Killer;
      if (killer.sequence >= sequence) return;
      const row = this.living.get(killer.key);
      const reaches = row !== undefined && row.born <= killer.bornThrough;
      if (reaches && row.born < killer.sequence) this.bury(killer.key, killer.sequence);
    }
  }

  private bury(key: Key, sequence: number): void {
    const row = this.living.get(key);
    if (row === undefined) return;
    (this.deaths[row.input] as Float64Array)[row.row] = sequence;
    this.living.delete(key);
  }
}

/** Row i of the output is row `positions[i]` of input `sources[i]`: log order stays. */
export interface KeptRows {
  readonly sources: Uint32Array;
  readonly positions: Uint32Array;
}

/** All rows of the inputs but those that died at or before `appliedThrough`. */
export function keptRows(rows: CompactionRows, appliedThrough: number): KeptRows {
  const deaths = deathsOf(rows);
  const count = deaths.reduce((sum, died) => sum + countAfter(died, appliedThrough), 0);
  const sources = new Uint32Array(count);
  const positions = new Uint32Array(count);
  let next = 0;
  for (const [source, died] of deaths.entries()) {
    for (const [position, sequence] of died.entries()) {
      if (sequence <= appliedThrough) continue;
      sources[next] = source;
      positions[next++] = position;
    }
  }
  return { sources, positions };
}

function countAfter(sequences: Float64Array, through: number): number {
  let count = 0;
  for (const sequence of sequences) if (sequence > through) count += 1;
  return count;
}

/** What a manifest says of a segment: its rows were born in (from, through]. */
export interface CompactedSpan {
  readonly from: number;
  /** Rows that died at or before this were left out; 0 where all rows are there. */
  readonly appliedThrough: number;
}

/**
 * The tombstones, each standing for deletes up to its `through`, that hide nothing any more: every
 * segment with a row born before them is applied through them. A killer outlives what it kills,
 * or a reader that loads the channel would find the row alive.
 */
export function droppableTombstones<Tombstones extends { readonly through: number }>(
  segments: readonly CompactedSpan[],
  tombstones: readonly Tombstones[],
): readonly Tombstones[] {
  return tombstones.filter(({ through }) =>
    segments.every((segment) => segment.from >= through || segment.appliedThrough >= through),
  );
}
