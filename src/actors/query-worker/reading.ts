// Answers reads: each waits for what its view asks, then sees the rows of exactly one position.
import { isPassed, reachBarrier, sendBarrier } from "../../log/barrier.js";
import { nextCommitAfter, sequenceAt } from "../../log/timeline.js";
import { fromMs, type Timestamp, toIso } from "../../log/timestamp.js";
import type { QueryMessage } from "../../messages/query.js";
import type { Failure } from "../../messages/reply.js";
import { Ticked } from "../../messages/wal.js";
import type { DeliveryId, Now, Outcome } from "../../system/actor.js";
import { runAhead, takeAhead } from "./ahead.js";
import { failRead, finishRead, sendSearchAnswer } from "./answering.js";
import { answerIn, cacheKeyOf, lookUp } from "./caching.js";
import { forgetLostBarrier } from "./following.js";
import { jobOf } from "./read-job.js";
import { compute, expect, type QueryWorkerState, type Read } from "./state.js";

/** After this many deliveries a read has felled two workers: it is not run a third time. */
const deliveriesMax = 2;
const barrierRetryMs = 100;
/** So old is the time at most that an answer names, beside what the log has brought since. */
const tickEveryMs = 1_000;
const barrierLostAfterMs = 3_000;
/** A tick may be too early for a read as of a time just now; another follows, not at once. */
const asOfTickEveryMs = 100;

export function applyRead(
  state: QueryWorkerState,
  delivery: DeliveryId,
  deliveries: number,
  message: QueryMessage,
  now: Now,
): void {
  state.creditsOut -= 1;
  const arrived = { atMs: now.monotonicMs, turn: state.turn };
  const readTimestamp = state.fold?.commit ?? 0n;
  const place = { running: false, at: 0, readTimestamp };
  const cached = { cacheKey: null, wasLookedUp: false };
  const read: Read = {
    delivery,
    message,
    arrived,
    ...place,
    ...cached,
    ahead: null,
    ranAhead: false,
  };
  state.reads.set(delivery, read);
  if (deliveries > deliveriesMax) {
    failRead(state, read, {
      code: "failed-twice",
      message: "two workers failed while they ran this read",
      retryable: false,
    });
  }
}

/** Runs every read whose view is reached, and sends a barrier if one is called for. */
export function decideReads(state: QueryWorkerState, now: Now): void {
  let barrierNeeded = false;
  let isTickNeeded = false;
  for (const read of state.reads.values()) {
    if (read.running) continue;
    if (now.wallMs > read.message.deadlineMs) {
      finishRead(state, read);
      continue;
    }
    const step = nextStep(state, read, now);
    if (step.step === "run") runRead(state, read, step.at);
    if (step.step === "fail") failRead(state, read, step.failure);
    if (step.step === "tick") isTickNeeded = true;
    if (step.step === "barrier") {
      barrierNeeded = true;
      runAhead(state, read);
    }
  }
  forgetSilentBarrier(state, now);
  if (!(barrierNeeded || isTickNeeded) || now.monotonicMs < state.barrierBlockedUntilMs) return;
  startBarrier(state, isTickNeeded, now);
}

type Step =
  | { step: "run"; at: number }
  | { step: "wait" }
  | { step: "barrier" }
  /** Only an entry of the log moves the time that it has reached. */
  | { step: "tick" }
  | { step: "fail"; failure: Failure };

function nextStep(state: QueryWorkerState, read: Read, now: Now): Step {
  const { view } = read.message;
  const fold = state.fold;
  if (fold === null) return { step: "wait" };
  if (view.asOfTimestamp !== null) return asOfTimestampStep(state, read, view.asOfTimestamp, now);
  const age = view.maxAgeMs;
  if (age !== null && !isPassed(state.barrier, { arrived: read.arrived, maxAgeMs: age })) {
    return { step: "barrier" };
  }
  const waitFor = Math.max(view.sessionSequence ?? 0, view.asOfSequence ?? 0);
  if (fold.position.sequence < waitFor) return { step: "wait" };
  if (view.asOfSequence === null) return { step: "run", at: fold.position.sequence };
  return asOfSequenceStep(state, view.asOfSequence, now);
}

/** Settled once the fold has a commit at or past it: every later entry commits later. */
function asOfTimestampStep(state: QueryWorkerState, read: Read, at: Timestamp, now: Now): Step {
  const oldest = oldestReadable(state, now);
  if (at < oldest) return tooOld(oldest);
  const fold = state.fold;
  if (fold === null || fold.position.sequence < (read.message.view.sessionSequence ?? 0)) {
    return { step: "wait" };
  }
  if (fold.commit < at) return tickStep(state, read, now);
  const floor = state.manifest?.readableFrom.sequence ?? 0;
  return { step: "run", at: sequenceAt(state.timeline, at, floor) };
}

/** The time asked for may lie ahead of the broker's clock: the log must not fill with ticks. */
function tickStep({ ticked }: QueryWorkerState, read: Read, now: Now): Step {
  const isFirst = ticked.turn < read.arrived.turn;
  const isDue = now.monotonicMs - ticked.atMs >= asOfTickEveryMs;
  return isFirst || isDue ? { step: "tick" } : { step: "wait" };
}

