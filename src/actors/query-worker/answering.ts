// Answers a read: with what the search threads found, or with why there is no answer.
import { type Failure, QueryChannelReply, SearchChannelReply } from "../../messages/reply.js";
import type { ComputedResult, DeliveryId } from "../../system/actor.js";
import type { ComputeResult } from "../../system/compute.js";
import { keep, type SearchAnswer } from "./caching.js";
import type { QueryWorkerState, Read } from "./state.js";

/** What the broker takes in one message, less the room for what stands around the rows. */
const replyBytesMax = 8 * 1024 * 1024 - 64 * 1024;

export function applyComputed(
  state: QueryWorkerState,
  delivery: DeliveryId,
  result: ComputedResult,
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
  const fields = { failure: null, rows, ...replyFields(read) };
  const message = QueryChannelReply.create({ count: value.count, ...fields });
  state.outbox.push({ kind: "publish", message, messageId: null });
  finishRead(state, read);
}

export function sendSearchAnswer(state: QueryWorkerState, read: Read, answer: SearchAnswer): void {
  const message = SearchChannelReply.create({ failure: null, ...replyFields(read), ...answer });
  state.outbox.push({ kind: "publish", message, messageId: null });
  finishRead(state, read);
}

function replyFields(read: Read) {
  const { proxy, request, channel, attempt } = read.message;
  const { at: sequence, readTimestamp } = read;
  return { proxy, request, channel, attempt, sequence, readTimestamp };
}

export function failRead(state: QueryWorkerState, read: Read, failure: Failure): void {
  const fields = { ...replyFields(read), failure, rows: null };
  const message =
    read.message.kind === "SearchChannel"
      ? SearchChannelReply.create({ ...fields, counts: [], distances: new Uint8Array() })
      : QueryChannelReply.create({ ...fields, count: 0 });
  state.outbox.push({ kind: "publish", message, messageId: null });
  finishRead(state, read);
}

export function finishRead(state: QueryWorkerState, read: Read): void {
  state.reads.delete(read.delivery);
  state.outbox.push({ kind: "acknowledge", delivery: read.delivery });
}

function unavailable(detail: string): Failure {
  return { code: "unavailable", message: detail, retryable: true };
}
