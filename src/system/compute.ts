// The jobs that run on worker threads: whatever is too slow for the thread with the connection.
import type { ObjectReference } from "../messages/control.js";
import type { MessageOf } from "../messages/define.js";
import type { BuildIndex, CompactSegments } from "../messages/task.js";
import type { CollectionSchema, Key, Metric } from "../rows/schema.js";

/** One holder of rows in the search threads, by its number within the channel. */
export interface RangeView {
  readonly range: number;
  /** Rows from the first on that the search may see; later ones came after it. */
  readonly rowCount: number;
  /** How many rows of the range had died then: while it is the same number, the same rows live. */
  readonly dead?: number;
}

/** Per row, shared with the threads: the sequence at which it was born and at which it died. */
export interface RowLives {
  readonly born: Float64Array;
  readonly died: Float64Array;
}

export interface GrowingEntry {
  readonly sequence: number;
  readonly commit: bigint;
  /** An encoded row batch. */
  readonly rows: Uint8Array;
  readonly count: number;
}

export type ComputeJob =
  /** Open a holder of growing rows. */
  | {
      kind: "openRange";
      channel: string;
      range: number;
      shard: number;
      schema: CollectionSchema;
      lives: RowLives;
    }
  /** Add the rows of one entry to it; `lives` when its arrays had to grow. */
  | {
      kind: "appendRows";
      channel: string;
      range: number;
      entry: GrowingEntry;
      lives: RowLives | null;
    }
  /** Rows behind the first `rowCount` of a holder move into a new one, in the same thread. */
  | {
      kind: "splitRange";
      channel: string;
      range: number;
      rowCount: number;
      into: number;
      lives: RowLives;
    }
  /** Open a holder from the object of a segment; answers with its keys and births. */
  | {
      kind: "loadSegment";
      channel: string;
      range: number;
      schema: CollectionSchema;
      object: ObjectReference;
      segmentId: string;
    }
  /** Give a holder loaded from an object its lives, after the fold knows them. */
  | { kind: "bindLives"; channel: string; range: number; lives: RowLives }
  /** Give a holder an index; the file is read and checked by the thread. */
  | {
      kind: "attachIndex";
      channel: string;
      range: number;
      field: string;
      metric: Metric;
      dimension: number;
      rowCount: number;
      object: ObjectReference;
    }
  | { kind: "dropRange"; channel: string; range: number }
  | { kind: "dropChannel"; channel: string }
  | {
      kind: "search";
      channel: string;
      views: readonly RangeView[];
      /** Rows are seen that were born at or before this sequence and did not die by it. */
      at: number;
      field: string;
      metric: Metric;
      dimension: number;
      vectors: Uint8Array;
      count: number;
      limit: number;
      ef: number;
      exact: boolean;
      filter: string | null;
      outputFields: readonly string[];
    }
  | {
      kind: "scan";
      channel: string;
      views: readonly RangeView[];
      at: number;
      ids: readonly Key[] | null;
      filter: string | null;
      limit: number | null;
      mode: "rows" | "count" | "keys";
      outputFields: readonly string[];
    }
  | {
      kind: "encodeSegment";
      shard: number;
      schema: CollectionSchema;
      entries: readonly GrowingEntry[];
    }
  | { kind: "buildIndex"; task: MessageOf<typeof BuildIndex>; bytes: Uint8Array }
  | { kind: "compact"; task: MessageOf<typeof CompactSegments> };

export type ComputeResult =
  | { kind: "done" }
  | {
      kind: "segmentLoaded";
      keys: readonly Key[];
      sequences: Float64Array;
      rowNumbers: Uint32Array;
      commits: BigUint64Array;
      bytes: number;
    }
  /** The object or index could not be read: missing, or its SHA-256 is another. */
  | { kind: "unreadable"; reason: "missing" | "corrupt" | "unavailable"; detail: string }
  | {
      kind: "searched";
      counts: readonly number[];
      distances: Float64Array;
      /** A row batch: the key field and the output fields, in the order of `distances`. */
      rows: Uint8Array | null;
    }
  | { kind: "scanned"; count: number; rows: Uint8Array | null }
  | { kind: "encoded"; bytes: Uint8Array; sha256: string; rowCount: number; keyDigest: string }
  | { kind: "indexBuilt"; bytes: Uint8Array; sha256: string }
  | {
      kind: "compacted";
      bytes: Uint8Array | null;
      sha256: string;
      rowCount: number;
      keyDigest: string;
    }
  /** The request itself cannot be run, for instance its filter does not parse. */
  | { kind: "invalid"; message: string };
