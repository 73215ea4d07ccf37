// Asks a channel's replicas for a part of a read, again when none answers, and takes the first.
import type { QueryMessage } from "../../messages/query.js";
import { decodeRowBatch } from "../../rows/row-batch-codec.js";
import type { Now } from "../../system/actor.js";
import { noteReached } from "./reached.js";
import type { DecodedReply, ProxyState, ReadPart, ReadReply, Request } from "./state.js";

/** When a copy goes to another replica, it is hoped, because nobody has answered. */
const hedgesAfterMs = [300, 550];
/** Sent again so often, while the deadline allows: a broker without a leader forgot the read. */
const resendEveryMs = 2_000;
const attemptsMax = 6;
const retryPauseMs = 50;
/**
 * Replicas that cannot keep up are not to get several times the work for it, or they never would
 * again: a copy for ten answers, and some at once for those whose replica has died.
 */
export const copiesAtOnce = 50;
const copiesEachAnswer = 0.1;

export function askReplicas(
  state: ProxyState,
  parts: Map<string, ReadPart>,
  channel: string,
  message: QueryMessage,
  { monotonicMs }: Now,
): void {
  const times = { firstSentAtMs: monotonicMs, sentAtMs: monotonicMs, retryAtMs: null };
  const part: ReadPart = { message, attempts: 1, ...times, reply: null };
  parts.set(channel, part);
  publish(state, part);
}

/** Sends again what has waited past its next hedge, or for so long that it may be lost. */
export function hedge(state: ProxyState, parts: ReadonlyMap<string, ReadPart>, now: Now): void {
  for (const part of parts.values()) {
    if (part.reply !== null) continue;
    const hedgeMs = hedgesAfterMs[part.attempts - 1] ?? Number.POSITIVE_INFINITY;
    const isHedge = now.monotonicMs - part.firstSentAtMs >= hedgeMs;
    const isLate = now.monotonicMs - part.sentAtMs >= resendEveryMs;
    const isRetry = part.retryAtMs !== null && now.monotonicMs >= part.retryAtMs;
    if (isRetry || ((isHedge || isLate) && spendCopy(state))) sendCopy(state, part, now);
    else if (isLate) sendAgain(state, part, now);
  }
}

/** Answers may have been lost with the connection, and reads that were sent just before. */
export function askAnew(state: ProxyState, now: Now): void {
  const lots = [...state.lots.values()].map(({ parts }) => parts);
  const requests = [...state.requests.values()].flatMap((request) => readPartsOf(request) ?? []);
  for (const parts of [...requests, ...lots]) {
    for (const part of parts.values()) {
      if (part.reply === null) sendCopy(state, part, now);
    }
  }
}

export function readPartsOf({ work }: Request): Map<string, ReadPart> | null {
  if (work.kind === "read") return work.parts;
  return work.kind === "describe" ? work.description.parts : null;
}

/** True when the part has its answer now. A failure that may pass is asked again, a few times. */
export function applyReadReply(
  state: ProxyState,
  part: ReadPart,
  reply: ReadReply,
  now: Now,
): boolean {
  if (part.reply !== null) return false;
  if (reply.failure?.retryable && part.attempts < attemptsMax) {
    // At once would be just what a worker that has too much to do does not need.
    part.retryAtMs ??= now.monotonicMs + retryPauseMs * part.attempts;
    return false;
  }
  part.reply = readable(reply);
  // As of a position it may just have been told of.
  const isOwn = reply.failure === null && part.message.view.asOfSequence === null;
  if (isOwn) noteReached(state, reply.channel, reply.sequence);
  state.copiesLeft = Math.min(copiesAtOnce, state.copiesLeft + copiesEachAnswer);
  return true;
}

/** What cannot be read, such as a newer worker's format, ends this request and no other. */
function readable(reply: ReadReply): DecodedReply {
  if (reply.rows === null) return { batch: null, ...reply };
  const decoded = decodeRowBatch(reply.rows);
  if (decoded.ok) return { batch: decoded.batch, ...reply };
  const message = `the rows of an answer cannot be read: ${decoded.reason}`;
  return { ...reply, batch: null, failure: { code: "internal", message, retryable: false } };
}

function spendCopy(state: ProxyState): boolean {
  if (state.copiesLeft < 1) return false;
  state.copiesLeft -= 1;
  return true;
}

function sendCopy(state: ProxyState, part: ReadPart, now: Now): void {
  part.message = { ...part.message, attempt: part.attempts };
  part.attempts += 1;
  part.retryAtMs = null;
  sendAgain(state, part, now);
}

/** Under its id: a broker that still has it, or had it lately, takes no second one. */
function sendAgain(state: ProxyState, part: ReadPart, { monotonicMs }: Now): void {
  part.sentAtMs = monotonicMs;
  publish(state, part);
}

function publish(state: ProxyState, { message }: ReadPart): void {
  const { proxy, request, channel, attempt } = message;
  const messageId = `${proxy}-${request}-${channel}-${attempt}`;
  state.outbox.push({ kind: "publish", message, messageId });
}
