// Which rows a channel holds and when each was born and died: the fold of a channel's rows.
import type { Key } from "../rows/schema.js";
import {
  addIntegersToDigest,
  addToDigest,
  differenceOf,
  emptyDigest,
  type KeyDigest,
} from "../storage/key-digest.js";
import type { RowLives } from "../system/compute.js";
import { KeyList, type MapKey, mapKeyOf, mapKeysOf } from "./key-list.js";

/** Rows of (from, through] in log order; whoever holds their vectors may change, these do not. */
export interface RowRange {
  /** The number by which the search threads know the range. */
  readonly number: number;
  from: number;
  /** Null while it grows. */
  through: number | null;
  /** The segment in the manifest that holds the same rows; null before there is one. */
  segmentId: string | null;
  readonly keys: KeyList;
  /** Shared with the search threads; `died` is infinite while a row lives. */
  lives: RowLives;
  rowNumbers: Uint32Array;
  count: number;
  dead: number;
  digest: KeyDigest;
}

export interface RowTable {
  /** In log order, disjoint. */
  ranges: RowRange[];
  /** Where the live row of each key stands: range number and offset in one number. */
  readonly live: Map<MapKey, number>;
  readonly byNumber: Map<number, RowRange>;
  nextNumber: number;
}

const offsetsPerRange = 2 ** 26;
const initialCapacity = 1_024;

export function createRowTable(): RowTable {
  return { ranges: [], live: new Map(), byNumber: new Map(), nextNumber: 1 };
}

export function liveCount(table: RowTable): number {
  return table.live.size;
}

/** Room for `capacity` rows that the search threads can see without a copy. */
export function allocateLives(capacity: number): RowLives {
  const born = new Float64Array(new SharedArrayBuffer(capacity * 8));
  const died = new Float64Array(new SharedArrayBuffer(capacity * 8));
  return { born, died: died.fill(Number.POSITIVE_INFINITY) };
}

export function openRange(
  table: RowTable,
  from: number,
  capacity = initialCapacity,
  number = table.nextNumber++,
): RowRange {
  const range: RowRange = {
    number,
    from,
    through: null,
    segmentId: null,
    keys: new KeyList(),
    lives: allocateLives(capacity),
    rowNumbers: new Uint32Array(capacity),
    count: 0,
    dead: 0,
    digest: emptyDigest,
  };
  table.ranges.push(range);
  table.byNumber.set(range.number, range);
  return range;
}

/** Adds a row born at `sequence`; the row with its key, if any, dies at the same sequence. */
export function bear(
  table: RowTable,
  range: RowRange,
  key: Key,
  sequence: number,
  rowNumber: number,
): void {
  if (range.count === range.lives.born.length) grow(range);
  const mapKey = mapKeyOf(key);
  killAt(table, table.live.get(mapKey), sequence);
  const offset = range.count++;
  range.keys.push(key);
  range.lives.born[offset] = sequence;
  range.rowNumbers[offset] = rowNumber;
  range.digest = addToDigest(range.digest, key, sequence, rowNumber);
  table.live.set(mapKey, range.number * offsetsPerRange + offset);
}

/** Adds all rows of the entry at `sequence`: as `bear` does with each of them, and cheaper. */
export function bearAll(
  table: RowTable,
  range: RowRange,
  keys: readonly Key[] | BigInt64Array,
  sequence: number,
): void {
  if (!(keys instanceof BigInt64Array)) {
    for (let row = 0; row < keys.length; row++) {
      bear(table, range, keys[row] as Key, sequence, row);
    }
    return;
  }
  while (range.count + keys.length > range.lives.born.length) grow(range);
  const { live } = table;
  const mapKeys = mapKeysOf(keys);
  for (let row = 0; row < mapKeys.length; row++) {
    const mapKey = mapKeys[row] as MapKey;
    killAt(table, live.get(mapKey), sequence);
    const offset = range.count++;
    range.lives.born[offset] = sequence;
    range.rowNumbers[offset] = row;
    live.set(mapKey, range.number * offsetsPerRange + offset);
  }
  range.keys.pushIntegers(keys);
  range.digest = addIntegersToDigest(range.digest, keys, sequence);
}

/** Hides the row with this key if it was born at or before `bornThrough`. */
export function kill(table: RowTable, key: Key, sequence: number, bornThrough: number): void {
  const mapKey = mapKeyOf(key);
  const place = table.live.get(mapKey);
  if (place === undefined) return;
  const range = table.byNumber.get(Math.floor(place / offsetsPerRange)) as RowRange;
  const born = range.lives.born[place % offsetsPerRange] as number;
  if (born > bornThrough || born >= sequence) return;
  killAt(table, place, sequence);
  table.live.delete(mapKey);
}

function killAt(table: RowTable, place: number | undefined, sequence: number): void {
  if (place === undefined) return;
  const range = table.byNumber.get(Math.floor(place / offsetsPerRange));
  if (range === undefined) throw new Error("a live row in a range that is gone");
  range.lives.died[place % offsetsPerRange] = sequence;
  range.dead += 1;
}

function grow(range: RowRange): void {
  const larger = allocateLives(range.lives.born.length * 2);
  larger.born.set(range.lives.born);
  larger.died.set(range.lives.died);
  const rowNumbers = new Uint32Array(range.rowNumbers.length * 2);
  rowNumbers.set(range.rowNumbers);
  range.lives = larger;
  range.rowNumbers = rowNumbers;
}

