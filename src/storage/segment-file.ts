// A segment: the rows of one range of the log, as one immutable Arrow IPC file.
import assert from "node:assert/strict";
import { assertRowBatch, checkColumn } from "../rows/check-columns.js";
import type { Column, RowBatch } from "../rows/columns.js";
import { expectThat, reasonOf } from "../rows/malformed.js";
import { arrowColumnOf, columnOf } from "./arrow-columns.js";
import { type ArrowColumn, encodeArrowFile, openArrowFile } from "./arrow-file.js";
import {
  fromUint64,
  toUint64,
  uint32Column,
  uint32Of,
  uint64Column,
  uint64Of,
} from "./unsigned-columns.js";

/** All rows in log order, dead ones too: a row is its range and its offset in every holder. */
export interface SegmentData {
  /** The log sequence of each row's entry. */
  readonly sequences: Float64Array;
  /** The row's number inside its entry. */
  readonly rowNumbers: Uint32Array;
  /** The commit timestamp of each row's entry. */
  readonly commits: BigUint64Array;
  readonly batch: RowBatch;
}

export type DecodedSegment =
  | { readonly ok: true; readonly segment: SegmentData }
  | { readonly ok: false; readonly reason: string };

export const segmentFormat = { kind: "segment", version: 1 };

// Names that no field can have: Arrow's JavaScript reader confuses columns of one name.
const sequenceName = "$sequence";
const rowName = "$row";
const commitName = "$commit";

/** Throws on a segment that breaks its own rules. Validity without a null is left out. */
export function encodeSegment(segment: SegmentData): Uint8Array {
  const { sequences, rowNumbers, commits, batch } = segment;
  const { count } = batch;
  assertRowBatch(batch);
  assert(sequences.length === count && rowNumbers.length === count && commits.length === count);
  assert(isLogOrder(sequences, rowNumbers), "the rows are not in log order");
  const positions = [
    uint64Column(sequenceName, toUint64(sequences)),
    uint32Column(rowName, rowNumbers),
    uint64Column(commitName, commits),
  ];
  const fields = [...batch.columns].map(([name, column]) => arrowColumnOf(name, column, count));
  return encodeArrowFile(segmentFormat, { count, columns: [...positions, ...fields] });
}

/**
 * Never throws. Numbers and vectors are views of `bytes`, so nobody may change those afterwards;
 * the views keep all of `bytes` in memory.
 */
export function decodeSegment(bytes: Uint8Array): DecodedSegment {
  try {
    return { ok: true, segment: segmentOf(bytes) };
  } catch (error) {
    return { ok: false, reason: reasonOf(error) };
  }
}

function segmentOf(bytes: Uint8Array): SegmentData {
  const { count, columns } = openArrowFile(segmentFormat, bytes);
  const [sequence, row, commit, ...fields] = columns;
  const sequences = fromUint64(uint64Of(sequence, sequenceName));
  const rowNumbers = uint32Of(row, rowName);
  const commits = uint64Of(commit, commitName);
  expectThat(isLogOrder(sequences, rowNumbers), "the rows are not in log order");
  return { sequences, rowNumbers, commits, batch: batchOf(fields, count) };
}

function batchOf(columns: readonly ArrowColumn[], count: number): RowBatch {
  expectThat(count === 0 || columns.length > 0, "rows without columns");
  const byName = new Map<string, Column>();
  for (const arrowColumn of columns) {
    const { name } = arrowColumn.field;
    expectThat(!byName.has(name), `two columns are named '${name}'`);
    const column = columnOf(arrowColumn);
    const fault = checkColumn(column, count);
    expectThat(fault === undefined, `'${name}': ${fault}`);
    byName.set(name, column);
  }
  return { count, columns: byName };
}

function isLogOrder(sequences: Float64Array, rowNumbers: Uint32Array): boolean {
  for (let row = 1; row < sequences.length; row++) {
    const before = sequences[row - 1] as number;
    const here = sequences[row] as number;
    const ascends =
      here === before && (rowNumbers[row] as number) > (rowNumbers[row - 1] as number);
    if (here <= before && !ascends) return false;
  }
  return true;
}
