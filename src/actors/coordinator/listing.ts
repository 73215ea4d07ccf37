// Learns what the metadata store holds: everything at first, then what differs from what is known.
import { assignmentKey, assignmentRecord, collectionRecord } from "../../messages/records.js";
import { observeSessions, observeWishes } from "../../placement/hosts.js";
import type { MetadataEntry, Now, Outcome } from "../../system/actor.js";
import { applyEntry, type Cell, emptyCell, readEffect } from "./cells.js";
import { type CoordinatorState, expect, isLoaded, type ListName } from "./state.js";
import { trackWork } from "./works.js";

/** Once a beat the sessions are listed; the records now and then, should one change unseen. */
export function applyBeat(state: CoordinatorState, now: Now): void {
  lookAtHosts(state);
  if (!state.listed.has("assignments")) state.listsDue.add("assignments");
  else if (!state.listed.has("collections")) state.listsDue.add("collections");
  else if (now.monotonicMs >= state.relistAtMs) state.listsDue.add("assignments");
}

export function lookAtHosts({ listsDue }: CoordinatorState): void {
  listsDue.add("sessions").add("hosts");
}

export function decideLists(state: CoordinatorState, now: Now): void {
  for (const name of state.listsDue) {
    // One that is under way may have been answered before what made another one due.
    if (state.listsOut.has(name)) continue;
    state.listsDue.delete(name);
    state.listsOut.add(name);
    if (name === "sessions") state.sessionLists.begun += 1;
    const id = expect(state, { for: "list", name });
    state.outbox.push({ kind: "listMetadata", id, prefix: `${name}.` });
  }
  for (const cell of takeReadable(state.unknown.collections, now)) {
    const id = expect(state, { for: "collection", cell, value: null });
    state.outbox.push(readEffect(cell, id));
  }
  for (const cell of takeReadable(state.unknown.assignments, now)) {
    const id = expect(state, { for: "assignment", cell, value: null });
    state.outbox.push(readEffect(cell, id));
  }
}

/** After its outcome a cell that is still unknown is put back. */
function takeReadable<Value>(unknown: Set<Cell<Value>>, now: Now): Cell<Value>[] {
  const readable = [...unknown].filter((cell) => !cell.busy && now.monotonicMs >= cell.retryAtMs);
  for (const cell of readable) unknown.delete(cell);
  return readable;
}

export function applyListed(
  state: CoordinatorState,
  name: ListName,
  result: Extract<Outcome, { kind: "MetadataListed" }>["result"],
  now: Now,
): void {
  state.listsOut.delete(name);
  if (!result.ok) return;
  state.placementDue = true;
  if (name === "sessions") {
    state.sessionLists.come = state.sessionLists.begun;
    observeSessions(state.hosts, result.entries, now.monotonicMs);
  } else if (name === "hosts") {
    observeWishes(state.hosts, result.entries);
  } else if (name === "assignments") {
    // Before the collections: so every assignment that is seen has a record that is seen.
    state.listsDue.add("collections");
    state.relistAtMs = now.monotonicMs + state.settings.relistMs;
    applyAssignments(state, result.entries);
  } else applyCollections(state, result.entries);
  state.listed.add(name);
  if (isLoaded(state) && state.sweep.nextAtMs === null) {
    state.sweep.nextAtMs = now.monotonicMs + state.settings.sessionTtlMs;
  }
}

function applyAssignments(state: CoordinatorState, entries: readonly MetadataEntry[]): void {
  const { assignments } = state;
  const nameOf = (key: string) => key.slice(assignmentKey("").length);
  const cellOf = (entry: MetadataEntry) => {
    const name = nameOf(entry.key);
    const cell = assignments.get(name) ?? emptyCell(entry.key, assignmentRecord);
    assignments.set(name, cell);
    return cell;
  };
  const isFirst = !state.listed.has("assignments");
  compare(entries, cellOf, [...assignments.values()], isFirst, state.unknown.assignments);
}

function applyCollections(state: CoordinatorState, entries: readonly MetadataEntry[]): void {
  const { collections } = state;
  const cellOf = (entry: MetadataEntry) => {
    const cell = collections.get(entry.key) ?? emptyCell(entry.key, collectionRecord);
    collections.set(entry.key, cell);
    return cell;
  };
  const isFirst = !state.listed.has("collections");
  compare(entries, cellOf, [...collections.values()], isFirst, state.unknown.collections);
  if (isFirst) for (const cell of collections.values()) trackWork(state, cell);
}

/**
 * A list is as old as its sending: what it says otherwise than we know is read again by itself,
 * which no write of ours can overtake.
 */
function compare<Value>(
  entries: readonly MetadataEntry[],
  cellOf: (entry: MetadataEntry) => Cell<Value>,
  before: readonly Cell<Value>[],
  isFirst: boolean,
  unknown: Set<Cell<Value>>,
): void {
  const listed = new Set<Cell<Value>>();
  for (const entry of entries) {
    const cell = cellOf(entry);
    listed.add(cell);
    if (isFirst) applyEntry(cell, entry);
    else if (!cell.busy && cell.revision !== entry.revision) forget(cell, unknown);
  }
  for (const cell of before) {
    if (!listed.has(cell) && !cell.busy && cell.revision !== null) forget(cell, unknown);
  }
}

function forget<Value>(cell: Cell<Value>, unknown: Set<Cell<Value>>): void {
  cell.known = false;
  unknown.add(cell);
}
