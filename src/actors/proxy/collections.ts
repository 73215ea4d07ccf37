// Finds the collection a request is about: from memory, or from its record in the metadata store.
import {
  type CollectionRecord,
  collectionKey,
  collectionRecord,
  decodeRecord,
} from "../../messages/records.js";
import type { MetadataEntry, Now } from "../../system/actor.js";
import { refuseWith } from "./responding.js";
import { expect, type KnownCollection, type ProxyState, type Request } from "./state.js";

/** Announcements may be lost: what is older than this is read again, beside its use. */
const rereadMs = 5_000;
const collectionsMax = 10_000;

export function keyOf(request: Request): string {
  const { call } = request;
  if (!("collection" in call)) throw new Error(`'${call.operation}' is about no collection`);
  return collectionKey(call.database, call.collection);
}

/** The collection if it is known; otherwise null, and the request waits for its record. */
export function findCollection(
  state: ProxyState,
  request: Request,
  now: Now,
): KnownCollection | null {
  const key = keyOf(request);
  const known = state.collections.get(key);
  if (known !== undefined) {
    if (now.monotonicMs - known.readAtMs > rereadMs) readCollection(state, key, []);
    return known;
  }
  readCollection(state, key, [request.id]);
  return null;
}

function readCollection(state: ProxyState, key: string, waiting: readonly string[]): void {
  const awaited = state.awaited.get(key);
  if (awaited !== undefined) {
    awaited.push(...waiting);
    return;
  }
  state.awaited.set(key, [...waiting]);
  const id = expect(state, { for: "collection", key });
  state.outbox.push({ kind: "readMetadata", id, key });
}

/** Remembers what was read and returns the requests that waited for it. */
export function applyCollection(
  state: ProxyState,
  key: string,
  result: { ok: true; entry: MetadataEntry | null } | { ok: false; detail: string },
  now: Now,
): readonly Request[] {
  const waiting = (state.awaited.get(key) ?? []).flatMap((id) => state.requests.get(id) ?? []);
  state.awaited.delete(key);
  if (!result.ok) {
    for (const request of waiting) refuseWith(state, request, "unavailable", result.detail);
    return [];
  }
  const known = knownCollection(result.entry, now);
  if (known === null) {
    state.collections.delete(key);
    for (const request of waiting) refuseUnknown(state, request);
    return [];
  }
  if (state.collections.size >= collectionsMax) state.collections.clear();
  state.collections.set(key, known);
  return waiting;
}

export function knownCollection(entry: MetadataEntry | null, now: Now): KnownCollection | null {
  if (entry === null) return null;
  const record = decodeRecord(collectionRecord, entry.value);
  if (record.state !== "ready") return null;
  const { fields, dynamicFields } = record;
  const schema = { fields, dynamicFields };
  return { record, schema, revision: entry.revision, readAtMs: now.monotonicMs };
}

export function refuseUnknown(state: ProxyState, request: Request): void {
  const { call } = request;
  const name = "collection" in call ? call.collection : "";
  const database = "database" in call ? call.database : "";
  const hint = "list-collections names those there are; create-collection makes one";
  const message = `there is no collection '${name}' in database '${database}'`;
  refuseWith(state, request, "collection-not-found", message, hint);
}

/** A record changed: the next request reads it again. */
export function forgetCollection(state: ProxyState, metadataKey: string): void {
  state.collections.delete(metadataKey);
}

export function channelOf(record: CollectionRecord, shard: number): string {
  const channel = record.channels[shard];
  if (channel === undefined) throw new Error(`${record.name} has no shard ${shard}`);
  return channel;
}
