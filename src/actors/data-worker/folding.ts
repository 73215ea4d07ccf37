// Folds the channel's log into the open range, and closes it where the log says so.
import { type ChannelEvent, type ChannelFold, foldEntry } from "../../log/channel-fold.js";
import { addEntry, type FoldedEntry } from "../../log/open-range.js";
import type { LogEntry, Now } from "../../system/actor.js";
import { closeOpenRange } from "./holding.js";
import { forgetLostSeal } from "./sealing.js";
import type { DataWorkerState, FlushRequest } from "./state.js";

export function applyEntry(state: DataWorkerState, entry: LogEntry, now: Now): void {
  const fold = state.fold;
  if (fold === null) throw new Error("a log entry before the fold began");
  const event = foldEntry(fold, entry);
  const isSeal = entry.kind === "SegmentSealed";
  addEntry(state.open, foldedEntry(fold, entry, event, now));
  if (event.kind === "rows" || event.kind === "deleted") state.changedAtMs = now.monotonicMs;
  if (event.kind === "sealed") {
    closeOpenRange(state, event.through);
  }
  if (isSeal) noteSeal(state, fold, entry);
  forgetLostSeal(state);
  state.lastReadAtMs = now.monotonicMs;
  if (state.phase === "replaying" && entry.sequence >= state.replayThrough) state.phase = "owning";
}

function foldedEntry(
  fold: ChannelFold,
  entry: LogEntry,
  event: ChannelEvent,
  now: Now,
): FoldedEntry {
  const at = { ...fold.position, commit: fold.commit };
  const { sequence, commit } = at;
  const isSeal = entry.kind === "SegmentSealed";
  const folded = { at, foldedAtMs: now.monotonicMs, isSeal, rows: null, tombstones: [], bytes: 0 };
  if (event.kind === "rows") {
    const rows = { sequence, commit, rows: event.bytes, count: event.batch.count };
    return { ...folded, rows, bytes: event.bytes.byteLength };
  }
  if (event.kind !== "deleted") return folded;
  const { bornThrough } = event;
  const tombstones = event.keys.map((key) => ({ key, sequence, bornThrough, commit }));
  return { ...folded, tombstones, bytes: entry.body.byteLength };
}

/** Reading the own seal back settles what it was appended for. */
function noteSeal(state: DataWorkerState, fold: ChannelFold, entry: LogEntry): void {
  if (state.seal?.request === entry.request) state.seal = null;
  for (const request of state.flushRequests.values()) settleFlush(request, fold, entry);
}

function settleFlush(request: FlushRequest, fold: ChannelFold, entry: LogEntry): void {
  if (request.sealRequest === entry.request) request.through = fold.boundary;
}
