// Seals the open range: by rows, bytes, age or on request.
import { type Failure, FlushReply } from "../../messages/reply.js";
import { SegmentSealed } from "../../messages/wal.js";
import type { Now } from "../../system/actor.js";
import { type DataWorkerState, expect, type FlushRequest } from "./state.js";

/** A range of nothing but ticks is closed at this many, so that a replay stays short. */
const changesMax = 50_000;
const sealRetryMs = 500;

export function decideSeal(state: DataWorkerState, now: Now): void {
  const blocked = now.monotonicMs < state.sealBlockedUntilMs;
  if (state.phase !== "owning" || state.sealInFlight !== null || blocked) return;
  const asked = [...state.flushRequests.values()].filter((request) => request.through === null);
  if (asked.length === 0 && !isDue(state, now)) return;
  const request = `${state.incarnation}-seal-${state.nextId}`;
  state.sealInFlight = request;
  for (const flush of asked) flush.sealRequest = request;
  const seen = asked.length > 0 ? null : (state.fold?.position.sequence ?? 0);
  state.outbox.push({
    kind: "append",
    id: expect(state, { for: "seal" }),
    message: SegmentSealed.create({ channel: state.settings.channel, seen }),
    stamp: 0n,
    request,
    messageId: request,
    connection: null,
  });
}

function isDue(state: DataWorkerState, now: Now): boolean {
  const thresholds = state.record?.settings.thresholds;
  const { rows, bytes, changes, openedAtMs } = state.open;
  if (thresholds === undefined || changes === 0) return false;
  if (rows >= thresholds.sealRows || bytes >= thresholds.sealBytes) return true;
  return changes >= changesMax || now.monotonicMs - openedAtMs >= thresholds.sealAgeMs;
}

/** Perhaps appended, perhaps not: a second seal of the same rows closes nothing. */
export function applySealFailed(state: DataWorkerState, detail: string, now: Now): void {
  state.sealInFlight = null;
  state.sealBlockedUntilMs = now.monotonicMs + sealRetryMs;
  state.cause = `the log takes no seals: ${detail}`;
}

/** Answers the flushes whose rows are all in the object store, and those that are too late. */
export function decideFlushReplies(state: DataWorkerState, now: Now): void {
  const checkpoint = state.manifest?.checkpoint.sequence ?? 0;
  for (const request of state.flushRequests.values()) {
    const isDone = request.through !== null && checkpoint >= request.through;
    if (isDone) answerFlush(state, request, checkpoint, null);
    else if (now.wallMs > request.message.deadlineMs) {
      const message = `some rows are not in the object store yet: ${state.cause ?? "try again"}`;
      answerFlush(state, request, checkpoint, { code: "unavailable", message, retryable: true });
    }
  }
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
