// Answers reads: each waits for what its view asks, then sees the rows of exactly one position.
import { isPassed, sendBarrier } from "../../log/barrier.js";
import { keysLike } from "../../log/channel-fold.js";
import { nextCommitAfter, sequenceAt } from "../../log/timeline.js";
import { fromMs, type Timestamp, toIso } from "../../log/timestamp.js";
import type { QueryMessage } from "../../messages/query.js";
import { type Failure, QueryChannelReply, SearchChannelReply } from "../../messages/reply.js";
import { Ticked } from "../../messages/wal.js";
import type { DeliveryId, Now } from "../../system/actor.js";
import type { ComputeJob, ComputeResult } from "../../system/compute.js";
import { answerIn, cacheKeyOf, keep, lookUp, type SearchAnswer } from "./caching.js";
import { forgetLostBarrier } from "./following.js";
import { compute, expect, type QueryWorkerState, type Read, schemaOf } from "./state.js";

/** After this many deliveries a read has felled two workers: it is not run a third time. */
const deliveriesMax = 2;
const barrierRetryMs = 100;
const barrierLostAfterMs = 3_000;
/** A tick may be too early for a read as of a time just now; another follows, not at once. */
const asOfTickEveryMs = 100;
/** What the broker takes in one message, less the room for what stands around the rows. */
const replyBytesMax = 8 * 1024 * 1024 - 64 * 1024;

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
  const read: Read = { delivery, message, arrived, ...place, cacheKey: null, wasLookedUp: false };
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
  for (const read of state.reads.values()) {
    if (read.running) continue;
    if (now.wallMs > read.message.deadlineMs) {
      finishRead(state, read);
      continue;
    }
    const step = nextStep(state, read, now);
    if (step.step === "run") runRead(state, read, step.at);
    if (step.step === "fail") failRead(state, read, step.failure);
    if (step.step === "barrier") barrierNeeded = true;
  }
  forgetSilentBarrier(state, now);
  if (barrierNeeded && now.monotonicMs >= state.barrierBlockedUntilMs) startBarrier(state, now);
}

