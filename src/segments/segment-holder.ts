// One range of a channel in a search thread: its columns, its indexes, its rows' lives.
import type { SegmentIndex } from "../index/segment-index.js";
import { searchSegment } from "../index/segment-search.js";
import type { Hits } from "../index/top-k.js";
import type { RowBatch } from "../rows/columns.js";
import type { CollectionSchema } from "../rows/schema.js";
import type { RangeView, RowLives } from "../system/compute.js";
import { createGrowableColumns, type GrowableColumns } from "./growable-columns.js";
import { LivingRows, narrow, type RowSelection } from "./row-selection.js";

export interface VectorQuery {
  readonly field: string;
  readonly query: Float32Array;
  readonly k: number;
  readonly ef: number;
  readonly exact: boolean;
}

export class SegmentHolder {
  readonly columns: GrowableColumns;
  private readonly schema: CollectionSchema;
  /** Rows behind these were moved to another holder; null while there is none. */
  private kept: number | null = null;
  /** Null until the fold has given them: a loaded segment is invisible before. */
  lives: RowLives | null;
  private livingRows = new LivingRows();
  private readonly indexes = new Map<string, SegmentIndex>();

  constructor(schema: CollectionSchema, lives: RowLives | null, rows = 0) {
    this.schema = schema;
    this.columns = createGrowableColumns(schema, rows);
    this.lives = lives;
  }

  get count(): number {
    return this.kept ?? this.columns.count;
  }

  append(batch: RowBatch): void {
    if (this.kept !== null) throw new Error("the range was closed by a split");
    this.columns.append(batch);
  }

  /**
   * Copies the rows behind the first `rowCount` into a new holder and takes no more itself. Reads
   * that began before go on over all of its rows.
   */
  split(rowCount: number, lives: RowLives): SegmentHolder {
    if (rowCount > this.count) throw new Error(`a split at ${rowCount} of ${this.count} rows`);
    const tail = new SegmentHolder(this.schema, lives);
    const offsets = Uint32Array.from({ length: this.count - rowCount }, (_, at) => rowCount + at);
    tail.append(this.takeRows(offsets, this.columns.fields));
    this.kept = rowCount;
    // The count of dead rows begins anew: the same number would mean other rows.
    this.livingRows = new LivingRows();
    return tail;
  }

  /** The rows that a read at position `at` sees, of the first `rowCount`. */
  living(view: Pick<RangeView, "rowCount" | "dead">, at: number): RowSelection {
    const { rowCount } = view;
    if (this.lives === null) throw new Error("the range has no lives yet");
    if (rowCount > this.count) throw new Error(`${rowCount} rows asked of ${this.count}`);
    return this.livingRows.select(this.lives, view, at);
  }

  /** Leaves out the rows without a vector in this field. */
  withVector(selection: RowSelection, field: string): RowSelection {
    return narrow(selection, this.columns.vectors(field)?.valid);
  }

  search({ field, query, k, ef, exact }: VectorQuery, selection: RowSelection): Hits {
    const vectors = this.columns.vectors(field);
    if (vectors === undefined) throw new Error(`'${field}' is no vector field`);
    return searchSegment({
      slab: vectors.slab,
      index: this.indexes.get(field),
      query,
      k,
      ef,
      rowCount: selection.count,
      allowed: selection.flags,
      allowedCount: selection.selected,
      exact,
    });
  }

  /** The sequence at which a row was born: its place in the log. */
  birthOf(offset: number): number {
    return this.lives?.born[offset] ?? Number.NaN;
  }

  takeRows(offsets: Uint32Array, fields: readonly string[]): RowBatch {
    return this.columns.takeRows(offsets, fields);
  }

  /** An index of all rows that the range will ever have. It replaces an earlier one. */
  attach(field: string, index: SegmentIndex): void {
    if (index.count !== this.count) {
      throw new Error(`an index of ${index.count} rows for a range of ${this.count}`);
    }
    this.indexes.get(field)?.free();
    this.indexes.set(field, index);
  }

  /** Lets go of the indexes; a search that goes on over the range scans from here on. */
  drop(): void {
    for (const index of this.indexes.values()) index.free();
    this.indexes.clear();
  }
}
