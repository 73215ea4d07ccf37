// Clears away what nobody needs any more: orphans, old marks of drops, sessions of dead hosts.
import { droppedRecord, parseRecord } from "../../messages/records.js";
import type { MetadataEntry, Now } from "../../system/actor.js";
import { isIdle, listOrphans, removeOrphans } from "./orphans.js";
import { type CoordinatorState, expect } from "./state.js";

/** Longer than any command lives, with the time in which clients may repeat it. */
const marksKeptMs = 3_600_000;

/** A host that has been silent for so many TTLs is not shown as silent any more: it is gone. */
const goneAfterTtls = 6;

export function decideSweep(state: CoordinatorState, now: Now): void {
  const { sweep, settings } = state;
  if (now.monotonicMs >= sweep.sessionsAtMs) {
    sweep.sessionsAtMs = now.monotonicMs + settings.sessionTtlMs;
    removeDeadSessions(state);
  }
  removeOrphans(state);
  if (!isIdle(sweep.orphans) || sweep.nextAtMs === null) return;
  if (now.monotonicMs < sweep.nextAtMs) return;
  sweep.nextAtMs = now.monotonicMs + settings.orphanGraceMs;
  listOrphans(state);
  const id = expect(state, { for: "sweep-marks" });
  state.outbox.push({ kind: "listMetadata", id, prefix: "dropped." });
}

export function applyMarksListed(
  state: CoordinatorState,
  entries: readonly MetadataEntry[],
  now: Now,
): void {
  for (const entry of entries) {
    const parsed = parseRecord(droppedRecord, entry.value);
    if (!parsed.ok || now.wallMs - parsed.record.droppedAtMs < marksKeptMs) continue;
    removeRecord(state, entry);
  }
}

function removeDeadSessions(state: CoordinatorState): void {
  for (const host of state.hosts.seen.values()) {
    if (host.silentMs >= state.settings.sessionTtlMs * goneAfterTtls) removeRecord(state, host);
  }
}

function removeRecord(state: CoordinatorState, entry: { key: string; revision: number }): void {
  const id = expect(state, { for: "sweep-record" });
  const { key, revision } = entry;
  state.outbox.push({ kind: "writeMetadata", id, key, value: null, revision });
}