type Step =
  | { step: "run"; at: number }
  | { step: "wait" }
  | { step: "barrier" }
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
function tickStep({ barrier: { passed } }: QueryWorkerState, read: Read, now: Now): Step {
  const isFirst = passed.turn < read.arrived.turn;
  const isDue = now.monotonicMs - passed.atMs >= asOfTickEveryMs;
  return isFirst || isDue ? { step: "barrier" } : { step: "wait" };
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

function startBarrier(state: QueryWorkerState, now: Now): void {
  const sent = { atMs: now.monotonicMs, turn: state.turn };
  const id = sendBarrier(state.barrier, state.incarnation, sent);
  if (id === null) return;
  state.barrierSequence = null;
  state.outbox.push({
    kind: "append",
    id: expect(state, { for: "barrier", id }),
    message: Ticked.create({ channel: state.settings.channel }),
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
  state.troubles.set("log", `the log takes no ticks: ${detail}`);
}

function runRead(state: QueryWorkerState, read: Read, at: number): void {
  const job = jobOf(state, read.message, at);
  if (job === null) return failRead(state, read, misfit);
  read.running = true;
  read.at = at;
  read.readTimestamp = read.message.view.asOfTimestamp ?? state.fold?.commit ?? 0n;
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

/** Null for what no proxy sends: it must not end the worker, and then the next one. */
function jobOf(state: QueryWorkerState, message: QueryMessage, at: number): ComputeJob | null {
  const { channel } = state.settings;
  const ranges = state.table.ranges.filter((range) => range.count > 0);
  const views = ranges.map((range) => ({ range: range.number, rowCount: range.count }));
  const { filter, outputFields, limit } = message;
  if (message.kind === "QueryChannel") {
    const ids = message.ids === null ? null : keysLike(schemaOf(state), message.ids);
    if (ids !== null && ids.length !== message.ids?.length) return null;
    const { mode } = message;
    return { kind: "scan", channel, views, at, ids, filter, limit, mode, outputFields };
  }
  const { field, vectors, count, ef, exact } = message;
  const declared = schemaOf(state).fields.find(({ name }) => name === field);
  if (declared?.metric === undefined || declared.dimension === undefined) return null;
  const { metric, dimension } = declared;
  const common = { channel, views, at, field, metric, dimension, filter, outputFields };
  return { kind: "search", ...common, vectors, count, limit: message.limit, ef, exact };
}

export function applyComputed(
  state: QueryWorkerState,
  delivery: DeliveryId,
  result: { ok: true; value: ComputeResult } | { ok: false; detail: string },
): void {
  const read = state.reads.get(delivery);
  if (read === undefined) return;
  if (!result.ok) return failRead(state, read, unavailable(result.detail));
  const value = result.value;
  if (value.kind === "invalid") {
    return failRead(state, read, {
      code: "invalid-filter",
      message: value.message,
      retryable: false,
    });
  }
  if (value.kind !== "searched" && value.kind !== "scanned") {
    return failRead(state, read, unavailable(`a search thread answered '${value.kind}'`));
  }
  const vectorBytes = value.kind === "searched" ? value.distances.byteLength : 0;
  const bytes = (value.rows?.byteLength ?? 0) + vectorBytes;
  if (bytes > replyBytesMax) return failRead(state, read, tooLarge(bytes));
  answerRead(state, read, value);
}

/** The broker would refuse the answer, and the client wait for it in vain. */
function tooLarge(bytes: number): Failure {
  const message = `the answer of a shard has ${bytes} bytes; ${replyBytesMax} fit into a message`;
  const hint = "ask for fewer rows or fewer output fields at a time, or narrow the filter";
  return { code: "payload-too-large", message, hint, retryable: false };
}

function answerRead(
  state: QueryWorkerState,
  read: Read,
  value: Extract<ComputeResult, { kind: "searched" | "scanned" }>,
): void {
  const { rows } = value;
  if (value.kind === "searched") {
    const { buffer, byteOffset, byteLength } = value.distances;
    const distances = new Uint8Array(buffer, byteOffset, byteLength);
    const answer = { counts: [...value.counts], distances, rows };
    sendSearchAnswer(state, read, answer);
    return keep(state, read, answer);
  }
  const fields = { ...replyFields(read), failure: null, rows };
  const message = QueryChannelReply.create({ ...fields, count: value.count });
  state.outbox.push({ kind: "publish", message, messageId: null });
  finishRead(state, read);
}

function sendSearchAnswer(state: QueryWorkerState, read: Read, answer: SearchAnswer): void {
  const message = SearchChannelReply.create({ ...replyFields(read), failure: null, ...answer });
  state.outbox.push({ kind: "publish", message, messageId: null });
  finishRead(state, read);
}

function replyFields(read: Read) {
  const { proxy, request, channel, attempt } = read.message;
  const { at: sequence, readTimestamp } = read;
  return { proxy, request, channel, attempt, sequence, readTimestamp };
}

function failRead(state: QueryWorkerState, read: Read, failure: Failure): void {
  const fields = { ...replyFields(read), failure, rows: null };
  const message =
    read.message.kind === "SearchChannel"
      ? SearchChannelReply.create({ ...fields, counts: [], distances: new Uint8Array() })
      : QueryChannelReply.create({ ...fields, count: 0 });
  state.outbox.push({ kind: "publish", message, messageId: null });
  finishRead(state, read);
}

function finishRead(state: QueryWorkerState, read: Read): void {
  state.reads.delete(read.delivery);
  state.outbox.push({ kind: "acknowledge", delivery: read.delivery });
}

function unavailable(detail: string): Failure {
  return { code: "unavailable", message: detail, retryable: true };
}
