// Has neighbouring segments merged, and commits the output once its indexes are built.
import { chooseCompaction } from "../../log/compaction-policy.js";
import type { DeadRowsCounted, SegmentsCompacted } from "../../messages/control.js";
import type { MessageOf } from "../../messages/define.js";
import { CompactSegments } from "../../messages/task.js";
import { primaryKeyOf } from "../../rows/schema.js";
import { segmentObjectKey } from "../../storage/keys.js";
import type { Manifest, ManifestSegment } from "../../storage/manifest.js";
import type { Now } from "../../system/actor.js";
import { missingIndexes } from "./indexing.js";
import { type DataWorkerState, epochOf, schemaOf } from "./state.js";

/**
 * A compaction that brought nothing for so long is forgotten, and chosen anew: its task or the name
 * of its product may be lost, and meanwhile nothing else of the channel is compacted. One after the
 * other waits twice as long: the queue may only be long, and must not fill with repeats.
 */
const giveUpMs = { first: 60_000, most: 900_000 };
/** A slow worker's, with a slow store. */
const bytesPerMs = 2_000;

export function decideCompaction(state: DataWorkerState, now: Now): void {
  const { manifest, record, compaction } = state;
  if (manifest === null || record === null || state.phase !== "owning") return;
  if (compaction !== null) return finishCompaction(state, now);
  // What is on its way into the manifest would be chosen a second time.
  const underWay = [...(state.commit?.changes ?? []), ...state.changes];
  if (underWay.some((change) => change.kind === "compacted")) return;
  const { mergeBytes } = record.settings.thresholds;
  const isQuiet = now.monotonicMs - state.changedAtMs >= state.settings.quietMs;
  const { deadRows, damaged } = state;
  const facts = { deadRows, damaged, mergeBytes, isQuiet };
  const inputs = chooseCompaction(manifest.segments, facts);
  if (inputs.length === 0) return;
  const ids = inputs.map((segment) => segment.id);
  for (const id of ids) state.deadRows.delete(id);
  const bytes = inputs.reduce((sum, { object }) => sum + object.bytes, 0);
  const patienceMs = Math.min(giveUpMs.most, giveUpMs.first * 2 ** state.compactionsGivenUp);
  const giveUpAtMs = now.monotonicMs + patienceMs + bytes / bytesPerMs;
  state.compaction = { inputs: ids, giveUpAtMs, segment: null };
  const message = taskOf(state, manifest, inputs);
  const messageId = `${state.incarnation}-compact-${state.nextId++}`;
  state.outbox.push({ kind: "publish", message, messageId });
}

function taskOf(state: DataWorkerState, manifest: Manifest, inputs: readonly ManifestSegment[]) {
  const appliedThrough = manifest.readableFrom.sequence;
  const last = inputs.at(-1)?.through ?? 0;
  const later = manifest.segments.filter(
    (segment) => segment.from >= last && segment.from < appliedThrough,
  );
  return CompactSegments.create({
    channel: state.settings.channel,
    collectionId: state.settings.collectionId,
    epoch: epochOf(state),
    keyField: primaryKeyOf(schemaOf(state)).name,
    appliedThrough,
    inputs: inputs.map(inputOf),
    laterSegments: later.map(inputOf),
    tombstones: manifest.tombstones.map((entry) => entry.object),
  });
}

function inputOf({ id: segmentId, from, through, object }: ManifestSegment) {
  return { segmentId, from, through, object };
}

/**
 * Taken is the first output that this epoch asked for, while its inputs all stand side by side in
 * the manifest. What an earlier epoch had asked for may be deleted as nobody's at any time: with
 * the inputs its rows would be gone.
 */
export function applyCompacted(
  state: DataWorkerState,
  done: MessageOf<typeof SegmentsCompacted>,
): void {
  const asked = state.compaction;
  if (asked === null || asked.segment !== null) return;
  if (asked.inputs.join() !== done.inputs.join() || !isOwn(state, done)) return;
  const segments = state.manifest?.segments ?? [];
  const at = segments.findIndex((segment) => segment.id === done.inputs[0]);
  const inputs = at === -1 ? [] : segments.slice(at, at + done.inputs.length);
  if (inputs.map((segment) => segment.id).join() !== done.inputs.join()) return;
  state.compactionsGivenUp = 0;
  const { segmentId: id, rowCount, keyDigest, object, appliedThrough } = done;
  if (object === null) {
    state.changes.push({ kind: "compacted", inputs: done.inputs, segment: null });
    state.compaction = null;
    return;
  }
  const from = inputs[0]?.from ?? 0;
  const through = inputs.at(-1)?.through ?? 0;
  const span = { id, from, through, rowCount, keyDigest, object, appliedThrough };
  const segment: ManifestSegment = { ...span, indexes: [] };
  state.compaction = { ...asked, segment };
}

function isOwn(state: DataWorkerState, done: MessageOf<typeof SegmentsCompacted>): boolean {
  if (done.object === null) return true;
  const { collectionId, channel } = state.settings;
  const { key, sha256 } = done.object;
  const { segmentId } = done;
  const place = { collectionId, channel, epoch: epochOf(state), sha256, segmentId };
  return key === segmentObjectKey(place) && !state.collection.unnamedSince.has(key);
}

/** Readers keep the indexed inputs until the output is indexed too. */
function finishCompaction(state: DataWorkerState, now: Now): void {
  const { compaction } = state;
  if (compaction === null) return;
  const { inputs, segment, giveUpAtMs } = compaction;
  if (segment === null) {
    if (now.monotonicMs <= giveUpAtMs) return;
    state.compaction = null;
    state.compactionsGivenUp += 1;
  } else if (missingIndexes(state, segment).length === 0) {
    state.changes.push({ kind: "compacted", inputs, segment });
    state.compaction = null;
  }
}

export function applyDeadRows(
  state: DataWorkerState,
  counted: MessageOf<typeof DeadRowsCounted>,
): void {
  const isNamed = state.manifest?.segments.some((segment) => segment.id === counted.segmentId);
  if (isNamed) state.deadRows.set(counted.segmentId, counted.deadRows);
}
