// Adopts a newer manifest while serving: indexes join, compacted segments take their inputs' place.
import { deadThrough, type RowRange, removeRanges, replaceRanges } from "../../log/row-table.js";
import { forgetBefore } from "../../log/timeline.js";
import { DeadRowsCounted } from "../../messages/control.js";
import { digestText } from "../../storage/key-digest.js";
import { decodeManifest, type Manifest, type ManifestSegment } from "../../storage/manifest.js";
import { cutRangeAt } from "./following.js";
import { attachIndexes } from "./indexes.js";
import { adoptChannelState, bindLives, fetchSegment, stopServing } from "./loading.js";
import {
  type Adoption,
  attachmentName,
  compute,
  type LoadedSegment,
  type QueryWorkerState,
} from "./state.js";

/** A segment with more dead rows than this share is worth rewriting. */
const deadShareWorthTelling = 0.2;
/** Of its rows so many more since it was told: worth telling again. */
const deadShareWorthRepeating = 0.1;
/** An announcement may be lost. */
const repeatDeadRowsMs = 10_000;

export function startAdopting(state: QueryWorkerState, bytes: Uint8Array): void {
  const decoded = decodeManifest(bytes);
  if (!decoded.ok) return stopServing(state, `the manifest cannot be read: ${decoded.reason}`);
  if (decoded.manifest.number <= state.adoptedNumber || state.adoption !== null) return;
  state.adoption = { manifest: decoded.manifest, loaded: new Map(), waiting: 0 };
  continueAdopting(state);
}

/**
 * Goes on as far as the fold allows: a manifest ahead of the own position has to wait, since rows
 * of its last segment are still to be read here.
 */
export function continueAdopting(state: QueryWorkerState): void {
  const { adoption, fold } = state;
  if (adoption === null || fold === null) return;
  if (adoption.waiting > 0 || state.indexesWaiting > 0) return;
  const { manifest } = adoption;
  if (fold.position.sequence < manifest.checkpoint.sequence) return;
  cutAtEdges(state, manifest);
  fold.boundary = Math.max(fold.boundary, manifest.checkpoint.sequence);
  const foreign = adoption.manifest.segments.filter((segment) => !isHeld(state, segment));
  const missing = foreign.filter((segment) => !adoption.loaded.has(segment.id));
  if (missing.length === 0) return finishAdopting(state, adoption, foreign);
  adoption.waiting = missing.length;
  for (const segment of missing) {
    fetchSegment(state, segment, adoption.manifest.number);
  }
}

/** A data worker may cut before, or without, a seal that was read here: its manifest says where. */
function cutAtEdges(state: QueryWorkerState, { segments, checkpoint }: Manifest): void {
  const uncommitted = state.table.ranges.find((range) => range.segmentId === null);
  if (uncommitted === undefined) return;
  const edges = segments.flatMap(({ from, through }) => [from, through]);
  for (const edge of [...edges, checkpoint.sequence]) {
    if (edge > uncommitted.from) cutRangeAt(state, edge);
  }
}

/** Whether the same rows are here already, as growing ones or from the segment's object. */
function isHeld(state: QueryWorkerState, segment: ManifestSegment): boolean {
  const range = state.table.ranges.find((candidate) => candidate.through === segment.through);
  if (range === undefined) return false;
  if (range.segmentId !== null) return range.segmentId === segment.id;
  return range.from === segment.from && segment.appliedThrough === 0;
}

/** The rows of a compacted segment are in the search threads; its indexes come next. */
export function applyAdoptedSegment(
  state: QueryWorkerState,
  segment: ManifestSegment,
  rows: LoadedSegment,
): void {
  const adoption = state.adoption;
  const isWanted = adoption?.manifest.segments.some((wanted) => wanted.id === segment.id);
  if (adoption === null || !isWanted || adoption.loaded.has(segment.id)) {
    return dropHolder(state, rows.number);
  }
  adoption.loaded.set(segment.id, rows);
  adoption.waiting -= 1;
  attachIndexes(state, rows, segment);
  if (adoption.waiting === 0) continueAdopting(state);
}

export function abandonAdoption(state: QueryWorkerState): void {
  for (const rows of state.adoption?.loaded.values() ?? []) dropHolder(state, rows.number);
  state.adoption = null;
}

