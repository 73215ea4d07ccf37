// Folds the channel's log into the open range, and closes it where the log says so.
import { type ChannelFold, foldEntry } from "../../log/channel-fold.js";
import type { LogEntry, Now } from "../../system/actor.js";
import { forgetLostSeal } from "./sealing.js";
import { type Checkpoint, type DataWorkerState, emptyRange, type FlushRequest } from "./state.js";

export function applyEntry(state: DataWorkerState, entry: LogEntry, now: Now): void {
  const fold = state.fold;
  if (fold === null) throw new Error("a log entry before the fold began");
  const before = checkpointOf(fold);
  const event = foldEntry(fold, entry);
  const isSeal = entry.kind === "SegmentSealed";
  if (!isSeal) noteChange(state, now);
  if (event.kind === "rows") {
    const { bytes: rows, batch } = event;
    const { sequence } = entry;
    state.open.entries.push({ sequence, commit: fold.commit, rows, count: batch.count });
    state.open.rows += batch.count;
    state.open.bytes += rows.byteLength;
  }
  if (event.kind === "deleted") {
    for (const key of event.keys) {
      const { bornThrough } = event;
      const { sequence } = entry;
      state.open.tombstones.push({ key, sequence, bornThrough, commit: fold.commit });
    }
    state.open.bytes += entry.body.byteLength;
  }
  if (event.kind === "sealed") {
    state.sealed.push({ ...state.open, checkpoint: before });
    state.open = emptyRange(fold.boundary);
  }
  if (isSeal) noteSeal(state, fold, entry);
  forgetLostSeal(state);
  state.lastReadAtMs = now.monotonicMs;
  if (state.phase === "replaying" && entry.sequence >= state.replayThrough) state.phase = "owning";
}

function checkpointOf(fold: ChannelFold): Checkpoint {
  return { ...fold.position, commit: fold.commit };
}

function noteChange(state: DataWorkerState, now: Now): void {
  if (state.open.changes === 0) state.open.openedAtMs = now.monotonicMs;
  state.open.changes += 1;
}

/** Reading the own seal back settles what it was appended for. */
function noteSeal(state: DataWorkerState, fold: ChannelFold, entry: LogEntry): void {
  if (state.seal?.request === entry.request) state.seal = null;
  for (const request of state.flushRequests.values()) settleFlush(request, fold, entry);
}

function settleFlush(request: FlushRequest, fold: ChannelFold, entry: LogEntry): void {
  if (request.sealRequest === entry.request) request.through = fold.boundary;
}
