// Which searches the shared cache may answer, under which key, and in what form they are kept.
import { createHash } from "node:crypto";
import type { MessageOf } from "../../messages/define.js";
import { type QueryMessage, SearchChannel } from "../../messages/query.js";
import { SearchChannelReply } from "../../messages/reply.js";
import { expect, type QueryWorkerState, type Read, schemaOf } from "./state.js";

export type SearchAnswer = Pick<
  MessageOf<typeof SearchChannelReply>,
  "counts" | "distances" | "rows"
>;

/** One more when the form of what is kept, or what a key stands for, changes. */
const keyVersion = 1;
const vectorBytesMax = 64 * 1024;
const answerBytesMax = 64 * 1024;

/**
 * All that an answer depends on: the rows as of the last entry that changed any (ticks and seals do
 * not), by its append time too, since a log may lose its tail; their segments and indexes; and what
 * was asked. Null: not for the cache, as reads of the past are.
 */
export function cacheKeyOf(state: QueryWorkerState, message: QueryMessage): string | null {
  if (!state.settings.caches || message.kind !== SearchChannel.kind) return null;
  const { view, vectors, field, count, limit, ef, exact, filter, outputFields } = message;
  const isOfThePast = view.asOfTimestamp !== null || view.asOfSequence !== null;
  if (isOfThePast || vectors.byteLength > vectorBytesMax) return null;
  const { channel, collectionId, collectionKey } = state.settings;
  const { sequence, appendedAtUs } = state.changedAt;
  const parts = [
    ...[keyVersion, collectionKey, collectionId, channel],
    ...[state.adoptedNumber, sequence, appendedAtUs, schemaOf(state).fields],
    ...[field, count, limit, ef, exact, filter, outputFields],
  ];
  return createHash("sha256").update(JSON.stringify(parts)).update(vectors).digest("hex");
}

/** Once a read: false when it has been looked up, or is none for the cache. */
export function lookUp(state: QueryWorkerState, read: Read): boolean {
  if (read.cacheKey === null || read.wasLookedUp) return false;
  read.wasLookedUp = true;
  const id = expect(state, { for: "cached", delivery: read.delivery });
  state.outbox.push({ kind: "readCache", id, key: read.cacheKey });
  return true;
}

/** Answers that are large are not kept: they would push out many small ones. */
export function keep(state: QueryWorkerState, read: Read, answer: SearchAnswer): void {
  if (read.cacheKey === null) return;
  const blank = { proxy: "cache", request: "cache", channel: read.message.channel, attempt: 0 };
  const facts = { failure: null, sequence: 0, readTimestamp: 0n };
  const bytes = SearchChannelReply.encode({
    ...{ kind: SearchChannelReply.kind, ...blank, ...facts },
    ...{ counts: answer.counts, distances: answer.distances, rows: answer.rows },
  });
  if (bytes.byteLength > answerBytesMax) return;
  state.outbox.push({ kind: "writeCache", key: read.cacheKey, bytes });
}

/** Null for anything that does not look like an answer to this very search. */
export function answerIn(bytes: Uint8Array, message: QueryMessage): SearchAnswer | null {
  if (message.kind !== SearchChannel.kind) return null;
  const decoded = SearchChannelReply.decode(bytes);
  if (!decoded.ok) return null;
  const { counts, distances, rows } = decoded.message;
  const hits = counts.reduce((sum, count) => sum + count, 0);
  const isWhole =
    counts.length === message.count &&
    counts.every((count) => count >= 0 && count <= message.limit) &&
    distances.byteLength === hits * Float64Array.BYTES_PER_ELEMENT &&
    (rows !== null || hits === 0);
  return isWhole ? { counts, distances, rows } : null;
}
