// Executes the commands of clients on the records of collections; a repeated one finds its result.
import { createHash } from "node:crypto";
import {
  type CollectionRecord,
  type CollectionSettings,
  collectionKey,
  collectionRecord,
  droppedKey,
  earlierRequestsMax,
} from "../../messages/records.js";
import { CollectionReply, type Failure } from "../../messages/reply.js";
import { stayingHosts } from "../../placement/hosts.js";
import { type Field, fieldSchema } from "../../rows/schema.js";
import { checkSchema, completeFields } from "../../rows/schema-rules.js";
import type { Now } from "../../system/actor.js";
import { type Cell, emptyCell, isSettled } from "./cells.js";
import { type CollectionCommand, type Command, type CoordinatorState, expect } from "./state.js";
import { writeCollection } from "./works.js";

type Create = Extract<CollectionCommand, { kind: "CreateCollection" }>;
type Drop = Extract<CollectionCommand, { kind: "DropCollection" }>;
type Alter = Extract<CollectionCommand, { kind: "AlterCollection" }>;

/** A client is told what is in the way after so many failures; the work goes on. */
const failuresUntilTold = 3;
const replicasDefault = 2;
const idLength = 12;

/** The same for a repeated request, and for no other: so it can be found again. */
export function collectionIdOf(requestId: string, database: string, name: string): string {
  const hash = createHash("sha256").update(JSON.stringify([requestId, database, name]));
  const number = BigInt(`0x${hash.digest("hex")}`) % 36n ** BigInt(idLength);
  return number.toString(36).padStart(idLength, "0");
}

export function keyOfCommand({ database, ...message }: CollectionCommand): string {
  const name = message.kind === "CreateCollection" ? message.collection.name : message.name;
  return collectionKey(database, name);
}

function idOfCommand(message: CollectionCommand): string {
  if (message.kind !== "CreateCollection") return message.collectionId;
  return collectionIdOf(message.requestId, message.database, message.collection.name);
}

/** Past its deadline nobody waits for it, and nobody may be surprised by it. */
export function decideCommand(state: CoordinatorState, command: Command, now: Now): void {
  if (now.wallMs > command.message.deadlineMs) return finish(state, command);
  const cell = cellOf(state, keyOfCommand(command.message));
  if (!isSettled(cell)) return;
  if (cell.damage !== null) {
    const message = `the record '${cell.key}' cannot be read: ${cell.damage}`;
    return refuse(state, command, { code: "internal", message, retryable: false });
  }
  const { message } = command;
  switch (message.kind) {
    case "CreateCollection":
      return decideCreate(state, command, message, cell, now);
    case "DropCollection":
      return decideDrop(state, command, message, cell, now);
    case "AlterCollection":
      return decideAlter(state, command, message, cell);
  }
}

function cellOf(state: CoordinatorState, key: string): Cell<CollectionRecord> {
  const known = state.collections.get(key);
  if (known !== undefined) return known;
  const cell = emptyCell(key, collectionRecord);
  state.collections.set(key, cell);
  return cell;
}

function decideCreate(
  state: CoordinatorState,
  command: Command,
  message: Create,
  cell: Cell<CollectionRecord>,
  now: Now,
): void {
  const collectionId = idOfCommand(message);
  const record = cell.value;
  if (record?.collectionId === collectionId) {
    if (!isSameSchema(record, message)) return refuse(state, command, alreadyThere(message));
    if (record.state === "creating") return tellFailures(state, command, cell);
    if (record.state === "ready") return succeed(state, command, collectionId);
    return refuse(state, command, droppedSince());
  }
  if (record?.state === "dropping") return;
  if (record !== null) return refuse(state, command, alreadyThere(message));
  if (command.dropped === undefined) return readDropped(state, command, now);
  if (command.dropped !== null) return refuse(state, command, droppedSince());
  const verdict = checkSchema(message.collection.fields, message.collection.dynamicFields);
  if (!verdict.ok) {
    const { ok: _ok, ...why } = verdict;
    return refuse(state, command, { code: "invalid-schema", ...why, retryable: false });
  }
  if (state.sessionLists.come < command.sessionsFrom) return;
  writeCollection(state, cell, newRecord(state, message, collectionId, now));
}

/** A request id that was used for another schema before does not stand for this one. */
function isSameSchema(record: CollectionRecord, { collection }: Create): boolean {
  const asked = completeFields(collection.fields);
  return (
    record.dynamicFields === collection.dynamicFields &&
    JSON.stringify(record.fields.map(inOrder)) === JSON.stringify(asked.map(inOrder))
  );
}

/** With its attributes in the order of the schema, however it was put together. */
function inOrder(field: Field): Field {
  return fieldSchema.parse(field);
}

function alreadyThere({ collection }: Create): Failure {
  const message = `the collection '${collection.name}' exists already`;
  return { code: "collection-exists", message, retryable: false };
}

