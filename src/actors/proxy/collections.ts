// Finds the collection a request is about: from memory, or from its record in the metadata store.
import {
  type CollectionRecord,
  collectionKey,
  collectionRecord,
  parseRecord,
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
  const known = remember(state, key, result.entry, now);
  if (known.ok) return waiting;
  for (const request of waiting) refuseUnknown(state, request, known.damage);
  return [];
}

/** `damage`: the record is there and cannot be read; null: there is none. */
type Remembered =
  | { readonly ok: true; readonly collection: KnownCollection }
  | { readonly ok: false; readonly damage: string | null };

export function remember(
  state: ProxyState,
  key: string,
  entry: MetadataEntry | null,
  now: Now,
): Remembered {
  state.collections.delete(key);
  if (entry === null) return { ok: false, damage: null };
  const parsed = parseRecord(collectionRecord, entry.value);
  if (!parsed.ok) return { ok: false, damage: parsed.reason };
  const { record } = parsed;
  if (record.state !== "ready") return { ok: false, damage: null };
  const { fields, dynamicFields } = record;
  const schema = { fields, dynamicFields };
  const collection = { record, schema, revision: entry.revision, readAtMs: now.monotonicMs };
  if (state.collections.size >= collectionsMax) state.collections.clear();
  state.collections.set(key, collection);
  return { ok: true, collection };
}

export function refuseUnknown(state: ProxyState, request: Request, damage: string | null): void {
  if (damage !== null) {
    const text = `the collection's record cannot be read: ${damage}`;
    return refuseWith(state, request, "internal", text);
  }
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
