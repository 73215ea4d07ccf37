// Makes the objects of segments and indexes: from entries of the log, and from other objects.
import { batchMisfit } from "../rows/batch-fits.js";
import { type Column, keysOf, type RowBatch } from "../rows/columns.js";
import { allRows, pickRows } from "../rows/pick-rows.js";
import { decodeRowBatch } from "../rows/row-batch-codec.js";
import { type CollectionSchema, dynamicFieldName, primaryKeyOf } from "../rows/schema.js";
import { addToDigest, digestText, emptyDigest } from "../storage/key-digest.js";
import { sha256Hex } from "../storage/keys.js";
import type { ObjectStore } from "../storage/object-store.js";
import { decodeSegment, encodeSegment, type SegmentData } from "../storage/segment-file.js";
import { decodeTombstones, type Tombstone } from "../storage/tombstones-file.js";
import type { ComputeJob, ComputeResult, GrowingEntry } from "../system/compute.js";
import { withKeys } from "./auto-keys.js";
import { type Births, type KeptRows, keptRows } from "./compaction.js";
import type { IndexEngine } from "./index-engine.js";
import { readVerified, type Unreadable, unreadable } from "./verified-object.js";

type EncodeJob = Extract<ComputeJob, { kind: "encodeSegment" }>;
type BuildJob = Extract<ComputeJob, { kind: "buildIndex" }>;
type CompactJob = Extract<ComputeJob, { kind: "compact" }>;

export function encodeEntries(job: EncodeJob): ComputeResult {
  const { schema, shard } = job;
  const decoded = job.entries.flatMap((entry) => decodeEntry(entry, schema, shard));
  const batches = decoded.map(({ batch }) => batch);
  const count = batches.reduce((sum, batch) => sum + batch.count, 0);
  const sequences = new Float64Array(count);
  const rowNumbers = new Uint32Array(count);
  const commits = new BigUint64Array(count);
  let next = 0;
  for (const { entry, batch } of decoded) {
    sequences.fill(entry.sequence, next, next + batch.count);
    commits.fill(entry.commit, next, next + batch.count);
    for (let row = 0; row < batch.count; row += 1) rowNumbers[next + row] = row;
    next += batch.count;
  }
  const batch = pickRows(batches, allRows(batches));
  const segment = { sequences, rowNumbers, commits, batch };
  return { kind: "encoded", ...objectOf(segment, primaryKeyOf(schema).name) };
}

/** Nothing for an entry whose rows nobody can read: every reader of the log passes over it. */
function decodeEntry(
  entry: GrowingEntry,
  schema: CollectionSchema,
  shard: number,
): readonly { readonly entry: GrowingEntry; readonly batch: RowBatch }[] {
  const decoded = decodeRowBatch(entry.rows);
  if (!decoded.ok || batchMisfit(decoded.batch, schema) !== null) return [];
  const batch = withKeys(declaredColumns(decoded.batch, schema), schema, shard, entry.sequence);
  return [{ entry, batch }];
}

function declaredColumns({ count, columns }: RowBatch, schema: CollectionSchema): RowBatch {
  const names = schema.fields.map((field) => field.name);
  if (schema.dynamicFields) names.push(dynamicFieldName);
  const declared = new Map<string, Column>();
  for (const name of names) {
    const column = columns.get(name);
    if (column !== undefined) declared.set(name, column);
  }
  return { count, columns: declared };
}

function objectOf(segment: SegmentData, keyField: string) {
  const { batch, sequences, rowNumbers } = segment;
  const bytes = encodeSegment(segment);
  let digest = emptyDigest;
  const keys = batch.count === 0 ? [] : keysOf(batch, keyField);
  for (const [row, key] of keys.entries()) {
    digest = addToDigest(digest, key, sequences[row] as number, rowNumbers[row] as number);
  }
  const keyDigest = digestText(digest);
  return { bytes, sha256: sha256Hex(bytes), rowCount: batch.count, keyDigest };
}

