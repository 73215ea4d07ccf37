// Brings what lies in the object store into a thread: segments as ranges, indexes for ranges.
import { setImmediate } from "node:timers/promises";
import { batchMisfit } from "../rows/batch-fits.js";
import { keysOf, type RowBatch } from "../rows/columns.js";
import { type CollectionSchema, primaryKeyOf, vectorFieldsOf } from "../rows/schema.js";
import type { ObjectStore } from "../storage/object-store.js";
import { decodeSegment, type SegmentData } from "../storage/segment-file.js";
import type { ComputeJob, ComputeResult } from "../system/compute.js";
import type { IndexEngine } from "./index-engine.js";
import { letGo } from "./let-go.js";
import { SegmentHolder } from "./segment-holder.js";
import { sliceRows } from "./slice-rows.js";
import { readVerified, type Unreadable, unreadable } from "./verified-object.js";

export type LoadJob = Extract<ComputeJob, { kind: "loadSegment" }>;
export type AttachJob = Extract<ComputeJob, { kind: "attachIndex" }>;

type SegmentLoaded = Extract<ComputeResult, { kind: "segmentLoaded" }>;

export interface LoadedRange {
  readonly kind: "loaded";
  readonly holder: SegmentHolder;
  readonly result: SegmentLoaded;
}

// Copying this many bytes of vectors takes a few milliseconds; then others get their turn.
const bytesPerTurn = 4 * 1024 * 1024;

export async function loadRange(
  objects: ObjectStore,
  job: LoadJob,
): Promise<LoadedRange | Unreadable> {
  const read = await readVerified(objects, job.object);
  if (read.kind === "unreadable") return read;
  const decoded = decodeSegment(read.bytes);
  if (!decoded.ok) return unreadable("corrupt", `segment ${job.segmentId}: ${decoded.reason}`);
  const { segment } = decoded;
  const misfit = segmentMisfit(segment, job.schema);
  if (misfit !== null) return unreadable("corrupt", `segment ${job.segmentId}: ${misfit}`);
  const holder = new SegmentHolder(job.schema, null, segment.batch.count);
  await appendInTurns(holder, segment.batch, bytesPerRow(job.schema));
  const result = loadedResult(segment, job, read.bytes.byteLength);
  letGo(read.bytes);
  return { kind: "loaded", holder, result };
}

function segmentMisfit({ batch }: SegmentData, schema: CollectionSchema): string | null {
  const key = primaryKeyOf(schema).name;
  return batch.columns.has(key) ? batchMisfit(batch, schema) : `it has no key column '${key}'`;
}

/** The segment's arrays are views that would keep the whole object in memory: copies. */
function loadedResult(segment: SegmentData, { schema }: LoadJob, bytes: number): SegmentLoaded {
  return {
    kind: "segmentLoaded",
    keys: keysOf(segment.batch, primaryKeyOf(schema).name),
    sequences: segment.sequences.slice(),
    rowNumbers: segment.rowNumbers.slice(),
    commits: segment.commits.slice(),
    bytes,
  };
}

function bytesPerRow(schema: CollectionSchema): number {
  return vectorFieldsOf(schema).reduce((sum, { dimension = 0 }) => sum + dimension * 4, 1);
}

async function appendInTurns(
  holder: SegmentHolder,
  batch: RowBatch,
  rowBytes: number,
): Promise<void> {
  const rows = Math.ceil(bytesPerTurn / rowBytes);
  for (let start = 0; start < batch.count; start += rows) {
    if (start > 0) await setImmediate();
    holder.append(sliceRows(batch, start, Math.min(batch.count, start + rows)));
  }
}

/** `isHeld` says whether the range is still there once the file has come. */
export async function attachIndex(
  { objects, engine }: { readonly objects: ObjectStore; readonly engine: IndexEngine },
  holder: SegmentHolder,
  job: AttachJob,
  isHeld: () => boolean,
): Promise<ComputeResult> {
  const { key } = job.object;
  if (job.rowCount !== holder.count) {
    return unreadable("corrupt", `'${key}' is for ${job.rowCount} rows, not ${holder.count}`);
  }
  const read = await readVerified(objects, job.object);
  if (read.kind === "unreadable") return read;
  if (!isHeld()) return { kind: "done" };
  const { metric, dimension, rowCount: count } = job;
  const index = engine.loadIndex(read.bytes, { metric, dimension, count });
  letGo(read.bytes);
  if ("reason" in index) {
    const detail = index.detail === undefined ? "" : ` (${index.detail})`;
    return unreadable("corrupt", `index '${key}': ${index.reason}${detail}`);
  }
  holder.attach(job.field, index);
  return { kind: "done" };
}
