// Brings collections into existence and out of it, stage by stage, and resumes what others began.
import { AssignmentsChanged, CollectionChanged } from "../../messages/control.js";
import {
  type CollectionRecord,
  type DroppedRecord,
  droppedKey,
  encodeRecord,
} from "../../messages/records.js";
import { encodeRoot, rootKey } from "../../storage/manifest.js";
import type { Effect, Now, Outcome } from "../../system/actor.js";
import { type Cell, isSettled, writeEffect } from "./cells.js";
import { type CoordinatorState, expect, retryMs, type Stage, type Work } from "./state.js";

/** How many effects of one collection are under way at once. */
const runningMax = 16;

/**
 * Streams come first, for a worker that follows a missing one calls it damage; then the roots,
 * which data workers take over; then the assignments, which start workers. The record says 'ready'
 * last: what a proxy writes or reads has a log and somebody who serves it.
 */
const creation: readonly Stage[] = ["channels", "roots", "assignments", "record"];

/**
 * The other way round: workers lose their assignments before their streams vanish. Without a root
 * nobody can commit, so what is written after the objects were listed is an orphan and is swept.
 * The mark precedes the end of the record: a repeated create finds the one or the other.
 */
const removal: readonly Stage[] = ["assignments", "channels", "roots", "objects", "mark", "record"];

function stagesOf(work: Work): readonly Stage[] {
  return work.record.state === "creating" ? creation : removal;
}

export function stageOf(work: Work): Stage {
  return stagesOf(work)[work.stage] as Stage;
}

/** Begins or ends the work on a collection according to its record. */
export function trackWork(state: CoordinatorState, cell: Cell<CollectionRecord>): void {
  const record = cell.value;
  const work = state.works.get(cell.key);
  const isSame =
    work?.record.collectionId === record?.collectionId && work?.record.state === record?.state;
  if (isSame) return;
  state.works.delete(cell.key);
  if (record === null || record.state === "ready") return;
  const progress = { failures: 0, detail: null, retryAtMs: 0 };
  const begun: Work = { record, cell, stage: 0, todo: [], running: 0, ...progress };
  begun.todo = itemsOf(state, begun);
  state.works.set(cell.key, begun);
}

function itemsOf(state: CoordinatorState, work: Work): string[] {
  switch (stageOf(work)) {
    case "channels":
    case "roots":
      return [...work.record.channels];
    case "objects":
      return [listItem];
    case "mark":
      return [work.record.collectionId];
    case "assignments":
      state.placementDue = true;
      return [];
    case "record":
      return [];
  }
}

/** Stands for the list of the objects, whose keys become the other items. */
const listItem = "";

export function decideWork(state: CoordinatorState, work: Work, now: Now): void {
  if (now.monotonicMs < work.retryAtMs) return;
  while (work.todo.length > 0 && work.running < runningMax) {
    work.running += 1;
    const item = work.todo.pop() as string;
    state.outbox.push(effectOf(state, work, item, now));
  }
  if (work.running > 0) return;
  if (stageOf(work) === "record") return decideRecord(state, work);
  if (stageOf(work) === "assignments" && !areAssignmentsDone(state, work)) return;
  work.stage += 1;
  work.todo = itemsOf(state, work);
  decideWork(state, work, now);
}

/** They are written where all others are, by `placing.ts`. */
function areAssignmentsDone(state: CoordinatorState, work: Work): boolean {
  const wanted = work.record.state === "creating";
  return work.record.channels.every((channel) => {
    const cell = state.assignments.get(channel);
    if (cell === undefined) return !wanted;
    return isSettled(cell) && (cell.value !== null) === wanted;
  });
}

function effectOf(state: CoordinatorState, work: Work, item: string, now: Now): Effect {
  const id = expect(state, { for: "work", work, item });
  const isCreation = work.record.state === "creating";
  switch (stageOf(work)) {
    case "channels":
      return { kind: isCreation ? "createChannel" : "removeChannel", id, channel: item };
    case "roots":
      if (!isCreation) return { kind: "readMetadata", id, key: rootKey(item) };
      return created(id, rootKey(item), encodeRoot(newRoot(work.record, item)));
    case "objects":
      if (item !== listItem) return { kind: "deleteObject", id, key: item };
      return { kind: "listObjects", id, prefix: `${work.record.collectionId}/` };
    case "mark":
      return created(id, droppedKey(item), encodeRecord(markOf(work.record, now)));
    default:
      throw new Error(`no effect for ${stageOf(work)}`);
  }
}

function created(id: string, key: string, value: Uint8Array): Effect {
  return { kind: "writeMetadata", id, key, value, revision: null };
}

function newRoot({ collectionId }: CollectionRecord, channel: string) {
  const empty = { epoch: 0, owner: "", manifest: null, number: 0 };
  return { version: 1 as const, collectionId, channel, ...empty };
}

function markOf({ collectionId, request }: CollectionRecord, now: Now): DroppedRecord {
  return { version: 1, collectionId, request, droppedAtMs: now.wallMs };
}

export function applyWork(
  state: CoordinatorState,
  work: Work,
  item: string,
  outcome: Outcome,
  now: Now,
): void {
  if (!("result" in outcome)) throw new Error(`${outcome.kind} answers no work`);
  work.running -= 1;
  if (outcome.result.ok) {
    if (outcome.kind === "ObjectsListed") work.todo.push(...outcome.result.keys);
    if (outcome.kind === "MetadataRead") deleteRead(state, work, item, outcome.result.entry);
    return;
  }
  if ("reason" in outcome.result && outcome.result.reason === "conflict") {
    // To create: it is there already. To delete: it has changed since it was read.
    if (stageOf(work) === "roots" && work.record.state === "dropping") work.todo.push(item);
    return;
  }
  work.todo.push(item);
  // What fails together counts once.
  if (now.monotonicMs >= work.retryAtMs) work.failures += 1;
  work.detail = "detail" in outcome.result ? outcome.result.detail : "failed";
  work.retryAtMs = now.monotonicMs + retryMs(state);
}

function deleteRead(
  state: CoordinatorState,
  work: Work,
  item: string,
  entry: { key: string; revision: number } | null,
): void {
  if (entry === null) return;
  work.running += 1;
  const id = expect(state, { for: "work", work, item });
  const { key, revision } = entry;
  state.outbox.push({ kind: "writeMetadata", id, key, value: null, revision });
}

function decideRecord(state: CoordinatorState, { cell }: Work): void {
  if (!isSettled(cell) || cell.value === null) return;
  const isCreation = cell.value.state === "creating";
  writeCollection(state, cell, isCreation ? { ...cell.value, state: "ready" } : null);
}

export function writeCollection(
  state: CoordinatorState,
  cell: Cell<CollectionRecord>,
  value: CollectionRecord | null,
): void {
  const id = expect(state, { for: "collection", cell, value });
  state.outbox.push(writeEffect(cell, value, id));
}

export function announceCollection(state: CoordinatorState, collectionId: string, key: string) {
  const message = CollectionChanged.create({ collectionId, metadataKey: key });
  state.outbox.push({ kind: "publish", message, messageId: null });
}

export function announceAssignments(state: CoordinatorState): void {
  const message = AssignmentsChanged.create({ coordinator: state.settings.host });
  state.outbox.push({ kind: "publish", message, messageId: null });
}
