// Follows the channel's log: rows are born, die and are handed to the search threads.
import { reachBarrier, readBarrierBack } from "../../log/barrier.js";
import { type ChannelEvent, type ChannelFold, foldEntry } from "../../log/channel-fold.js";
import { bearAll, kill, openRange, type RowRange, splitRange } from "../../log/row-table.js";
import { record } from "../../log/timeline.js";
import { autoId } from "../../rows/auto-id.js";
import { keysOf, type RowBatch } from "../../rows/columns.js";
import { type Key, primaryKeyOf } from "../../rows/schema.js";
import type { LogEntry, Now } from "../../system/actor.js";
import { compute, type QueryWorkerState } from "./state.js";

/** Another entry stands where the barrier was: the log lost its tail before it was read. */
export function forgetLostBarrier(state: QueryWorkerState): void {
  const { barrierSequence: sequence, fold } = state;
  if (sequence === null || (fold?.position.sequence ?? 0) < sequence) return;
  state.barrierSequence = null;
  state.barrier.inFlight = null;
}

export function applyEntry(state: QueryWorkerState, entry: LogEntry, now: Now): void {
  const fold = state.fold;
  if (fold === null) throw new Error("a log entry before the fold began");
  applyEvent(state, fold, entry, foldEntry(fold, entry));
  if (readBarrierBack(state.barrier, entry.request)) state.ticked = state.barrier.passed;
  reachBarrier(state.barrier, entry.sequence);
  forgetLostBarrier(state);
  state.lastReadAtMs = now.monotonicMs;
  const caughtUp = fold.position.sequence >= state.replayThrough;
  if (state.phase === "following" && caughtUp) state.phase = "serving";
}

function applyEvent(
  state: QueryWorkerState,
  fold: ChannelFold,
  entry: LogEntry,
  event: ChannelEvent,
): void {
  switch (event.kind) {
    case "rows":
      bearRows(state, fold, entry, event.batch, event.bytes);
      recordChange(state, fold);
      return;
    case "deleted":
      for (const key of event.keys) kill(state.table, key, entry.sequence, event.bornThrough);
      recordChange(state, fold);
      return;
    case "sealed":
      cutRangeAt(state, event.through);
      return;
    case "ticked":
    case "nothing":
      return;
  }
}

function recordChange(state: QueryWorkerState, fold: ChannelFold): void {
  record(state.timeline, fold.position.sequence, fold.commit);
  state.changedAt = fold.position;
}

function bearRows(
  state: QueryWorkerState,
  fold: ChannelFold,
  entry: LogEntry,
  batch: RowBatch,
  bytes: Uint8Array,
): void {
  const { channel, shard } = state.settings;
  const range = growingRange(state) ?? startGrowingRange(state, fold);
  const before = range.lives;
  const keys = entryKeys(fold, batch, shard, entry.sequence);
  bearAll(state.table, range, keys, entry.sequence);
  const job = {
    kind: "appendRows",
    channel,
    range: range.number,
    entry: { sequence: entry.sequence, commit: fold.commit, rows: bytes, count: batch.count },
    lives: range.lives === before ? null : range.lives,
  } as const;
  compute(state, job, { for: "holder" });
}

/** Automatic ids are decided by the log: by shard, sequence and row. */
function entryKeys(
  fold: ChannelFold,
  batch: RowBatch,
  shard: number,
  sequence: number,
): readonly Key[] | BigInt64Array {
  const keyField = primaryKeyOf(fold.schema);
  const column = batch.columns.get(keyField.name);
  if (!keyField.autoId)
    return column?.type === "Int64" ? column.values : keysOf(batch, keyField.name);
  return Array.from({ length: batch.count }, (_, row) => autoId(shard, sequence, row));
}

export function growingRange(state: QueryWorkerState): RowRange | undefined {
  const last = state.table.ranges.at(-1);
  return last?.through === null ? last : undefined;
}

function startGrowingRange(state: QueryWorkerState, fold: ChannelFold): RowRange {
  const { channel, shard } = state.settings;
  const range = openRange(state.table, fold.boundary);
  compute(
    state,
    {
      kind: "openRange",
      channel,
      range: range.number,
      shard,
      schema: fold.schema,
      lives: range.lives,
    },
    { for: "holder" },
  );
  return range;
}

/**
 * Ends the range that reaches over `edge` there: rows behind it stand in a range of their own, as
 * those do that came between a boundary and its seal. A range with a segment is never cut, since
 * segments only grow together.
 */
export function cutRangeAt(state: QueryWorkerState, edge: number): void {
  const range = state.table.ranges.find(
    ({ from, through, segmentId }) =>
      segmentId === null && from < edge && edge < (through ?? Number.POSITIVE_INFINITY),
  );
  if (range === undefined) return;
  if ((range.lives.born[0] ?? 0) > edge) {
    range.from = edge;
    return;
  }
  const tail = splitRange(state.table, range, edge);
  if (tail === null) return;
  const { channel } = state.settings;
  const { number: into, lives } = tail;
  const { number, count: rowCount } = range;
  const job = { kind: "splitRange", channel, range: number, rowCount, into, lives } as const;
  compute(state, job, { for: "holder" });
}
