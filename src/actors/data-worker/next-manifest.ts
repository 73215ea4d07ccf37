// Computes the manifest that follows from the last one and what has become ready since.

import type { Checkpoint } from "../../log/open-range.js";
import { fromMs } from "../../log/timestamp.js";
import type { Manifest, ManifestSegment, ManifestTombstones } from "../../storage/manifest.js";
import type { Now } from "../../system/actor.js";
import type { Change } from "./state.js";

export interface Channel {
  readonly collectionId: string;
  readonly channel: string;
  readonly epoch: number;
  readonly asOfWindowMs: number;
  readonly pastCheckpoints: readonly Checkpoint[];
}

const origin: Checkpoint = { sequence: 0, appendedAtUs: 0, commit: 0n };

export function nextManifest(
  previous: Manifest | null,
  number: number,
  changes: readonly Change[],
  channel: Channel,
  now: Now,
): Manifest {
  let segments = [...(previous?.segments ?? [])];
  let tombstones = [...(previous?.tombstones ?? [])];
  let checkpoint = previous?.checkpoint ?? origin;
  for (const change of changes) {
    segments = applyToSegments(segments, change);
    if (change.kind !== "flushed") continue;
    checkpoint = change.range.checkpoint;
    tombstones = addTombstones(tombstones, change);
  }
  const { collectionId, epoch } = channel;
  return {
    version: 1,
    collectionId,
    channel: channel.channel,
    epoch,
    number,
    checkpoint,
    readableFrom: readableFrom(previous, checkpoint, channel, now),
    segments,
    tombstones: tombstones.filter((entry) => isNeeded(entry, segments)),
  };
}

function applyToSegments(segments: ManifestSegment[], change: Change): ManifestSegment[] {
  switch (change.kind) {
    case "flushed":
      return change.segment === null ? segments : [...segments, change.segment];
    case "indexed":
      return segments.map((segment) =>
        segment.id === change.segmentId ? withIndex(segment, change.index) : segment,
      );
    case "indexDamaged":
      return segments.map((segment) => {
        const indexes = segment.indexes.filter((index) => index.object.key !== change.key);
        return { ...segment, indexes };
      });
    case "compacted":
      return replaceInputs(segments, change.inputs, change.segment);
  }
}

function withIndex(
  segment: ManifestSegment,
  index: ManifestSegment["indexes"][number],
): ManifestSegment {
  const others = segment.indexes.filter((other) => other.field !== index.field);
  return { ...segment, indexes: [...others, index] };
}

function replaceInputs(
  segments: ManifestSegment[],
  inputs: readonly string[],
  output: ManifestSegment | null,
): ManifestSegment[] {
  const at = segments.findIndex((segment) => segment.id === inputs[0]);
  const found = segments.slice(at, at + inputs.length).map((segment) => segment.id);
  if (at === -1 || inputs.some((id, place) => found[place] !== id)) return segments;
  const kept = output === null ? [] : [output];
  return [...segments.slice(0, at), ...kept, ...segments.slice(at + inputs.length)];
}

function addTombstones(
  tombstones: ManifestTombstones[],
  change: Extract<Change, { kind: "flushed" }>,
): ManifestTombstones[] {
  if (change.tombstones === null) return tombstones;
  const { from, checkpoint } = change.range;
  const count = change.range.tombstones.length;
  const object = change.tombstones;
  return [...tombstones, { from, through: checkpoint.sequence, count, object }];
}

/** A killer outlives what it kills: it goes when no segment has an older row it may yet hide. */
function isNeeded(entry: ManifestTombstones, segments: readonly ManifestSegment[]): boolean {
  return segments.some(
    (segment) => segment.from < entry.through && segment.appliedThrough < entry.through,
  );
}

/** Moves along the checkpoints that have left the window of readable times; never back. */
function readableFrom(
  previous: Manifest | null,
  checkpoint: Checkpoint,
  channel: Channel,
  now: Now,
): Manifest["readableFrom"] {
  const oldest = fromMs(Math.max(0, Math.floor(now.wallMs - channel.asOfWindowMs)));
  const { sequence, commit } = previous?.readableFrom ?? origin;
  let from = { sequence, commit };
  for (const past of [...channel.pastCheckpoints, checkpoint]) {
    const isPast = past.commit <= oldest && past.sequence >= from.sequence;
    if (isPast) from = { sequence: past.sequence, commit: past.commit };
  }
  return from;
}
