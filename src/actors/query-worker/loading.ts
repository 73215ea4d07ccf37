// Loads a channel from its manifest: segments, tombstones and indexes, then follows the log.
import { startFold } from "../../log/channel-fold.js";
import { bear, kill, openRange, type RowRange } from "../../log/row-table.js";
import { record as recordCommit } from "../../log/timeline.js";
import { collectionRecord, decodeRecord } from "../../messages/records.js";
import { digestText } from "../../storage/key-digest.js";
import {
  decodeManifest,
  decodeRoot,
  type Manifest,
  type ManifestSegment,
  rootKey,
} from "../../storage/manifest.js";
import { decodeTombstones, type Tombstone } from "../../storage/tombstones-file.js";
import type { MetadataEntry } from "../../system/actor.js";
import { attachIndexes } from "./indexes.js";
import {
  compute,
  expect,
  type LoadedSegment,
  type Loading,
  type QueryWorkerState,
  schemaOf,
} from "./state.js";

export function readRoot(state: QueryWorkerState): void {
  const key = rootKey(state.settings.channel);
  state.outbox.push({ kind: "readMetadata", id: expect(state, { for: "root" }), key });
}

export function applyRecord(state: QueryWorkerState, entry: MetadataEntry | null): void {
  if (entry === null) return stopServing(state, "the collection's record is gone");
  const record = decodeRecord(collectionRecord, entry.value);
  if (record.collectionId !== state.settings.collectionId) {
    return stopServing(state, "the name belongs to another collection now");
  }
  const first = state.record === null;
  state.record = record;
  if (first) readRoot(state);
}

export function applyRoot(state: QueryWorkerState, entry: MetadataEntry | null): void {
  if (entry === null) return stopServing(state, "the channel's root is missing");
  const root = decodeRoot(entry.value);
  if (root.manifest === null) {
    if (state.fold === null) followFromStart(state);
    return;
  }
  if (root.number <= state.adoptedNumber || state.adoption !== null) return;
  const { key, sha256 } = root.manifest;
  state.outbox.push({ kind: "readObject", id: expect(state, { for: "manifest" }), key, sha256 });
}

function followFromStart(state: QueryWorkerState): void {
  const { channel } = state.settings;
  state.fold = startFold(channel, schemaOf(state), null);
  state.phase = "following";
  state.outbox.push({ kind: "follow", channel, after: null });
}

/** The first manifest: fetch all that it names, at once. */
export function startLoading(state: QueryWorkerState, bytes: Uint8Array): void {
  const decoded = decodeManifest(bytes);
  if (!decoded.ok) return stopServing(state, `the manifest cannot be read: ${decoded.reason}`);
  const manifest = decoded.manifest;
  state.phase = "loading";
  const waiting = manifest.segments.length + manifest.tombstones.length;
  state.loading = { manifest, rows: new Map(), tombstones: [], waiting };
  for (const segment of manifest.segments) fetchSegment(state, segment, null);
  for (const { object } of manifest.tombstones) {
    const id = expect(state, { for: "tombstones" });
    state.outbox.push({ kind: "readObject", id, key: object.key, sha256: object.sha256 });
  }
  if (waiting === 0) finishLoading(state, state.loading);
}

export function fetchSegment(
  state: QueryWorkerState,
  segment: ManifestSegment,
  adopting: number | null,
): void {
  const number = state.table.nextNumber++;
  const { channel } = state.settings;
  compute(
    state,
    {
      kind: "loadSegment",
      channel,
      range: number,
      schema: schemaOf(state),
      object: segment.object,
      segmentId: segment.id,
    },
    { for: "segment", segment, number, adopting },
  );
}

export function applyLoadedSegment(
  state: QueryWorkerState,
  segment: ManifestSegment,
  rows: LoadedSegment,
): void {
  const loading = state.loading;
  if (loading === null) return;
  loading.rows.set(segment.id, rows);
  loading.waiting -= 1;
  if (loading.waiting === 0) finishLoading(state, loading);
}

