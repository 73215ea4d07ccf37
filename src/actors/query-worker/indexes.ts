// Gives ranges the indexes that the manifest names, and speaks up when one cannot be read.
import type { RowRange } from "../../log/row-table.js";
import { IndexDamaged } from "../../messages/control.js";
import type { ManifestSegment } from "../../storage/manifest.js";
import type { ComputeResult } from "../../system/compute.js";
import { attachmentName, compute, type Purpose, type QueryWorkerState, schemaOf } from "./state.js";

/** Asks the search threads to open each index of the segment that the range does not have yet. */
export function attachIndexes(
  state: QueryWorkerState,
  range: Pick<RowRange, "number">,
  segment: ManifestSegment,
): void {
  for (const index of segment.indexes) {
    if (state.attached.has(attachmentName(range.number, index.field))) continue;
    const field = schemaOf(state).fields.find((candidate) => candidate.name === index.field);
    if (field?.dimension === undefined || field.metric === undefined) continue;
    state.attached.add(attachmentName(range.number, index.field));
    state.indexesWaiting += 1;
    compute(
      state,
      {
        kind: "attachIndex",
        channel: state.settings.channel,
        range: range.number,
        field: index.field,
        metric: field.metric,
        dimension: field.dimension,
        rowCount: segment.rowCount,
        object: index.object,
      },
      {
        for: "index",
        segmentId: segment.id,
        number: range.number,
        field: index.field,
        key: index.object.key,
      },
    );
  }
}

/** Looks again at what the manifest names: who lacks something asks, and says so, again. */
export function attachMissing(state: QueryWorkerState): void {
  if (state.adoption !== null) return;
  for (const segment of state.manifest?.segments ?? []) {
    if (segment.indexes.length === 0) continue;
    const range = state.table.ranges.find(({ segmentId }) => segmentId === segment.id);
    if (range !== undefined) attachIndexes(state, range, segment);
  }
}

/** Without its index a range is scanned: slower, never wrong. */
export function applyAttached(
  state: QueryWorkerState,
  purpose: Extract<Purpose, { for: "index" }>,
  result: ComputeResult,
): void {
  state.indexesWaiting -= 1;
  if (result.kind !== "unreadable") return;
  state.attached.delete(attachmentName(purpose.number, purpose.field));
  const { segmentId, field, key } = purpose;
  const text = `index ${key} of ${segmentId} cannot be used: ${result.detail}`;
  state.outbox.push({ kind: "report", level: "warn", text });
  if (result.reason === "unavailable") return;
  const { channel } = state.settings;
  const message = IndexDamaged.create({ channel, segmentId, field, key, reason: result.detail });
  state.outbox.push({ kind: "publish", message, messageId: null });
}