/**
 * Ends a range at `through`: rows born after it move into a range of their own that ends where
 * this one did; it is returned, or null when there are none. Rows keep their lives.
 */
export function splitRange(table: RowTable, range: RowRange, through: number): RowRange | null {
  const end = range.through;
  range.through = through;
  const kept = firstBornAfter(range, through);
  if (kept === range.count) return null;
  const tail = openRange(table, through, range.lives.born.length);
  tail.through = end;
  table.ranges.pop();
  table.ranges.splice(table.ranges.indexOf(range) + 1, 0, tail);
  for (let offset = kept; offset < range.count; offset++) moveRow(table, range, offset, tail);
  range.digest = differenceOf(range.digest, tail.digest);
  range.keys.truncate(kept);
  range.count = kept;
  range.dead = deadThrough(range, Number.MAX_VALUE);
  return tail;
}

function firstBornAfter(range: RowRange, through: number): number {
  let offset = range.count;
  while (offset > 0 && (range.lives.born[offset - 1] as number) > through) offset -= 1;
  return offset;
}

function moveRow(table: RowTable, range: RowRange, offset: number, into: RowRange): void {
  const at = into.count++;
  const key = range.keys.at(offset);
  const sequence = range.lives.born[offset] as number;
  const died = range.lives.died[offset] as number;
  const row = range.rowNumbers[offset] as number;
  into.keys.push(key);
  into.lives.born[at] = sequence;
  into.lives.died[at] = died;
  into.rowNumbers[at] = row;
  into.digest = addToDigest(into.digest, key, sequence, row);
  if (died === Number.POSITIVE_INFINITY) {
    table.live.set(mapKeyOf(key), into.number * offsetsPerRange + at);
  } else into.dead += 1;
}

/** The rows of a compaction's output, before they stand in the table. */
export interface LoadedRows {
  readonly keys: readonly Key[];
  readonly sequences: Float64Array;
  readonly rowNumbers: Uint32Array;
}

/**
 * Puts `rows`, the output of a compaction of `replaced`, in their place, with the lives that the
 * fold knows now. Returns why it must not, if rows are gone that are still readable from
 * `appliedThrough` on, or rows have appeared.
 */
export function replaceRanges(
  table: RowTable,
  replaced: readonly RowRange[],
  rows: LoadedRows,
  number: number,
  span: { from: number; through: number; segmentId: string; appliedThrough: number },
): { ok: true; range: RowRange } | { ok: false; reason: string } {
  const range = emptyRange(number, span, rows);
  let next = 0;
  for (const old of replaced) {
    for (let offset = 0; offset < old.count; offset++) {
      const same =
        rows.sequences[next] === old.lives.born[offset] &&
        rows.rowNumbers[next] === old.rowNumbers[offset];
      const died = old.lives.died[offset] as number;
      if (same) range.lives.died[next++] = died;
      else if (died > span.appliedThrough)
        return { ok: false, reason: `${span.segmentId} lacks a row` };
    }
  }
  if (next !== rows.keys.length)
    return { ok: false, reason: `${span.segmentId} has a row too many` };
  installRange(table, range, replaced);
  return { ok: true, range };
}

function emptyRange(
  number: number,
  span: { from: number; through: number; segmentId: string },
  rows: LoadedRows,
): RowRange {
  const lives = allocateLives(Math.max(rows.keys.length, 1));
  lives.born.set(rows.sequences);
  const count = rows.keys.length;
  const { rowNumbers } = rows;
  const keys = new KeyList();
  let digest = emptyDigest;
  for (let row = 0; row < count; row++) {
    const key = rows.keys[row] as Key;
    keys.push(key);
    digest = addToDigest(digest, key, rows.sequences[row] as number, rowNumbers[row] as number);
  }
  return { number, ...span, keys, lives, rowNumbers, count, dead: 0, digest };
}

function installRange(table: RowTable, range: RowRange, replaced: readonly RowRange[]): void {
  for (let offset = 0; offset < range.count; offset++) {
    if (range.lives.died[offset] === Number.POSITIVE_INFINITY) {
      table.live.set(mapKeyOf(range.keys.at(offset)), range.number * offsetsPerRange + offset);
    } else range.dead += 1;
  }
  const at = table.ranges.indexOf(replaced[0] as RowRange);
  table.ranges.splice(at, replaced.length, range);
  for (const old of replaced) table.byNumber.delete(old.number);
  table.byNumber.set(range.number, range);
}

/** Takes ranges out whose rows all died at or before `appliedThrough`. */
export function removeRanges(
  table: RowTable,
  gone: readonly RowRange[],
  appliedThrough: number,
): { ok: true } | { ok: false; reason: string } {
  for (const range of gone) {
    const readable = range.lives.died
      .subarray(0, range.count)
      .some((died) => died > appliedThrough);
    if (readable)
      return { ok: false, reason: `rows of (${range.from}, ${range.through}] are gone` };
  }
  table.ranges = table.ranges.filter((range) => !gone.includes(range));
  for (const range of gone) table.byNumber.delete(range.number);
  return { ok: true };
}

/** How many rows of the range died at or before `sequence`. */
export function deadThrough(range: RowRange, sequence: number): number {
  let dead = 0;
  for (let offset = 0; offset < range.count; offset++) {
    if ((range.lives.died[offset] as number) <= sequence) dead += 1;
  }
  return dead;
}
