// Takes a channel over: a compare-and-set of its root with a higher epoch, then the replay.
import { startFold } from "../../log/channel-fold.js";
import { emptyRange } from "../../log/open-range.js";
import {
  DeadRowsCounted,
  IndexBuilt,
  IndexDamaged,
  SegmentDamaged,
  SegmentsCompacted,
} from "../../messages/control.js";
import { collectionRecord, decodeRecord } from "../../messages/records.js";
import { decodeManifest, decodeRoot, encodeRoot, rootKey } from "../../storage/manifest.js";
import type { MetadataEntry, Now } from "../../system/actor.js";
import { type DataWorkerState, expect, fail, schemaOf } from "./state.js";

/** Indexes of an earlier owner's segments, built meanwhile, are announced again first. */
const settleMs = 2_000;

/** Heard from the oldest on, once the manifest tells what they are about: indexes are dear. */
export const indexAnnouncements = [IndexBuilt, IndexDamaged] as const;
/** Who tells these tells them again. */
export const segmentAnnouncements = [SegmentsCompacted, DeadRowsCounted, SegmentDamaged] as const;

export function applyRecord(state: DataWorkerState, entry: MetadataEntry | null): void {
  if (entry === null) return fail(state, "the collection's record is gone", 5_000);
  const record = decodeRecord(collectionRecord, entry.value);
  if (record.collectionId !== state.settings.collectionId) {
    return fail(state, "the name belongs to another collection now", 5_000);
  }
  const first = state.record === null;
  state.record = record;
  if (first) readRoot(state);
}

function readRoot(state: DataWorkerState): void {
  const key = rootKey(state.settings.channel);
  state.outbox.push({ kind: "readMetadata", id: expect(state, { for: "root" }), key });
}

/**
 * Whoever reads the root next sees the new epoch: the old owner's commits fail from here on. One
 * that leaves takes nothing over: it would fence the worker that the channel is with by now.
 */
export function applyRoot(state: DataWorkerState, entry: MetadataEntry | null): void {
  if (state.phase === "stopping") return;
  if (entry === null) return fail(state, "the channel's root is missing", 5_000);
  const root = decodeRoot(entry.value);
  state.phase = "taking-over";
  state.root = { ...root, epoch: root.epoch + 1, owner: state.incarnation };
  state.outbox.push({
    kind: "writeMetadata",
    id: expect(state, { for: "take-over" }),
    key: entry.key,
    value: encodeRoot(state.root),
    revision: entry.revision,
  });
}

export function applyTakenOver(state: DataWorkerState, revision: number, now: Now): void {
  state.rootRevision = revision;
  const named = state.root?.manifest ?? null;
  if (named === null) return startReplay(state, now);
  const id = expect(state, { for: "manifest" });
  state.outbox.push({ kind: "readObject", id, key: named.key, sha256: named.sha256 });
}

export function applyManifest(state: DataWorkerState, bytes: Uint8Array, now: Now): void {
  const decoded = decodeManifest(bytes);
  if (!decoded.ok) return fail(state, `the manifest cannot be read: ${decoded.reason}`, 30_000);
  state.manifest = decoded.manifest;
  state.pastCheckpoints.push(decoded.manifest.checkpoint);
  startReplay(state, now);
}

function startReplay(state: DataWorkerState, now: Now): void {
  const { channel } = state.settings;
  const checkpoint = state.manifest?.checkpoint ?? null;
  const position =
    checkpoint === null
      ? null
      : { sequence: checkpoint.sequence, appendedAtUs: checkpoint.appendedAtUs };
  const at = checkpoint && position ? { position, commit: checkpoint.commit } : null;
  state.fold = startFold(channel, schemaOf(state), at);
  state.open = emptyRange(state.fold.boundary);
  state.phase = "replaying";
  const isNew = (state.manifest?.segments.length ?? 0) === 0;
  state.settledAtMs = isNew ? now.monotonicMs : now.monotonicMs + settleMs;
  state.outbox.push(
    { kind: "listen", definitions: indexAnnouncements, token: channel, from: "oldest" },
    { kind: "listen", definitions: segmentAnnouncements, token: channel, from: "new" },
    { kind: "follow", channel, after: position },
  );
}
