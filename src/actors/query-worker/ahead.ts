// Searches while the barrier is still on its way: what is found holds if no row changes meanwhile.
import { SearchChannel } from "../../messages/query.js";
import type { ComputedResult, DeliveryId } from "../../system/actor.js";
import type { ComputeResult } from "../../system/compute.js";
import { applyComputed } from "./answering.js";
import { jobOf } from "./read-job.js";
import { compute, type QueryWorkerState, type Read } from "./state.js";

/** What a read looks for before it is known whether the log has brought it anything new. */
export interface Ahead {
  /** The last entry that had changed rows when it began. */
  readonly changedAt: number;
  result: ComputeResult | null;
  /** The barrier has passed, and no row has changed: the read waits for this. */
  isWanted: boolean;
}

/** Only of a read that is alone: others need the threads for what will surely hold. */
export function runAhead(state: QueryWorkerState, read: Read): void {
  const { message } = read;
  if (read.ranAhead || state.reads.size > 1 || state.settings.caches) return;
  if (message.kind !== SearchChannel.kind || message.count > 1 || state.fold === null) return;
  const job = jobOf(state, message, state.fold.position.sequence);
  if (job === null) return;
  read.ranAhead = true;
  read.ahead = { changedAt: state.changedAt.sequence, result: null, isWanted: false };
  compute(state, job, { for: "ahead", delivery: read.delivery });
}

/** True when what was begun ahead is, or will be, the answer to the read that is to run now. */
export function takeAhead(state: QueryWorkerState, read: Read): boolean {
  const { ahead } = read;
  if (ahead === null || ahead.changedAt !== state.changedAt.sequence) {
    read.ahead = null;
    return false;
  }
  ahead.isWanted = true;
  if (ahead.result !== null) {
    applyComputed(state, read.delivery, { ok: true, value: ahead.result });
  }
  return true;
}

/** One that failed is as if it had not been begun. */
export function applyAhead(
  state: QueryWorkerState,
  delivery: DeliveryId,
  result: ComputedResult,
): void {
  const read = state.reads.get(delivery);
  if (read === undefined || read.ahead === null) return;
  if (!result.ok) {
    if (read.ahead.isWanted) read.running = false;
    read.ahead = null;
    return;
  }
  read.ahead.result = result.value;
  if (read.ahead.isWanted) applyComputed(state, delivery, result);
}
