// When a data worker looks at its clock next: soon while anything is in hand, else when due.
import type { Now } from "../../system/actor.js";
import { missingIndexes } from "./indexing.js";
import { isMeasureTold } from "./measuring.js";
import type { DataWorkerState } from "./state.js";

/** How often ages, retries and deadlines are looked at. */
const soonMs = 500;
/** A threshold may be further ahead than a timer can count. */
const laterMs = 3_600_000;

/** Of a hundred idle workers none has a timer that has nothing to do. */
export function decideLook(state: DataWorkerState, now: Now): void {
  const soon = now.monotonicMs + soonMs;
  if (state.lookAtMs <= soon) return;
  const due = isBusy(state, now) ? soon : Math.max(soon, nextDueMs(state, now));
  if (due >= state.lookAtMs) return;
  state.lookAtMs = due;
  state.outbox.push({ kind: "timer", id: "tick", afterMs: due - now.monotonicMs });
}

/** Whatever may have to be tried again, kept, told or given up. */
function isBusy(state: DataWorkerState, now: Now): boolean {
  const { phase, seal, flush, commit, compaction, isHeld, flushRequests } = state;
  if (phase !== "owning" || isHeld || flushRequests.size > 0) return true;
  if (seal !== null || flush !== null || commit !== null || compaction !== null) return true;
  // A seal that failed, of a range that is full however old it is.
  if (now.monotonicMs < state.sealBlockedUntilMs) return true;
  if (state.sealed.length + state.changes.length > 0 || !isMeasureTold(state)) return true;
  const segments = state.manifest?.segments ?? [];
  return segments.some((segment) => missingIndexes(state, segment).length > 0);
}

/** What time alone brings about: a range that grows old, and rows that have not changed lately. */
function nextDueMs({ open, record, changedAtMs, settings }: DataWorkerState, now: Now): number {
  let due = now.monotonicMs + laterMs;
  const { sealAgeMs } = record?.settings.thresholds ?? {};
  if (sealAgeMs !== undefined && open.changes > 0) due = Math.min(due, open.openedAtMs + sealAgeMs);
  const quietAtMs = changedAtMs + settings.quietMs;
  return quietAtMs > now.monotonicMs ? Math.min(due, quietAtMs) : due;
}
