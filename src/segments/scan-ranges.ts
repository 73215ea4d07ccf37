// One scan over several ranges: how many rows are selected, or those rows by ascending key.
import type { RowBatch } from "../rows/columns.js";
import type { Picks } from "../rows/pick-rows.js";
import { keyColumnOf, orderByKey } from "./key-columns.js";
import { offsetsOf } from "./row-selection.js";
import { type ReadTarget, takeFromTargets } from "./search-ranges.js";

export interface RangeScan {
  readonly keyField: string;
  /** How many rows the answer may hold; null: all. It does not bound a count. */
  readonly limit: number | null;
  readonly mode: "rows" | "count" | "keys";
  readonly outputFields: readonly string[];
}

export interface ScanPart {
  /** In mode `count` of all selected rows, else of those in `rows`. */
  readonly count: number;
  /** By ascending key; null without rows. */
  readonly rows: RowBatch | null;
}

export function scanRanges(targets: readonly ReadTarget[], scan: RangeScan): ScanPart {
  const selected = targets.reduce((sum, { selection }) => sum + selection.selected, 0);
  if (scan.mode === "count") return { count: selected, rows: null };
  const columns = targets.map(({ holder }) => keyColumnOf(holder.columns.scalars, scan.keyField));
  const { sources, positions } = orderByKey(columns, allSelected(targets, selected), scan.limit);
  if (sources.length === 0) return { count: 0, rows: null };
  const fields = scan.mode === "keys" ? [scan.keyField] : scan.outputFields;
  const rows = takeFromTargets(targets, { targets: sources, offsets: positions }, fields);
  return { count: rows.count, rows };
}

function allSelected(targets: readonly ReadTarget[], selected: number): Picks {
  const sources = new Uint32Array(selected);
  const positions = new Uint32Array(selected);
  let next = 0;
  for (const [target, { selection }] of targets.entries()) {
    const offsets = offsetsOf(selection);
    sources.fill(target, next, next + offsets.length);
    positions.set(offsets, next);
    next += offsets.length;
  }
  return { sources, positions };
}