/** A position is readable as long as the next change after it was not made too long ago. */
function asOfSequenceStep(state: QueryWorkerState, at: number, now: Now): Step {
  const oldest = oldestReadable(state, now);
  const changedAt = nextCommitAfter(state.timeline, at);
  const floor = state.manifest?.readableFrom.sequence ?? 0;
  const isCurrent = changedAt === null || changedAt > oldest;
  return at >= floor && isCurrent ? { step: "run", at } : tooOld(oldest);
}

export function oldestReadable(state: QueryWorkerState, now: Now): Timestamp {
  const windowMs = state.record?.settings.asOfWindowMs ?? 0;
  const byClock = fromMs(Math.max(0, Math.floor(now.wallMs - windowMs)));
  const byManifest = state.manifest?.readableFrom.commit ?? 0n;
  return byClock > byManifest ? byClock : byManifest;
}

function tooOld(oldest: Timestamp): Step {
  const message = `the oldest readable time is ${toIso(oldest)}`;
  const hint = "read at a later time, or widen the collection's asOfWindow before you need it";
  return { step: "fail", failure: { code: "as-of-too-old", message, hint, retryable: false } };
}

/**
 * Asking how far the log reaches costs a fraction of an entry, which every follower of the channel
 * reads as well. A tick now and then keeps the time that answers name near the present.
 */
function startBarrier(state: QueryWorkerState, isTickNeeded: boolean, now: Now): void {
  const sent = { atMs: now.monotonicMs, turn: state.turn };
  const id = sendBarrier(state.barrier, state.incarnation, sent);
  if (id === null) return;
  const { channel } = state.settings;
  state.barrierSequence = null;
  const position = state.fold?.position.sequence ?? 0;
  const effectId = expect(state, { for: "barrier", id, position });
  const isTickDue = now.monotonicMs - state.ticked.atMs >= tickEveryMs;
  if (!(isTickNeeded || isTickDue || state.isHeadRefused)) {
    state.outbox.push({ kind: "readHead", id: effectId, channel });
    return;
  }
  state.outbox.push({
    kind: "append",
    id: effectId,
    message: Ticked.create({ channel }),
    stamp: 0n,
    request: id,
    messageId: id,
    connection: null,
  });
}

/** A log of which nothing was read for so long has lost the barrier with its tail: another one. */
function forgetSilentBarrier(state: QueryWorkerState, now: Now): void {
  const { inFlight } = state.barrier;
  if (inFlight === null) return;
  const heardAtMs = Math.max(inFlight.sent.atMs, state.lastReadAtMs);
  if (now.monotonicMs - heardAtMs < barrierLostAfterMs) return;
  state.barrier.inFlight = null;
  state.barrierSequence = null;
}

export function applyHeadRead(
  state: QueryWorkerState,
  { id, position }: { readonly id: string; readonly position: number },
  result: Extract<Outcome, { kind: "HeadRead" }>["result"],
  now: Now,
): void {
  const { inFlight } = state.barrier;
  if (inFlight?.id !== id) return;
  if (!result.ok && result.reason === "refused") {
    state.isHeadRefused = true;
    state.barrier.inFlight = null;
    return;
  }
  if (!result.ok) return applyBarrierFailed(state, id, result.detail, now);
  // What was read before is there no more: the follower is about to find out.
  if (result.sequence < position) return applyBarrierFailed(state, id, "it lost its end", now);
  state.troubles.delete("log");
  inFlight.through = result.sequence;
  reachBarrier(state.barrier, state.fold?.position.sequence ?? 0);
}

export function applyBarrierAppended(state: QueryWorkerState, id: string, sequence: number): void {
  state.troubles.delete("log");
  if (state.barrier.inFlight?.id !== id) return;
  state.barrierSequence = sequence;
  forgetLostBarrier(state);
}

/** The log took no tick: no answer can be as young as asked until it does again. */
export function applyBarrierFailed(
  state: QueryWorkerState,
  id: string,
  detail: string,
  now: Now,
): void {
  if (state.barrier.inFlight?.id !== id) return;
  state.barrier.inFlight = null;
  state.barrierBlockedUntilMs = now.monotonicMs + barrierRetryMs;
  state.troubles.set("log", `the log gives no barrier: ${detail}`);
}

function runRead(state: QueryWorkerState, read: Read, at: number): void {
  read.running = true;
  read.at = at;
  read.readTimestamp = read.message.view.asOfTimestamp ?? state.fold?.commit ?? 0n;
  if (takeAhead(state, read)) return;
  const job = jobOf(state, read.message, at);
  if (job === null) return failRead(state, read, misfit);
  read.cacheKey = cacheKeyOf(state, read.message);
  if (!lookUp(state, read)) compute(state, job, { for: "read", delivery: read.delivery });
}

/** Answers as of the position at which it was looked up, or runs it at the one reached since. */
export function applyCacheRead(
  state: QueryWorkerState,
  delivery: DeliveryId,
  bytes: Uint8Array | null,
): void {
  const read = state.reads.get(delivery);
  if (read === undefined) return;
  const answer = bytes === null ? null : answerIn(bytes, read.message);
  if (answer !== null) return sendSearchAnswer(state, read, answer);
  read.running = false;
}

const misfit: Failure = {
  code: "internal",
  message: "the read does not fit the collection's schema",
  retryable: false,
};
