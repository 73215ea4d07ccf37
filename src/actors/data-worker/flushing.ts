// Writes a sealed range as one immutable object, and its deletes as another.

import type { SealedRange } from "../../log/open-range.js";
import { segmentObjectKey, sha256Hex, tombstonesObjectKey } from "../../storage/keys.js";
import { encodeTombstones } from "../../storage/tombstones-file.js";
import type { Now } from "../../system/actor.js";
import type { ComputeResult } from "../../system/compute.js";
import { compute, type DataWorkerState, epochOf, expect, type Flush, schemaOf } from "./state.js";

/** Each try encodes the range anew: a store that stays away is not asked every second. */
const retryMs = { first: 1_000, max: 15_000 };

/** One range at a time, in log order: the checkpoint can only move over what is stored. */
export function decideFlush(state: DataWorkerState, now: Now): void {
  if (state.flush !== null) return retryFlush(state, state.flush, now);
  const range = state.sealed[0];
  if (range === undefined || state.root === null) return;
  startFlush(state, range);
}

function startFlush(state: DataWorkerState, range: SealedRange): void {
  const flush: Flush = {
    range,
    attempt: state.nextId,
    waiting: 0,
    segment: null,
    tombstones: null,
    retryAtMs: null,
  };
  state.flush = flush;
  if (range.entries.length > 0) {
    flush.waiting += 1;
    const { shard } = state.settings;
    const { entries } = range;
    const job = { kind: "encodeSegment", shard, schema: schemaOf(state), entries } as const;
    compute(state, job, { for: "encode", attempt: flush.attempt });
  }
  if (range.tombstones.length > 0) writeTombstones(state, flush);
  if (flush.waiting === 0) finishFlush(state, flush);
}

function retryFlush(state: DataWorkerState, flush: Flush, now: Now): void {
  if (flush.retryAtMs === null || now.monotonicMs < flush.retryAtMs) return;
  startFlush(state, flush.range);
}

/** The object store took it not: the range stays in memory and is tried again. */
export function applyFlushFailed(
  state: DataWorkerState,
  attempt: number,
  detail: string,
  now: Now,
): void {
  state.troubles.set("objects", `rows cannot be moved to the object store: ${detail}`);
  const flush = current(state, attempt);
  if (flush === null) return;
  const doublings = Math.min(state.flushFailures, 10);
  state.flushFailures += 1;
  flush.retryAtMs = now.monotonicMs + Math.min(retryMs.first * 2 ** doublings, retryMs.max);
}

function current(state: DataWorkerState, attempt: number): Flush | null {
  const flush = state.flush;
  return flush?.attempt === attempt && flush.retryAtMs === null ? flush : null;
}

function place(state: DataWorkerState) {
  const { collectionId, channel } = state.settings;
  return { collectionId, channel, epoch: epochOf(state) };
}

function writeTombstones(state: DataWorkerState, flush: Flush): void {
  flush.waiting += 1;
  const bytes = encodeTombstones(flush.range.tombstones);
  const sha256 = sha256Hex(bytes);
  const { from } = flush.range;
  const { sequence: through } = flush.range.checkpoint;
  const key = tombstonesObjectKey({ ...place(state), from, through, sha256 });
  flush.tombstones = { key, sha256, bytes: bytes.byteLength };
  const id = expect(state, { for: "tombstones-object", attempt: flush.attempt });
  state.outbox.push({ kind: "writeObject", id, key, bytes });
}

export function applyEncoded(
  state: DataWorkerState,
  attempt: number,
  encoded: Extract<ComputeResult, { kind: "encoded" }>,
): void {
  const flush = current(state, attempt);
  if (flush === null) return;
  const { bytes, sha256, rowCount, keyDigest } = encoded;
  const through = flush.range.checkpoint.sequence;
  const id = `s${through}-${epochOf(state)}`;
  const key = segmentObjectKey({ ...place(state), segmentId: id, sha256 });
  flush.segment = {
    id,
    from: flush.range.from,
    through,
    rowCount,
    keyDigest,
    object: { key, sha256, bytes: bytes.byteLength },
    appliedThrough: 0,
    indexes: [],
  };
  const write = expect(state, { for: "segment-object", attempt });
  state.outbox.push({ kind: "writeObject", id: write, key, bytes });
}

export function applyObjectWritten(state: DataWorkerState, attempt: number): void {
  const flush = current(state, attempt);
  if (flush === null) return;
  flush.waiting -= 1;
  if (flush.waiting === 0) finishFlush(state, flush);
}

function finishFlush(state: DataWorkerState, flush: Flush): void {
  const { range, segment, tombstones } = flush;
  state.troubles.delete("objects");
  state.flushFailures = 0;
  state.changes.push({ kind: "flushed", range, segment, tombstones });
  state.sealed.shift();
  state.flush = null;
}
