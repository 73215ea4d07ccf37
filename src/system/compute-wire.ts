// How jobs and results cross to a thread and back: as few copies as is safe.
import { setImmediate } from "node:timers/promises";
import type { Column, RowBatch } from "../rows/columns.js";
import type { Key } from "../rows/schema.js";
import type { ReadPart } from "../segments/merge-parts.js";
import type { ScanPart } from "../segments/scan-ranges.js";
import type { SearchPart } from "../segments/search-ranges.js";
import type { ComputeJob, ComputeResult, GrowingEntry, RowLives } from "./compute.js";
import type { SpentBuffers } from "./spent-buffers.js";

export interface JobMessage {
  readonly id: number;
  readonly job: ComputeJob;
  /** A read of which other threads do a part: answer with rows as columns, to be merged. */
  readonly isPart: boolean;
}

export type ThreadValue = ComputeResult | ReadPart;

export type ThreadMessage =
  | {
      readonly id: number;
      readonly ok: true;
      readonly value: PackedValue;
      /** The memory in which an entry came, where nothing of it is needed any more. */
      readonly spent: ArrayBuffer | null;
    }
  | { readonly id: number; readonly ok: false; readonly detail: string };

type Loaded = Extract<ComputeResult, { kind: "segmentLoaded" }>;
/** Bigints cost little as one array and much one by one. */
type PackedLoaded = Omit<Loaded, "keys"> & { readonly keys: readonly Key[] | BigInt64Array };
type PackedValue = Exclude<ThreadValue, Loaded> | PackedLoaded;

export interface Packed<Value> {
  readonly value: Value;
  readonly transfers: ArrayBuffer[];
}

export type LongJob = Extract<ComputeJob, { kind: "encodeSegment" | "buildIndex" | "compact" }>;
export type ShortJob = Exclude<ComputeJob, LongJob>;

// A copy of this size takes a few milliseconds.
const bytesPerTurn = 4 * 1024 * 1024;

type View = Uint8Array | Float64Array | Uint32Array | BigUint64Array | BigInt64Array;

/**
 * The job with bytes of its own. They are copied, since whoever asked may keep them, and so may
 * others with views of the same network buffer, all of which a clone would take along.
 */
export function packJob(job: ShortJob, buffers: SpentBuffers): Packed<ComputeJob> {
  switch (job.kind) {
    case "openRange":
    case "splitRange":
    case "bindLives":
      assertShared(job.lives);
      return { value: job, transfers: [] };
    case "appendRows": {
      if (job.lives !== null) assertShared(job.lives);
      const { entry } = job;
      const buffer = buffers.take(entry.rows.byteLength);
      const rows = new Uint8Array(buffer, 0, entry.rows.byteLength);
      rows.set(entry.rows);
      return { value: { ...job, entry: { ...entry, rows } }, transfers: [buffer] };
    }
    case "search": {
      const vectors = new Uint8Array(job.vectors);
      return { value: { ...job, vectors }, transfers: [vectors.buffer] };
    }
    default:
      return { value: job, transfers: [] };
  }
}

/** After an entry was appended, which copies what it keeps. */
export function spentBy(job: ComputeJob): ArrayBuffer | null {
  const buffer = job.kind === "appendRows" ? job.entry.rows.buffer : null;
  return buffer instanceof ArrayBuffer ? buffer : null;
}

/** As `packJob`, with pauses in which others get their turn: these jobs are tens of megabytes. */
export async function packLongJob(job: LongJob): Promise<Packed<ComputeJob>> {
  if (job.kind === "compact") return { value: job, transfers: [] };
  if (job.kind === "buildIndex") {
    const bytes = await copyInTurns(job.bytes);
    return { value: { ...job, bytes }, transfers: [bytes.buffer] };
  }
  const entries: GrowingEntry[] = [];
  const transfers: ArrayBuffer[] = [];
  let copied = 0;
  for (const entry of job.entries) {
    if (copied + entry.rows.byteLength > bytesPerTurn) {
      await setImmediate();
      copied = 0;
    }
    const rows = new Uint8Array(entry.rows);
    copied += rows.byteLength;
    entries.push({ ...entry, rows });
    transfers.push(rows.buffer);
  }
  return { value: { ...job, entries }, transfers };
}

