// Bounds what waits in memory for the object store: the log is read no further while it is much.
import { cutRange, footprintOf } from "../../log/open-range.js";
import { throughOf } from "./sealing.js";
import type { DataWorkerState } from "./state.js";

/** Reading goes on below this part of the budget, so that it does not stop at every entry. */
const releasedShare = 0.75;

/** About what the rows take in memory that no committed manifest has yet. */
export function unflushedBytes({ open, closedBytes }: DataWorkerState): number {
  return footprintOf(open) + closedBytes;
}

/** Closes (boundary, through]: its rows leave memory when a manifest with them is committed. */
export function closeOpenRange(state: DataWorkerState, through: number): void {
  const { sealed, open } = cutRange(state.open, through);
  state.sealed.push(sealed);
  state.closedBytes += sealed.footprint;
  state.open = open;
}

/**
 * A held worker cannot read a seal of its own back, since that stands behind all that it does not
 * read: it cuts where the seal would. Readers take that cut over with the manifest, and for who
 * starts from the manifest it is the boundary anyway.
 */
export function decideHold(state: DataWorkerState): void {
  const { channel, unflushedBytesMax } = state.settings;
  const bytes = unflushedBytes(state);
  if (!state.isHeld && bytes >= unflushedBytesMax) {
    state.isHeld = true;
    state.outbox.push({ kind: "hold", channel });
  } else if (state.isHeld && bytes < unflushedBytesMax * releasedShare) {
    state.isHeld = false;
    state.outbox.push({ kind: "release", channel });
  }
  if (state.isHeld && state.closedBytes === 0) cutAsSealed(state);
}

function cutAsSealed(state: DataWorkerState): void {
  if (state.fold === null || state.open.folded.length === 0) return;
  const through = throughOf(state);
  closeOpenRange(state, through);
  state.fold.boundary = through;
}