function newRecord(
  state: CoordinatorState,
  message: Create,
  collectionId: string,
  now: Now,
): CollectionRecord {
  const { database, collection } = message;
  const { name, dynamicFields, shards, consistency, asOfWindowMs, thresholds } = collection;
  const known = stayingHosts(state.hosts, "query").length;
  const replicas = collection.replicas ?? Math.max(1, Math.min(replicasDefault, known));
  return {
    version: 1,
    collectionId,
    database,
    name,
    state: "creating",
    fields: completeFields(collection.fields),
    dynamicFields,
    channels: Array.from({ length: shards }, (_, shard) => `${collectionId}-${shard}`),
    settings: { replicas, consistency, asOfWindowMs, thresholds },
    request: changeOf(message),
    createdAtMs: now.wallMs,
  };
}

/** By id: a late repeat never drops a collection that has the name since. */
function decideDrop(
  state: CoordinatorState,
  command: Command,
  message: Drop,
  cell: Cell<CollectionRecord>,
  now: Now,
): void {
  const record = cell.value;
  if (record?.collectionId !== message.collectionId)
    return decideDropped(state, command, message, now);
  if (record.state === "dropping") return tellFailures(state, command, cell);
  // A stream that is being made now would outlive the collection.
  if ((state.works.get(cell.key)?.running ?? 0) > 0) return;
  writeCollection(state, cell, { ...changed(record, message), state: "dropping" });
}

function decideDropped(state: CoordinatorState, command: Command, message: Drop, now: Now): void {
  if (command.dropped === undefined) return readDropped(state, command, now);
  if (command.dropped?.request === changeOf(message)) {
    return succeed(state, command, message.collectionId);
  }
  refuse(state, command, notFound(`there is no collection '${message.name}' of this id`));
}

/** Whether a creation must pause because a drop of the same collection waits for it. */
export function isDropWaiting(state: CoordinatorState, collectionId: string): boolean {
  return [...state.commands.values()].some(
    ({ message }) => message.kind === "DropCollection" && message.collectionId === collectionId,
  );
}

function decideAlter(
  state: CoordinatorState,
  command: Command,
  message: Alter,
  cell: Cell<CollectionRecord>,
): void {
  const record = cell.value;
  if (record?.collectionId !== message.collectionId || record.state === "dropping") {
    return refuse(state, command, notFound(`there is no collection '${message.name}' of this id`));
  }
  const change = changeOf(message);
  if (record.request === change || record.earlierRequests?.includes(change)) {
    return succeed(state, command, record.collectionId);
  }
  if (record.state === "creating") return;
  const settings = settingsWith(record.settings, message.settings);
  writeCollection(state, cell, { ...changed(record, message), settings });
}

function settingsWith(
  settings: CollectionSettings,
  { replicas, consistency, asOfWindowMs, thresholds }: Alter["settings"],
): CollectionSettings {
  return {
    replicas: replicas ?? settings.replicas,
    consistency: consistency ?? settings.consistency,
    asOfWindowMs: asOfWindowMs ?? settings.asOfWindowMs,
    thresholds: thresholds ?? settings.thresholds,
  };
}

/** What a request id stands for in the record: the same id may ask for something else as well. */
function changeOf(message: CollectionCommand): string {
  const { kind, requestId } = message;
  if (kind !== "AlterCollection") return `${kind} ${requestId}`;
  const settings = createHash("sha256").update(JSON.stringify(message.settings));
  return `${kind} ${requestId} ${settings.digest("hex").slice(0, 16)}`;
}

function changed(record: CollectionRecord, message: CollectionCommand): CollectionRecord {
  const before = [record.request, ...(record.earlierRequests ?? [])];
  return {
    ...record,
    request: changeOf(message),
    earlierRequests: before.slice(0, earlierRequestsMax),
  };
}

function readDropped(state: CoordinatorState, command: Command, now: Now): void {
  if (command.readingDropped || now.monotonicMs < command.retryAtMs) return;
  command.readingDropped = true;
  const key = droppedKey(idOfCommand(command.message));
  state.outbox.push({ kind: "readMetadata", id: expect(state, { for: "dropped", command }), key });
}

function tellFailures(
  state: CoordinatorState,
  command: Command,
  cell: Cell<CollectionRecord>,
): void {
  const work = state.works.get(cell.key);
  if (work === undefined || work.failures < failuresUntilTold) return;
  const message = `${work.detail}; it is tried again and again`;
  refuse(state, command, { code: "unavailable", message, retryable: true });
}

function droppedSince(): Failure {
  const message = "the collection that this request created was dropped since";
  return notFound(message, "create it again with another request id");
}

function notFound(message: string, hint?: string): Failure {
  const failure = { code: "collection-not-found", message, retryable: false };
  return hint === undefined ? failure : { ...failure, hint };
}

function succeed(state: CoordinatorState, command: Command, collectionId: string): void {
  reply(state, command, null, collectionId);
}

function refuse(state: CoordinatorState, command: Command, failure: Failure): void {
  reply(state, command, failure, null);
}

/** Should the reply go and the acknowledgement not, the repeat finds the same result. */
function reply(
  state: CoordinatorState,
  command: Command,
  failure: Failure | null,
  collectionId: string | null,
): void {
  const { proxy, request } = command.message;
  const message = CollectionReply.create({ proxy, request, failure, collectionId });
  state.outbox.push({ kind: "publish", message, messageId: null });
  finish(state, command);
}

function finish(state: CoordinatorState, command: Command): void {
  state.outbox.push({ kind: "acknowledge", delivery: command.delivery });
  state.commands.delete(command.delivery);
}