async function copyInTurns(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const copy = new Uint8Array(bytes.byteLength);
  for (let start = 0; start < bytes.byteLength; start += bytesPerTurn) {
    if (start > 0) await setImmediate();
    copy.set(bytes.subarray(start, start + bytesPerTurn), start);
  }
  return copy;
}

/** A thread with a copy of the lives would never hear of another death. */
function assertShared({ born, died }: RowLives): void {
  const isShared = [born, died].every(({ buffer }) => buffer instanceof SharedArrayBuffer);
  if (!isShared) throw new Error("the lives of rows must lie in shared memory");
}

/** Results belong to nobody else, so their memory moves. */
export function packValue(value: ThreadValue): Packed<PackedValue> {
  const transfers: ArrayBuffer[] = [];
  const moved = <Kind extends View>(view: Kind): Kind => {
    const own = view.byteLength === view.buffer.byteLength ? view : copyOf(view);
    const { buffer } = own;
    if (buffer instanceof ArrayBuffer && !transfers.includes(buffer)) transfers.push(buffer);
    return own;
  };
  return { value: withMoved(value, moved), transfers };
}

/** In memory of its own: a buffer that others look into must not move, nor be cloned whole. */
function copyOf<Kind extends View>(view: Kind): Kind {
  const bytes = new Uint8Array(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  // A Buffer is a view of some pool again, whoever makes it.
  const Copy = view instanceof Uint8Array ? Uint8Array : view.constructor;
  return new (Copy as new (buffer: ArrayBuffer) => Kind)(bytes.buffer);
}

type Move = <Kind extends View>(view: Kind) => Kind;

function withMoved(value: ThreadValue, moved: Move): PackedValue {
  if (!("kind" in value)) return movedPart(value, moved);
  switch (value.kind) {
    case "segmentLoaded": {
      const { keys, sequences, rowNumbers, commits } = value;
      return {
        ...value,
        keys: typeof keys[0] === "bigint" ? moved(BigInt64Array.from(keys as bigint[])) : keys,
        sequences: moved(sequences),
        rowNumbers: moved(rowNumbers),
        commits: moved(commits),
      };
    }
    case "searched": {
      const rows = value.rows === null ? null : moved(value.rows);
      return { ...value, distances: moved(value.distances), rows };
    }
    case "scanned":
      return { ...value, rows: value.rows === null ? null : moved(value.rows) };
    case "encoded":
    case "indexBuilt":
      return { ...value, bytes: moved(value.bytes) };
    case "compacted":
      return { ...value, bytes: value.bytes === null ? null : moved(value.bytes) };
    default:
      return value;
  }
}

function movedPart(part: SearchPart | ScanPart, moved: Move): SearchPart | ScanPart {
  const rows = part.rows === null ? null : movedBatch(part.rows, moved);
  if (!("counts" in part)) return { ...part, rows };
  return { ...part, distances: moved(part.distances), births: moved(part.births), rows };
}

function movedBatch({ count, columns }: RowBatch, moved: Move): RowBatch {
  const own = new Map<string, Column>();
  for (const [name, column] of columns) {
    const valid = column.valid === undefined ? undefined : moved(column.valid);
    const isArray = column.type === "VarChar" || column.type === "JSON";
    const values = isArray ? column.values : moved(column.values as Uint8Array);
    own.set(name, { ...column, values, valid } as Column);
  }
  return { count, columns: own };
}

export function unpackValue(value: PackedValue): ThreadValue {
  if (!("kind" in value) || value.kind !== "segmentLoaded") return value as ThreadValue;
  return { ...value, keys: Array.from(value.keys as ArrayLike<Key>) };
}
