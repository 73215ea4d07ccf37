// Asks for the indexes that segments lack, and takes up those that were built.
import { hasManyDead } from "../../log/compaction-policy.js";
import type { IndexBuilt, IndexDamaged } from "../../messages/control.js";
import type { MessageOf } from "../../messages/define.js";
import { BuildIndex } from "../../messages/task.js";
import { type Field, vectorFieldsOf } from "../../rows/schema.js";
import type { ManifestSegment } from "../../storage/manifest.js";
import type { Now } from "../../system/actor.js";
import { type DataWorkerState, epochOf, schemaOf } from "./state.js";

/** A task that brought nothing for so long is asked for again: its product's name may be lost. */
const askAgainAfterMs = (rowCount: number) => 60_000 + rowCount * 5;

/**
 * Tasks of a channel in the queue that it shares with compactions. Under constant replacing more of
 * them would keep compactions waiting, and build indexes of rows that are dead by then.
 */
const askedAtOnceMax = 4;

export function decideIndexes(state: DataWorkerState, now: Now): void {
  if (state.manifest === null || state.root === null) return;
  if (now.monotonicMs < state.settledAtMs) return;
  // The task would only fail, and its repeats pile up until the store is back.
  if (state.troubles.has("objects")) return;
  const { compaction, deadRows } = state;
  if (compaction?.segment) askForIndexes(state, compaction.segment, now);
  const kept = state.manifest.segments.filter(
    (segment) => !compaction?.inputs.includes(segment.id) && !hasManyDead(segment, deadRows),
  );
  const lacking = kept.filter((segment) => missingIndexes(state, segment).length > 0);
  let asked = lacking.filter((segment) => isAsked(state, segment, now)).length;
  for (const segment of lacking) {
    if (asked >= askedAtOnceMax) return;
    if (isAsked(state, segment, now)) continue;
    askForIndexes(state, segment, now);
    asked += 1;
  }
}

/** Whether all that it lacks is being built, as far as is known. */
function isAsked(state: DataWorkerState, segment: ManifestSegment, now: Now): boolean {
  return missingIndexes(state, segment).every((field) => isFieldAsked(state, segment, field, now));
}

function isFieldAsked(state: DataWorkerState, segment: ManifestSegment, field: Field, now: Now) {
  const askedAtMs = state.indexesAsked.get(nameOf(segment, field)) ?? Number.NEGATIVE_INFINITY;
  return now.monotonicMs - askedAtMs < askAgainAfterMs(segment.rowCount);
}

const nameOf = ({ id }: ManifestSegment, { name }: Field) => `${id}/${name}`;

/** The vector fields for which this segment should have an index and has none. */
export function missingIndexes(state: DataWorkerState, segment: ManifestSegment) {
  const indexRowsMin = state.record?.settings.thresholds.indexRowsMin ?? 0;
  if (segment.rowCount < indexRowsMin) return [];
  const indexed = new Set(segment.indexes.map((index) => index.field));
  return vectorFieldsOf(schemaOf(state)).filter(
    ({ name, dimension, metric, index }) => dimension && metric && index && !indexed.has(name),
  );
}

function askForIndexes(state: DataWorkerState, segment: ManifestSegment, now: Now): void {
  for (const field of missingIndexes(state, segment)) {
    const name = nameOf(segment, field);
    if (isFieldAsked(state, segment, field, now)) continue;
    if (!field.dimension || !field.metric || !field.index) continue;
    state.indexesAsked.set(name, now.monotonicMs);
    const message = BuildIndex.create({
      channel: state.settings.channel,
      collectionId: state.settings.collectionId,
      segmentId: segment.id,
      rowCount: segment.rowCount,
      field: field.name,
      dimension: field.dimension,
      metric: field.metric,
      parameters: field.index,
      segment: segment.object,
    });
    const messageId = `${state.incarnation}-${epochOf(state)}-${name}-${state.nextId++}`;
    state.outbox.push({ kind: "publish", message, messageId });
  }
}

export function applyIndexBuilt(state: DataWorkerState, built: MessageOf<typeof IndexBuilt>): void {
  const { segmentId, field, object, parameters } = built;
  const index = { field, object, parameters };
  const merged = state.compaction?.segment;
  if (merged?.id === segmentId) {
    const others = merged.indexes.filter((other) => other.field !== field);
    if (state.compaction) {
      state.compaction.segment = { ...merged, indexes: [...others, index] };
    }
    return;
  }
  const segment = state.manifest?.segments.find((candidate) => candidate.id === segmentId);
  if (segment === undefined || segment.indexes.some((other) => other.field === field)) return;
  state.changes.push({ kind: "indexed", segmentId, index });
}

/** Derived data: forget it and have it built again. */
export function applyIndexDamaged(
  state: DataWorkerState,
  damaged: MessageOf<typeof IndexDamaged>,
): void {
  const { segmentId, field, key } = damaged;
  state.changes = state.changes.filter(
    (change) => change.kind !== "indexed" || change.index.object.key !== key,
  );
  const segment = state.manifest?.segments.find((candidate) => candidate.id === segmentId);
  if (!segment?.indexes.some((index) => index.object.key === key)) return;
  state.indexesAsked.delete(`${segmentId}/${field}`);
  state.changes.push({ kind: "indexDamaged", segmentId, key });
}