export function buildIndex(engine: IndexEngine, { task, bytes }: BuildJob): ComputeResult {
  const what = `segment ${task.segmentId}`;
  if (sha256Hex(bytes) !== task.segment.sha256) {
    return unreadable("corrupt", `${what} has another SHA-256`);
  }
  const decoded = decodeSegment(bytes);
  if (!decoded.ok) return unreadable("corrupt", `${what}: ${decoded.reason}`);
  const { batch } = decoded.segment;
  const column = batch.columns.get(task.field);
  const { dimension, metric, parameters, rowCount } = task;
  if (column?.type !== "FloatVector" || column.dimension !== dimension) {
    return unreadable("corrupt", `${what} has no vectors '${task.field}' of ${dimension} values`);
  }
  if (batch.count !== rowCount) {
    return unreadable("corrupt", `${what} has ${batch.count} rows, not ${rowCount}`);
  }
  const file = engine.buildIndex({ vectors: column.values, dimension, metric, parameters });
  // Not as a Buffer, whose `slice` is no copy.
  const index = new Uint8Array(file.buffer, file.byteOffset, file.byteLength);
  return { kind: "indexBuilt", bytes: index, sha256: sha256Hex(index) };
}

export async function compactSegments(
  objects: ObjectStore,
  { task }: CompactJob,
): Promise<ComputeResult> {
  const { keyField, appliedThrough } = task;
  const inputs: SegmentData[] = [];
  for (const input of inLogOrder(task.inputs)) {
    const read = await readSegment(objects, input);
    if ("kind" in read) return read;
    inputs.push(read);
  }
  // Of the later segments only keys and births are kept: they may be many.
  const later: Births[] = [];
  for (const segment of inLogOrder(task.laterSegments)) {
    const read = await readSegment(objects, segment);
    if ("kind" in read) return read;
    later.push({ ...birthsOf(read, keyField), sequences: read.sequences.slice() });
  }
  const tombstones = await readTombstones(objects, task.tombstones);
  if ("kind" in tombstones) return tombstones;
  const births = inputs.map((input) => birthsOf(input, keyField));
  const kept = keptRows({ inputs: births, later, tombstones }, appliedThrough);
  if (kept.sources.length === 0) return { kind: "compacted", ...nothingLeft };
  return { kind: "compacted", ...objectOf(pickSegment(inputs, kept), keyField) };
}

const nothingLeft = {
  bytes: null,
  sha256: "",
  rowCount: 0,
  keyDigest: digestText(emptyDigest),
};

type SegmentInput = CompactJob["task"]["inputs"][number];

function inLogOrder(segments: readonly SegmentInput[]): readonly SegmentInput[] {
  return [...segments].sort((a, b) => a.from - b.from);
}

async function readSegment(
  objects: ObjectStore,
  { segmentId, object }: SegmentInput,
): Promise<SegmentData | Unreadable> {
  const read = await readVerified(objects, object);
  if (read.kind === "unreadable") return read;
  const decoded = decodeSegment(read.bytes);
  if (!decoded.ok) return unreadable("corrupt", `segment ${segmentId}: ${decoded.reason}`);
  return decoded.segment;
}

async function readTombstones(
  objects: ObjectStore,
  references: CompactJob["task"]["tombstones"],
): Promise<Tombstone[] | Unreadable> {
  const tombstones: Tombstone[] = [];
  for (const reference of references) {
    const read = await readVerified(objects, reference);
    if (read.kind === "unreadable") return read;
    const decoded = decodeTombstones(read.bytes);
    if (!decoded.ok) return unreadable("corrupt", `'${reference.key}': ${decoded.reason}`);
    for (const tombstone of decoded.tombstones) tombstones.push(tombstone);
  }
  return tombstones;
}

function birthsOf({ batch, sequences }: SegmentData, keyField: string): Births {
  return { keys: keysOf(batch, keyField), sequences };
}

/** Rows keep their places in the log, and so their versions. */
function pickSegment(inputs: readonly SegmentData[], kept: KeptRows): SegmentData {
  const count = kept.sources.length;
  const sequences = new Float64Array(count);
  const rowNumbers = new Uint32Array(count);
  const commits = new BigUint64Array(count);
  for (let row = 0; row < count; row += 1) {
    const input = inputs[kept.sources[row] as number] as SegmentData;
    const position = kept.positions[row] as number;
    sequences[row] = input.sequences[position] as number;
    rowNumbers[row] = input.rowNumbers[position] as number;
    commits[row] = input.commits[position] as bigint;
  }
  const batch = pickRows(
    inputs.map((input) => input.batch),
    kept,
  );
  return { sequences, rowNumbers, commits, batch };
}
