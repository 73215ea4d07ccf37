// Inserts, upserts and deletes: one entry a shard, acknowledged by the log.
import type { DeleteCall, InsertCall } from "../../contract/calls.js";
import { payloadTooLarge } from "../../contract/errors.js";
import { messageIdOf } from "../../contract/request-id.js";
import type { AnyMessage } from "../../messages/catalogue.js";
import { RowsDeleted, RowsInserted, RowsUpserted } from "../../messages/wal.js";
import { autoId } from "../../rows/auto-id.js";
import { keysOf } from "../../rows/columns.js";
import { encodeRowBatch } from "../../rows/row-batch-codec.js";
import { rowsToBatch } from "../../rows/row-validation.js";
import { readKeys } from "../../rows/scalar-value.js";
import { type Key, primaryKeyOf } from "../../rows/schema.js";
import { shardOfAutoId, shardOfKey, shardOfRequest, splitByKey } from "../../rows/shards.js";
import type { LogEntry, Now } from "../../system/actor.js";
import { channelOf, forgetCollection, keyOf } from "./collections.js";
import { noteWritten } from "./pacing.js";
import { noteReached } from "./reached.js";
import { refuse, refuseWith, respond, sessionOf } from "./responding.js";
import { stampNow } from "./stamping.js";
import {
  expect,
  type KnownCollection,
  type ProxyState,
  type Request,
  type Work,
  type WritePart,
} from "./state.js";

type WriteWork = Extract<Work, { kind: "write" }>;

export function startInsert(
  state: ProxyState,
  request: Request,
  collection: KnownCollection,
  call: InsertCall,
  now: Now,
): void {
  const read = rowsToBatch(call.rows, collection.schema, call);
  if (!read.ok) return refuse(state, request, read.error);
  const keyField = primaryKeyOf(collection.schema);
  const keys = keyField.autoId ? null : keysOf(read.batch, keyField.name);
  const work: WriteWork = { kind: "write", call, keys, parts: new Map() };
  const shards = collection.record.channels.length;
  const batches =
    keys === null
      ? new Map([[shardOfRequest(request.requestId, call.part, shards), read.batch]])
      : splitByKey(read.batch, keys, shards);
  const definition = call.operation === "insert" ? RowsInserted : RowsUpserted;
  const messages = [...batches].map(([shard, batch]) => {
    const channel = channelOf(collection.record, shard);
    const rows = encodeRowBatch(batch);
    return {
      shard,
      batch,
      rows,
      message: definition.create({ channel, rows, count: batch.count }),
    };
  });
  const { entryBytesMax } = state.settings;
  const tooLarge = messages.find(({ rows }) => rows.byteLength > entryBytesMax);
  if (tooLarge !== undefined) {
    const { batch, rows } = tooLarge;
    return refuse(state, request, payloadTooLarge(batch.count, rows.byteLength, entryBytesMax));
  }
  request.work = work;
  for (const { shard, batch, rows, message } of messages) {
    const { channel } = message;
    addPart(work, { channel, shard, rows: batch.count, deleted: 0, bytes: rows.byteLength });
    append(state, request, call, message, rows, now);
  }
}

function addPart(work: WriteWork, part: Omit<WritePart, "acknowledged">): void {
  work.parts.set(part.channel, { ...part, acknowledged: null });
}

export function startDeleteByIds(
  state: ProxyState,
  request: Request,
  collection: KnownCollection,
  call: DeleteCall,
  now: Now,
): void {
  const keyField = primaryKeyOf(collection.schema);
  const read = readKeys(call.ids ?? [], keyField);
  if (!read.ok) return refuse(state, request, read.error);
  const { channels } = collection.record;
  const byShard = new Map<number, Key[]>();
  for (const key of read.keys) {
    const automatic = keyField.autoId ? shardOfAutoId(key, channels.length) : null;
    const shard = automatic ?? shardOfKey(key, channels.length);
    const ofShard = byShard.get(shard) ?? [];
    ofShard.push(key);
    byShard.set(shard, ofShard);
  }
  const entries = [...byShard].map(([shard, keys]) => {
    const channel = channelOf(collection.record, shard);
    const message = RowsDeleted.create({ channel, keys, evaluatedAt: null });
    return { channel, shard, keys, message, body: RowsDeleted.encode(message) };
  });
  const { entryBytesMax } = state.settings;
  const tooLarge = entries.find(({ body }) => body.byteLength > entryBytesMax);
  if (tooLarge !== undefined) {
    const { keys, body } = tooLarge;
    return refuse(state, request, payloadTooLarge(keys.length, body.byteLength, entryBytesMax));
  }
  const work: WriteWork = { kind: "write", call, keys: read.keys, parts: new Map() };
  request.work = work;
  for (const { channel, shard, keys, message, body } of entries) {
    addPart(work, { channel, shard, rows: 0, deleted: keys.length, bytes: body.byteLength });
    append(state, request, call, message, body, now);
  }
}

/**
 * A delete by filter: the keys that the filter found, each hidden as it was at the position where
 * it was found. An entry goes to every shard, also without keys, so that a retry meets its own.
 */
