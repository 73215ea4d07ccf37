// One search over several ranges: the nearest rows of each, reduced to the nearest of all.
import { setImmediate } from "node:timers/promises";
import { type Hits, mergeTopK } from "../index/top-k.js";
import type { RowBatch } from "../rows/columns.js";
import { pickRows } from "../rows/pick-rows.js";
import type { RowSelection } from "./row-selection.js";
import type { SegmentHolder } from "./segment-holder.js";

/** A range and those of its rows that the read may see. */
export interface ReadTarget {
  readonly holder: SegmentHolder;
  readonly selection: RowSelection;
}

export interface RangeSearch {
  readonly field: string;
  readonly queries: readonly Float32Array[];
  readonly limit: number;
  readonly ef: number;
  readonly exact: boolean;
  readonly outputFields: readonly string[];
}

/** Hits of one query after the other, each query's nearest first. */
export interface SearchPart {
  readonly counts: readonly number[];
  /** Internal form: smaller is nearer. */
  readonly distances: Float64Array;
  /** At which sequence each hit was born: where it stands among equally near ones. */
  readonly births: Float64Array;
  /** The rows of the hits, in their order; null without hits. */
  readonly rows: RowBatch | null;
}

// After so many compared values, some ten milliseconds of work, others get their turn. Whatever
// else a row costs is as much as a hundred values, and what a query costs as a hundred thousand.
const valuesPerTurn = 2 ** 26;
const valuesPerRow = 100;
const valuesPerQuery = 100_000;

/** `targets` in log order, which decides among equally near rows. */
export async function searchRanges(
  targets: readonly ReadTarget[],
  search: RangeSearch,
): Promise<SearchPart> {
  const found: FoundHits = { counts: [], distances: [], births: [], targets: [], offsets: [] };
  const rows = targets.reduce((sum, { selection }) => sum + selection.count, 0);
  let work = 0;
  for (const query of search.queries) {
    work += rows * (query.length + valuesPerRow) + valuesPerQuery;
    if (work > valuesPerTurn) {
      await setImmediate();
      work = 0;
    }
    searchOnce(targets, search, query, found);
  }
  return {
    counts: found.counts,
    distances: Float64Array.from(found.distances),
    births: Float64Array.from(found.births),
    rows: takeHits(targets, found, search.outputFields),
  };
}

/** By hit: its target's number and its offset in there. */
interface FoundHits {
  readonly counts: number[];
  readonly distances: number[];
  readonly births: number[];
  readonly targets: number[];
  readonly offsets: number[];
}

function searchOnce(
  targets: readonly ReadTarget[],
  { field, limit: k, ef, exact }: RangeSearch,
  query: Float32Array,
  found: FoundHits,
): void {
  const lists = targets.map(({ holder, selection }) =>
    holder.search({ field, query, k, ef, exact }, selection),
  );
  const { sources, positions, distances } = mergeTopK(lists, k);
  found.counts.push(distances.length);
  for (const [hit, distance] of distances.entries()) {
    const target = sources[hit] as number;
    const offset = (lists[target] as Hits).offsets[positions[hit] as number] as number;
    found.distances.push(distance);
    found.births.push((targets[target] as ReadTarget).holder.birthOf(offset));
    found.targets.push(target);
    found.offsets.push(offset);
  }
}

function takeHits(
  targets: readonly ReadTarget[],
  found: FoundHits,
  fields: readonly string[],
): RowBatch | null {
  if (found.offsets.length === 0) return null;
  return takeFromTargets(targets, found, fields);
}

/** Row i of the answer is row `offsets[i]` of target `targets[i]`. */
export function takeFromTargets(
  targets: readonly ReadTarget[],
  wanted: { readonly targets: ArrayLike<number>; readonly offsets: ArrayLike<number> },
  fields: readonly string[],
): RowBatch {
  const count = wanted.offsets.length;
  const offsets = targets.map((): number[] => []);
  const positions = new Uint32Array(count);
  for (let row = 0; row < count; row += 1) {
    const own = offsets[wanted.targets[row] as number] as number[];
    positions[row] = own.length;
    own.push(wanted.offsets[row] as number);
  }
  const batches = targets.map(({ holder }, target) =>
    holder.takeRows(Uint32Array.from(offsets[target] as number[]), fields),
  );
  return pickRows(batches, { sources: Uint32Array.from(wanted.targets), positions });
}
