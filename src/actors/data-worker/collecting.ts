// Deletes the channel's objects that no manifest names, an hour after they were seen so.
import { channelPrefix } from "../../storage/keys.js";
import { decodeRoot, rootKey } from "../../storage/manifest.js";
import type { MetadataEntry, Now } from "../../system/actor.js";
import { type DataWorkerState, epochOf, expect } from "./state.js";

/** Of one round: what is written meanwhile must not wait behind all the garbage there is. */
const deletesMax = 2_000;

export function startCollecting(state: DataWorkerState): void {
  if (state.phase !== "owning") return;
  const { collectionId, channel } = state.settings;
  const prefix = channelPrefix({ collectionId, channel });
  state.outbox.push({ kind: "listObjects", id: expect(state, { for: "collect-list" }), prefix });
}

/** What was unnamed for the whole grace time is due; ownership is confirmed before it goes. */
export function applyListed(state: DataWorkerState, keys: readonly string[], now: Now): void {
  const named = namedObjects(state);
  const { unnamedSince } = state.collection;
  const present = new Set(keys);
  for (const key of unnamedSince.keys()) {
    if (!present.has(key) || named.has(key)) unnamedSince.delete(key);
  }
  for (const key of keys) {
    if (!named.has(key) && !unnamedSince.has(key)) unnamedSince.set(key, now.monotonicMs);
  }
  const { objectGraceMs } = state.settings;
  const due = [...unnamedSince].filter(([, since]) => now.monotonicMs - since >= objectGraceMs);
  state.collection.candidates = due.slice(0, deletesMax).map(([key]) => key);
  if (due.length === 0) return;
  const key = rootKey(state.settings.channel);
  state.outbox.push({ kind: "readMetadata", id: expect(state, { for: "collect-root" }), key });
}

/** Keys bear the epoch of their writer: a later owner never names what is deleted here. */
export function applyOwnershipRead(state: DataWorkerState, entry: MetadataEntry | null): void {
  const candidates = state.collection.candidates;
  state.collection.candidates = [];
  if (entry === null || decodeRoot(entry.value).epoch !== epochOf(state)) return;
  const named = namedObjects(state);
  for (const key of candidates) {
    if (named.has(key)) continue;
    const id = expect(state, { for: "collect-delete", key });
    state.outbox.push({ kind: "deleteObject", id, key });
  }
}

export function applyDeleted(state: DataWorkerState, key: string): void {
  state.collection.unnamedSince.delete(key);
}

function namedObjects(state: DataWorkerState): ReadonlySet<string> {
  const named = new Set<string>();
  const manifests = [state.manifest, state.commit?.manifest ?? null];
  for (const manifest of manifests) {
    for (const segment of manifest?.segments ?? []) {
      named.add(segment.object.key);
      for (const index of segment.indexes) named.add(index.object.key);
    }
    for (const { object } of manifest?.tombstones ?? []) named.add(object.key);
  }
  for (const key of pendingObjects(state)) named.add(key);
  return named;
}

/** What is written and waits for its manifest. */
function pendingObjects(state: DataWorkerState): string[] {
  const keys = [state.root?.manifest?.key, state.commit?.object.key];
  keys.push(state.flush?.segment?.object.key, state.flush?.tombstones?.key);
  const merged = state.compaction?.segment;
  keys.push(merged?.object.key, ...(merged?.indexes ?? []).map((index) => index.object.key));
  for (const change of state.changes) {
    if (change.kind === "flushed") keys.push(change.segment?.object.key, change.tombstones?.key);
    if (change.kind === "indexed") keys.push(change.index.object.key);
    if (change.kind === "compacted") {
      keys.push(change.segment?.object.key);
      keys.push(...(change.segment?.indexes ?? []).map((index) => index.object.key));
    }
  }
  return keys.filter((key) => key !== undefined);
}