export function applyTombstones(state: QueryWorkerState, bytes: Uint8Array): void {
  const loading = state.loading;
  if (loading === null) return;
  const decoded = decodeTombstones(bytes);
  if (!decoded.ok) return stopServing(state, `tombstones cannot be read: ${decoded.reason}`);
  loading.tombstones.push(...decoded.tombstones);
  loading.waiting -= 1;
  if (loading.waiting === 0) finishLoading(state, loading);
}

/** Everything is here: replay births and deaths in log order, then follow from the checkpoint. */
function finishLoading(state: QueryWorkerState, loading: Loading): void {
  const { manifest } = loading;
  const tombstones = loading.tombstones.sort((a, b) => a.sequence - b.sequence);
  const replay = { tombstones, next: 0 };
  for (const segment of manifest.segments) {
    const rows = loading.rows.get(segment.id);
    if (rows === undefined) throw new Error("a segment is missing after loading");
    const range = replaySegment(state, manifest, segment, rows, replay);
    if (digestText(range.digest) !== segment.keyDigest || range.count !== segment.rowCount) {
      return stopServing(state, `segment ${segment.id} does not hold the rows it should`);
    }
    bindLives(state, range);
    attachIndexes(state, range, segment);
  }
  killThrough(state, manifest, replay, Number.POSITIVE_INFINITY);
  state.loading = null;
  adoptChannelState(state, manifest);
  followFromCheckpoint(state, manifest);
}

function replaySegment(
  state: QueryWorkerState,
  manifest: Manifest,
  segment: ManifestSegment,
  rows: LoadedSegment,
  replay: { tombstones: Tombstone[]; next: number },
): RowRange {
  const range = openRange(state.table, segment.from, Math.max(rows.keys.length, 1), rows.number);
  rows.keys.forEach((key, row) => {
    const sequence = rows.sequences[row] as number;
    killThrough(state, manifest, replay, sequence);
    bear(state.table, range, key, sequence, rows.rowNumbers[row] as number);
    const commit = rows.commits[row] as bigint;
    if (commit > manifest.readableFrom.commit) recordCommit(state.timeline, sequence, commit);
  });
  range.through = segment.through;
  range.segmentId = segment.id;
  return range;
}

function killThrough(
  state: QueryWorkerState,
  manifest: Manifest,
  replay: { tombstones: Tombstone[]; next: number },
  sequence: number,
): void {
  for (;;) {
    const tombstone = replay.tombstones[replay.next];
    if (tombstone === undefined || tombstone.sequence >= sequence) return;
    replay.next += 1;
    kill(state.table, tombstone.key, tombstone.sequence, tombstone.bornThrough);
    if (tombstone.commit > manifest.readableFrom.commit) {
      recordCommit(state.timeline, tombstone.sequence, tombstone.commit);
    }
  }
}

export function bindLives(state: QueryWorkerState, range: RowRange): void {
  const { channel } = state.settings;
  const { number, lives } = range;
  compute(state, { kind: "bindLives", channel, range: number, lives }, { for: "holder" });
}

export function adoptChannelState(state: QueryWorkerState, manifest: Manifest): void {
  state.manifest = manifest;
  state.adoptedNumber = manifest.number;
}

function followFromCheckpoint(state: QueryWorkerState, manifest: Manifest): void {
  const { channel } = state.settings;
  const { sequence, appendedAtUs, commit } = manifest.checkpoint;
  const position = { sequence, appendedAtUs };
  state.fold = startFold(channel, schemaOf(state), { position, commit });
  state.changedAt = position;
  state.phase = "following";
  state.outbox.push({ kind: "follow", channel, after: position });
}

/** Not able to answer truthfully: no read is taken until a restart finds things mended. */
export function stopServing(state: QueryWorkerState, cause: string): void {
  state.phase = "damaged";
  state.cause = cause;
  state.adoption = null;
  state.outbox.push({
    kind: "report",
    level: "error",
    text: `${state.settings.channel}: ${cause}`,
  });
  state.outbox.push({ kind: "restart", reason: cause, afterMs: 5_000 });
}
