// Copies chosen rows of several batches, in a chosen order, into one batch.
import type { Column, RowBatch, ScalarColumn, VectorColumn } from "./columns.js";

/** Row i is row `positions[i]` of batch `sources[i]`. */
export interface Picks {
  readonly sources: Uint32Array;
  readonly positions: Uint32Array;
}

/** The columns of the batches together; a row whose batch lacks a column is null in it. */
export function pickRows(batches: readonly RowBatch[], picks: Picks): RowBatch {
  const names = new Set(batches.flatMap((batch) => [...batch.columns.keys()]));
  const columns = new Map<string, Column>();
  for (const name of names) {
    const parts = batches.map((batch) => batch.columns.get(name));
    columns.set(name, pickColumn(parts, picks));
  }
  return { count: picks.sources.length, columns };
}

/** One part at least must be there, and all that are must have one type. */
export function pickColumn(parts: readonly (Column | undefined)[], picks: Picks): Column {
  const first = parts.find((part) => part !== undefined);
  if (first === undefined) throw new Error("no batch has the column");
  for (const part of parts) {
    if (part !== undefined && !isLike(part, first)) {
      throw new Error(`a column is ${part.type} in one batch and ${first.type} in another`);
    }
  }
  const valid = pickValidity(parts, picks);
  if (first.type === "FloatVector") return pickVectors(first, parts, picks, valid);
  return pickScalars(first, parts as readonly (ScalarColumn | undefined)[], picks, valid);
}

function isLike(column: Column, other: Column): boolean {
  if (column.type === "FloatVector" && other.type === "FloatVector") {
    return column.dimension === other.dimension;
  }
  return column.type === other.type;
}

function pickValidity(
  parts: readonly (Column | undefined)[],
  picks: Picks,
): Uint8Array | undefined {
  if (parts.every((part) => part !== undefined && part.valid === undefined)) return undefined;
  const valid = new Uint8Array(picks.sources.length);
  for (let row = 0; row < valid.length; row++) {
    const part = parts[picks.sources[row] as number];
    const position = picks.positions[row] as number;
    valid[row] = part === undefined ? 0 : (part.valid?.[position] ?? 1);
  }
  return valid;
}

function pickScalars(
  first: ScalarColumn,
  parts: readonly (ScalarColumn | undefined)[],
  picks: Picks,
  valid: Uint8Array | undefined,
): ScalarColumn {
  const count = picks.sources.length;
  const values = emptyLike(first, count) as unknown[];
  for (let row = 0; row < count; row++) {
    const part = parts[picks.sources[row] as number];
    if (part !== undefined) values[row] = part.values[picks.positions[row] as number];
  }
  return { type: first.type, values, valid } as ScalarColumn;
}

/** An array of the column's kind, with the value that stands for a null in every place. */
function emptyLike(column: ScalarColumn, count: number): unknown {
  if (column.type === "VarChar") return new Array<string>(count).fill("");
  if (column.type === "JSON") return new Array<unknown>(count).fill(null);
  return new (column.values.constructor as new (count: number) => unknown)(count);
}

function pickVectors(
  { dimension }: VectorColumn,
  parts: readonly (Column | undefined)[],
  picks: Picks,
  valid: Uint8Array | undefined,
): VectorColumn {
  const count = picks.sources.length;
  const values = new Float32Array(count * dimension);
  for (let row = 0; row < count; row++) {
    const part = parts[picks.sources[row] as number] as VectorColumn | undefined;
    const start = (picks.positions[row] as number) * dimension;
    if (part !== undefined) {
      values.set(part.values.subarray(start, start + dimension), row * dimension);
    }
  }
  return { type: "FloatVector", dimension, values, valid };
}

/** All rows of all batches, one batch after the other. */
export function allRows(batches: readonly RowBatch[]): Picks {
  const count = batches.reduce((sum, batch) => sum + batch.count, 0);
  const sources = new Uint32Array(count);
  const positions = new Uint32Array(count);
  let next = 0;
  for (const [source, batch] of batches.entries()) {
    for (let row = 0; row < batch.count; row++) {
      sources[next] = source;
      positions[next++] = row;
    }
  }
  return { sources, positions };
}
