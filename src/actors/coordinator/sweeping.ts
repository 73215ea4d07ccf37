// Deletes what belongs to nobody: orphaned objects and logs, old marks of drops, dead sessions.
import { droppedRecord, parseRecord } from "../../messages/records.js";
import type { MetadataEntry, Now, Outcome } from "../../system/actor.js";
import { decideChannelSweep } from "./orphan-channels.js";
import { type CoordinatorState, expect } from "./state.js";

const runningMax = 16;
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
  while (sweep.todo.length > 0 && sweep.running < runningMax) {
    sweep.running += 1;
    const id = expect(state, { for: "sweep-removal" });
    state.outbox.push({ kind: "deleteObject", id, key: sweep.todo.pop() as string });
  }
  const { orphans } = sweep;
  while (orphans.todo.length > 0 && sweep.running < runningMax) {
    sweep.running += 1;
    const id = expect(state, { for: "sweep-removal" });
    state.outbox.push({ kind: "removeChannel", id, channel: orphans.todo.pop() as string });
  }
  const left = sweep.todo.length + orphans.todo.length + sweep.running;
  const isIdle = left === 0 && !sweep.listing;
  if (!isIdle || sweep.nextAtMs === null || now.monotonicMs < sweep.nextAtMs) return;
  sweep.nextAtMs = now.monotonicMs + settings.orphanGraceMs;
  sweep.listing = true;
  decideChannelSweep(state);
  const marks = expect(state, { for: "sweep-marks" });
  state.outbox.push(
    { kind: "listObjects", id: expect(state, { for: "sweep-objects" }), prefix: "" },
    { kind: "listMetadata", id: marks, prefix: "dropped." },
  );
}

/** Ids are never used twice: one that was unnamed at both sweeps will never be named again. */
export function applySweepListed(
  state: CoordinatorState,
  result: Extract<Outcome, { kind: "ObjectsListed" }>["result"],
): void {
  const { sweep } = state;
  sweep.listing = false;
  const collections = [...state.collections.values()];
  // A record that cannot be read names an id that nobody knows: nothing is deleted meanwhile.
  if (!result.ok || collections.some((cell) => !cell.known || cell.damage !== null)) return;
  const named = new Set(collections.flatMap(({ value }) => value?.collectionId ?? []));
  // A metadata store that was emptied names nobody: what the objects hold must outlive that.
  if (named.size === 0) {
    sweep.unnamedBefore = new Set();
    return;
  }
  const unnamed = new Set(result.keys.map(ownerOf).filter((id) => !named.has(id)));
  sweep.todo = result.keys.filter((key) => {
    const id = ownerOf(key);
    return unnamed.has(id) && sweep.unnamedBefore.has(id);
  });
  sweep.unnamedBefore = unnamed;
  if (sweep.todo.length === 0) return;
  const text = `${sweep.todo.length} objects belong to no collection and are deleted`;
  state.outbox.push({ kind: "report", level: "info", text });
}

function ownerOf(objectKey: string): string {
  return objectKey.slice(0, Math.max(0, objectKey.indexOf("/")));
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