export function startDeleteOfFound(
  state: ProxyState,
  request: Request,
  call: DeleteCall,
  found: readonly { channel: string; shard: number; keys: readonly Key[]; at: number }[],
  now: Now,
): void {
  const work: WriteWork = { kind: "write", call, keys: null, parts: new Map() };
  const messages = found.map(({ channel, keys, at }) =>
    RowsDeleted.create({ channel, keys: [...keys], evaluatedAt: at }),
  );
  const { entryBytesMax } = state.settings;
  const sizes = messages.map((message) => RowsDeleted.encode(message).byteLength);
  if (sizes.some((size) => size > entryBytesMax)) {
    const count = found.reduce((sum, { keys }) => sum + keys.length, 0);
    const hint = "narrow the filter and delete in several requests";
    const text = `the filter passes ${count} rows, more than one entry of the log can name`;
    return refuseWith(state, request, "payload-too-large", text, hint);
  }
  request.work = work;
  found.forEach(({ channel, shard, keys }, place) => {
    addPart(work, { channel, shard, rows: 0, deleted: keys.length, bytes: sizes[place] ?? 0 });
    const message = messages[place];
    if (message) append(state, request, call, message, call.filter ?? "", now);
  });
}

function append(
  state: ProxyState,
  request: Request,
  call: InsertCall | DeleteCall,
  message: Extract<AnyMessage, { kind: "RowsInserted" | "RowsUpserted" | "RowsDeleted" }>,
  bodyHashInput: Uint8Array | string,
  now: Now,
): void {
  const { requestId, connection } = request;
  const { channel } = message;
  state.outbox.push({
    kind: "append",
    id: expect(state, { for: "append", request: request.id, channel }),
    message,
    stamp: stampNow(state, now),
    request: requestId,
    messageId: messageIdOf({ requestId, part: call.part, channel, bodyHashInput }),
    connection,
  });
}

export function applyAppended(
  state: ProxyState,
  request: Request,
  channel: string,
  acknowledged: { sequence: number; duplicate: boolean },
): void {
  const { work } = request;
  const part = work.kind === "write" ? work.parts.get(channel) : undefined;
  if (work.kind !== "write" || part === undefined) return;
  noteReached(state, channel, acknowledged.sequence);
  if (!acknowledged.duplicate) noteWritten(state, channel, acknowledged.sequence, part.bytes);
  if (acknowledged.duplicate && work.call.operation === "delete" && work.call.filter !== null) {
    const id = expect(state, { for: "original", request: request.id, channel });
    const { sequence } = acknowledged;
    state.outbox.push({ kind: "readEntry", id, channel, sequence });
    part.acknowledged = null;
    part.sequence = sequence;
    return;
  }
  part.acknowledged = acknowledged;
  finishIfAcknowledged(state, request, work);
}

/** The count of a repeated delete is that of the entry which the first attempt appended. */
export function applyOriginal(
  state: ProxyState,
  request: Request,
  channel: string,
  entry: LogEntry | null,
): void {
  const { work } = request;
  const part = work.kind === "write" ? work.parts.get(channel) : undefined;
  if (work.kind !== "write" || part === undefined) return;
  const original = entry === null ? null : RowsDeleted.decode(entry.body);
  if (original?.ok) part.deleted = original.message.keys.length;
  part.acknowledged = { sequence: entry?.sequence ?? part.sequence ?? 0, duplicate: true };
  finishIfAcknowledged(state, request, work);
}

function finishIfAcknowledged(state: ProxyState, request: Request, work: WriteWork): void {
  const parts = [...work.parts.values()];
  const positions = new Map<string, number>();
  for (const { channel, acknowledged } of parts) {
    if (acknowledged === null) return;
    positions.set(channel, acknowledged.sequence);
  }
  if (request.collection === null) throw new Error("a write without its collection");
  const session = sessionOf(request.collection, positions, null);
  if (work.call.operation === "delete") {
    const count = parts.reduce((sum, part) => sum + part.deleted, 0);
    return respond(state, request, { count, session });
  }
  const ids = work.keys ?? parts.flatMap(automaticIds);
  respond(state, request, { count: ids.length, ids, session });
}

function automaticIds({ shard, rows, acknowledged }: WritePart): bigint[] {
  const sequence = acknowledged?.sequence ?? 0;
  return Array.from({ length: rows }, (_, row) => autoId(shard, sequence, row));
}

export function applyAppendFailed(
  state: ProxyState,
  request: Request,
  reason: "full" | "missing" | "disconnected" | "timeout",
  detail: string,
): void {
  if (reason === "full") {
    const hint = "its data workers may lag; a collection with more shards holds more";
    return refuseWith(state, request, "full", `the log of a shard is full: ${detail}`, hint);
  }
  if (reason === "missing") forgetCollection(state, keyOf(request));
  const hint = "retry with the same requestId: a part that was written is not written again";
  refuseWith(state, request, "unavailable", `not acknowledged (${reason}): ${detail}`, hint);
}
