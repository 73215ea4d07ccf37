// Describes a collection: its schema and settings, its rows, the state of its segments.

import { parseRecord, sessionRecord } from "../../messages/records.js";
import { decodeManifest, decodeRoot, type Root, rootKey } from "../../storage/manifest.js";
import type { MetadataEntry, Now } from "../../system/actor.js";
import { countOf, repliesOf } from "./merging.js";
import { countPart, failureOf, isComplete } from "./reading.js";
import { refuse, respond } from "./responding.js";
import {
  type Description,
  expect,
  type KnownCollection,
  type ProxyState,
  type Request,
} from "./state.js";

export function startDescribe(
  state: ProxyState,
  request: Request,
  collection: KnownCollection,
  now: Now,
): void {
  const description: Description = {
    parts: new Map(),
    manifests: new Map(),
    growing: null,
    waiting: collection.record.channels.length + 1,
  };
  request.work = { kind: "describe", description };
  const growing = expect(state, { for: "growing", request: request.id });
  state.outbox.push({ kind: "listMetadata", id: growing, prefix: "sessions." });
  for (const channel of collection.record.channels) {
    countPart(state, request, description.parts, channel, now);
    const id = expect(state, { for: "root", request: request.id, channel });
    state.outbox.push({ kind: "readMetadata", id, key: rootKey(channel) });
  }
}

export function applyRoot(
  state: ProxyState,
  request: Request,
  channel: string,
  entry: MetadataEntry | null,
): void {
  const manifest = entry === null ? null : manifestNamedIn(entry);
  if (manifest === null) return settle(state, request, channel, null);
  const id = expect(state, { for: "manifest", request: request.id, channel });
  state.outbox.push({ kind: "readObject", id, ...manifest });
}

/** A root that cannot be read is the channel's trouble, not this proxy's. */
function manifestNamedIn({ value }: MetadataEntry): Root["manifest"] {
  try {
    return decodeRoot(value).manifest;
  } catch {
    return null;
  }
}

/** Null where there is no manifest yet, or none that can be read now. */
export function settle(
  state: ProxyState,
  request: Request,
  channel: string,
  bytes: Uint8Array | null,
): void {
  if (request.work.kind !== "describe") return;
  const { description } = request.work;
  description.waiting -= 1;
  const decoded = bytes === null ? null : decodeManifest(bytes);
  if (decoded?.ok) {
    const { segments, checkpoint } = decoded.manifest;
    description.manifests.set(channel, {
      checkpoint: checkpoint.sequence,
      segments: segments.length,
      indexed: segments.filter((segment) => segment.indexes.length > 0).length,
      storedRows: segments.reduce((sum, segment) => sum + segment.rowCount, 0),
    });
  }
  finishDescribe(state, request);
}

/** Hosts tell every few seconds what their data workers hold that is in no segment yet. */
export function applyGrowing(
  state: ProxyState,
  request: Request,
  entries: readonly MetadataEntry[],
): void {
  if (request.work.kind !== "describe") return;
  const growing = new Map<string, number>();
  for (const entry of entries) {
    const session = parseRecord(sessionRecord, entry.value);
    for (const actor of session.ok ? session.record.actors : []) {
      if (actor.actor !== "data-worker" || actor.channel === null) continue;
      growing.set(actor.channel, actor.figures.growingRows ?? 0);
    }
  }
  request.work.description.growing = growing;
  request.work.description.waiting -= 1;
  finishDescribe(state, request);
}

export function finishDescribe(state: ProxyState, request: Request): void {
  const { work, collection } = request;
  if (work.kind !== "describe" || collection === null) return;
  const { description } = work;
  if (description.waiting > 0 || !isComplete(description.parts)) return;
  const failure = failureOf(description.parts);
  if (failure !== null) return refuse(state, request, failure);
  respond(state, request, describe(collection, description));
}

function describe({ record }: KnownCollection, description: Description) {
  const { collectionId, database, name, fields, dynamicFields, settings, createdAtMs } = record;
  const positions = new Map(
    repliesOf(description.parts).map((reply) => [reply.channel, reply.sequence]),
  );
  const channels = record.channels.map((channel) => {
    const stored = description.manifests.get(channel);
    const position = positions.get(channel) ?? 0;
    return {
      channel,
      position,
      /** Entries of the log that are not in the object store yet. */
      lag: position - (stored?.checkpoint ?? 0),
      growingRows: description.growing?.get(channel) ?? 0,
      storedRows: stored?.storedRows ?? 0,
      segments: stored?.segments ?? 0,
      indexedSegments: stored?.indexed ?? 0,
    };
  });
  return {
    collectionId,
    database,
    name,
    fields,
    dynamicFields,
    settings,
    createdAt: new Date(createdAtMs).toISOString(),
    rowCount: countOf(description.parts),
    shards: record.channels.length,
    channels,
  };
}