function finishAdopting(
  state: QueryWorkerState,
  adoption: Adoption,
  foreign: readonly ManifestSegment[],
): void {
  const { manifest, loaded } = adoption;
  for (const segment of foreign) {
    const swapped = swapIn(state, segment, loaded.get(segment.id) as LoadedSegment);
    if (!swapped.ok) return stopServing(state, swapped.reason);
  }
  const removed = removeVanished(state, manifest);
  if (!removed.ok) return stopServing(state, removed.reason);
  const held = bindSegments(state, manifest);
  if (!held.ok) return stopServing(state, held.reason);
  state.adoption = null;
  state.troubles.delete("manifest");
  adoptChannelState(state, manifest);
  forgetBefore(state.timeline, manifest.readableFrom.sequence);
  tellDeadRows(state, manifest);
}

type Check = { ok: true } | { ok: false; reason: string };

function swapIn(state: QueryWorkerState, segment: ManifestSegment, rows: LoadedSegment): Check {
  const replaced = state.table.ranges.filter(
    (range) =>
      range.through !== null && range.from >= segment.from && range.through <= segment.through,
  );
  if (replaced.length === 0) {
    return { ok: false, reason: `segment ${segment.id} holds rows that the log did not` };
  }
  const { from, through, id: segmentId, appliedThrough } = segment;
  const span = { from, through, segmentId, appliedThrough };
  const swapped = replaceRanges(state.table, replaced, rows, rows.number, span);
  if (!swapped.ok) return swapped;
  bindLives(state, swapped.range);
  for (const old of replaced) dropHolder(state, old.number);
  return { ok: true };
}

/** Compaction leaves no segment where no readable row was left. */
function removeVanished(state: QueryWorkerState, manifest: Manifest): Check {
  const named = new Set(manifest.segments.map((segment) => segment.through));
  const { sequence: checkpoint } = manifest.checkpoint;
  const gone = state.table.ranges.filter(
    (range) => range.through !== null && range.through <= checkpoint && !named.has(range.through),
  );
  const removed = removeRanges(state.table, gone, manifest.readableFrom.sequence);
  if (removed.ok) for (const range of gone) dropHolder(state, range.number);
  return removed;
}

/** Every segment of the manifest stands for a range with the same rows, or there is damage. */
function bindSegments(state: QueryWorkerState, manifest: Manifest): Check {
  for (const segment of manifest.segments) {
    const range = state.table.ranges.find((candidate) => candidate.through === segment.through);
    if (
      !range ||
      range.count !== segment.rowCount ||
      digestText(range.digest) !== segment.keyDigest
    ) {
      return {
        ok: false,
        reason: `segment ${segment.id} does not hold the rows that the log held`,
      };
    }
    range.segmentId = segment.id;
    attachIndexes(state, range, segment);
  }
  return { ok: true };
}

function dropHolder(state: QueryWorkerState, number: number): void {
  const { channel } = state.settings;
  compute(state, { kind: "dropRange", channel, range: number }, { for: "holder" });
  for (const field of state.record?.fields ?? []) {
    state.attached.delete(attachmentName(number, field.name));
  }
}

/** Manifests come several times a second: what was told of a segment is not repeated each time. */
function tellDeadRows(state: QueryWorkerState, manifest: Manifest): void {
  const { channel } = state.settings;
  const before = state.deadRowsTold;
  state.deadRowsTold = new Map();
  for (const range of state.table.ranges) {
    const { segmentId, count: rowCount } = range;
    if (segmentId === null || range.dead < rowCount * deadShareWorthTelling) continue;
    const deadRows = deadRowsReadableNoMore(range, manifest);
    if (deadRows < rowCount * deadShareWorthTelling) continue;
    const told = before.get(segmentId);
    const isKnown =
      told !== undefined &&
      deadRows < told.deadRows + rowCount * deadShareWorthRepeating &&
      state.lastReadAtMs < told.atMs + repeatDeadRowsMs;
    state.deadRowsTold.set(segmentId, isKnown ? told : { deadRows, atMs: state.lastReadAtMs });
    if (isKnown) continue;
    const message = DeadRowsCounted.create({ channel, segmentId, deadRows, rowCount });
    state.outbox.push({ kind: "publish", message, messageId: null });
  }
}

function deadRowsReadableNoMore(range: RowRange, manifest: Manifest): number {
  return deadThrough(range, manifest.readableFrom.sequence);
}
