// Raises the number of the stored format, once every host reads a newer one; it never goes back.
import type { FormatRecord } from "../../messages/records.js";
import { firstFormat } from "../../storage/formats.js";
import type { Now, Outcome } from "../../system/actor.js";
import { applyRead, applyWritten, isSettled, readEffect, writeEffect } from "./cells.js";
import { lookAtHosts } from "./listing.js";
import { type CoordinatorState, expect, retryMs } from "./state.js";

/**
 * In two steps, for a host may come at any time: it writes its session, then reads the record, and
 * does not start if it cannot read what is announced there. So it is either in a list of sessions
 * that was begun after the announcement, or it goes away.
 */
export function decideFormat(state: CoordinatorState, now: Now): void {
  const { cell, sessionsFrom } = state.format;
  if (cell.busy || now.monotonicMs < cell.retryAtMs) return;
  if (!cell.known) {
    state.outbox.push(readEffect(cell, expect(state, { for: "format", value: null })));
    return;
  }
  if (!isSettled(cell) || cell.damage !== null || state.sessionLists.come < sessionsFrom) return;
  const { format, next } = cell.value ?? { format: firstFormat, next: null };
  const newest = readByAll(state);
  if (next === null) {
    if (newest > format) write(state, { version: 1, format, next: newest });
    return;
  }
  write(state, { version: 1, format: newest >= next ? next : format, next: null });
}

/** Of all who have a session: one that is silent may come back as it was. */
function readByAll({ hosts }: CoordinatorState): number {
  const newest = [...hosts.seen.values()].map(({ session }) => session.formats?.max ?? firstFormat);
  return newest.length === 0 ? firstFormat : Math.min(...newest);
}

function write(state: CoordinatorState, value: FormatRecord): void {
  const id = expect(state, { for: "format", value });
  state.outbox.push(writeEffect(state.format.cell, value, id));
}

export function applyFormat(
  state: CoordinatorState,
  value: FormatRecord | null,
  outcome: Outcome,
  now: Now,
): void {
  const { format } = state;
  const retryAtMs = now.monotonicMs + retryMs(state);
  if (outcome.kind === "MetadataRead") applyRead(format.cell, outcome.result, retryAtMs);
  if (outcome.kind === "MetadataWritten") {
    applyWritten(format.cell, value, outcome.result, retryAtMs);
  }
  format.sessionsFrom = state.sessionLists.begun + 1;
  lookAtHosts(state);
}
