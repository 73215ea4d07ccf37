// Seals the open range: by rows, bytes, age or on request.
import { type Failure, FlushReply } from "../../messages/reply.js";
import { SegmentSealed } from "../../messages/wal.js";
import type { Now } from "../../system/actor.js";
import { causeOf, type DataWorkerState, expect, type FlushRequest } from "./state.js";

/** A range of nothing but ticks is closed at this many, so that a replay stays short. */
const changesMax = 50_000;
const sealRetryMs = 500;
/** A log that has been silent for so long has lost the seal: a crash can replace its tail. */
const sealLostAfterMs = 15_000;
/** More than the time between two looks at deadlines, and the way to the proxy. */
const answerAheadMs = 1_500;

export function decideSeal(state: DataWorkerState, now: Now): void {
  if (state.isHeld) return;
  const blocked = now.monotonicMs < state.sealBlockedUntilMs;
  if (state.seal !== null) {
    const heardAtMs = Math.max(state.seal.sentAtMs, state.lastReadAtMs);
    if (now.monotonicMs - heardAtMs >= sealLostAfterMs) state.seal = null;
  }
  if (state.phase !== "owning" || state.seal !== null || blocked) return;
  const asked = [...state.flushRequests.values()].filter((request) => request.through === null);
  if (asked.length === 0 && !isDue(state, now)) return;
  const request = `${state.incarnation}-seal-${state.nextId}`;
  state.seal = { request, sentAtMs: now.monotonicMs, sequence: null };
  for (const flush of asked) flush.sealRequest = request;
  const through = asked.length > 0 ? null : throughOf(state);
  state.outbox.push({
    kind: "append",
    id: expect(state, { for: "seal", request }),
    message: SegmentSealed.create({ channel: state.settings.channel, through }),
    stamp: 0n,
    request,
    messageId: request,
    connection: null,
  });
}

/** Only as far as the thresholds ask, however far the fold has gone since. */
export function throughOf({ open, record, fold }: DataWorkerState): number {
  const { sealRows = 0, sealBytes = 0 } = record?.settings.thresholds ?? {};
  let rows = 0;
  let bytes = 0;
  for (const entry of open.folded) {
    rows += entry.rows?.count ?? 0;
    bytes += entry.bytes;
    if (rows >= sealRows || bytes >= sealBytes) return entry.at.sequence;
  }
  return fold?.position.sequence ?? 0;
}

function isDue(state: DataWorkerState, now: Now): boolean {
  const thresholds = state.record?.settings.thresholds;
  const { rows, bytes, changes, openedAtMs } = state.open;
  if (thresholds === undefined || changes === 0) return false;
  if (rows >= thresholds.sealRows || bytes >= thresholds.sealBytes) return true;
  return changes >= changesMax || now.monotonicMs - openedAtMs >= thresholds.sealAgeMs;
}

export function applySealAppended(state: DataWorkerState, request: string, sequence: number) {
  state.troubles.delete("log");
  if (state.seal?.request !== request) return;
  state.seal.sequence = sequence;
  forgetLostSeal(state);
}

/** Another entry stands where the seal was: the log lost its tail before it was read. */
export function forgetLostSeal(state: DataWorkerState): void {
  const sequence = state.seal?.sequence ?? null;
  if (sequence !== null && (state.fold?.position.sequence ?? 0) >= sequence) state.seal = null;
}

/** Perhaps appended, perhaps not: a second seal of the same rows closes nothing. */
export function applySealFailed(
  state: DataWorkerState,
  request: string,
  detail: string,
  now: Now,
): void {
  if (state.seal?.request !== request) return;
  state.seal = null;
  state.sealBlockedUntilMs = now.monotonicMs + sealRetryMs;
  state.troubles.set("log", `the log takes no seals: ${detail}`);
}

/** Answers the flushes whose rows are all in the object store, and those that are too late. */
export function decideFlushReplies(state: DataWorkerState, now: Now): void {
  const checkpoint = state.manifest?.checkpoint.sequence ?? 0;
  for (const request of state.flushRequests.values()) {
    const isDone = request.through !== null && checkpoint >= request.through;
    if (isDone) answerFlush(state, request, checkpoint, null);
    else if (isTooLate(state, request, now)) {
      const message = `some rows are not in the object store yet: ${causeOf(state) ?? "try again"}`;
      answerFlush(state, request, checkpoint, { code: "unavailable", message, retryable: true });
    }
  }
}

/** Where there is a cause it is told in time: the proxy knows only that the deadline has passed. */
function isTooLate(state: DataWorkerState, { message }: FlushRequest, now: Now): boolean {
  const aheadMs = causeOf(state) === null ? 0 : answerAheadMs;
  return now.wallMs > message.deadlineMs - aheadMs;
}

function answerFlush(
  state: DataWorkerState,
  flush: FlushRequest,
  flushedThrough: number,
  failure: Failure | null,
): void {
  const { proxy, request, channel } = flush.message;
  const message = FlushReply.create({ proxy, request, channel, failure, flushedThrough });
  state.outbox.push({ kind: "publish", message, messageId: null });
  state.outbox.push({ kind: "acknowledge", delivery: flush.delivery });
  state.flushRequests.delete(flush.delivery);
}
