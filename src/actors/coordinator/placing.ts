// Gives channels to hosts: whenever hosts, collections or assignments have changed.
import {
  type AssignmentRecord,
  assignmentKey,
  assignmentRecord,
  type CollectionRecord,
} from "../../messages/records.js";
import { livingHosts, servedChannels, servedName, stayingHosts } from "../../placement/hosts.js";
import { type Holding, place } from "../../placement/rendezvous.js";
import { type Cell, emptyCell, isSettled, writeEffect } from "./cells.js";
import { type CoordinatorState, expect } from "./state.js";
import { announceAssignments, stageOf } from "./works.js";

/** How many assignments are written at once. */
const writesMax = 64;

export function decidePlacement(state: CoordinatorState): void {
  if ([...state.assignments.values()].some((cell) => cell.busy)) return;
  if (state.assignmentsMoved) {
    state.assignmentsMoved = false;
    announceAssignments(state);
  }
  if (!state.placementDue) return;
  state.placementDue = false;
  const wanted = wantedAssignments(state);
  const differing = [...wanted.values()].filter((record) => differs(state, record));
  const orphans = [...state.assignments].filter(([channel]) => !wanted.has(channel));
  for (const record of differing.slice(0, writesMax)) {
    writeAssignment(state, cellOf(state, record.channel), record);
  }
  for (const [channel, cell] of orphans.slice(0, writesMax)) removeOrphan(state, channel, cell);
  if (differing.length > writesMax || orphans.length > writesMax) state.placementDue = true;
}

/** Of the collections that have, or are now to be given, their places. */
function wantedAssignments(state: CoordinatorState): Map<string, AssignmentRecord> {
  const placed = [...state.collections.values()].flatMap(({ key, value }) =>
    value !== null && isPlaced(state, key, value) ? [{ key, record: value }] : [],
  );
  const channels = placed.flatMap(({ key, record }) =>
    record.channels.map((channel) => ({ channel, key, record })),
  );
  const current = (channel: string) => state.assignments.get(channel)?.value ?? null;
  const data = placeAll(
    state,
    "data",
    channels.map(({ channel }) => {
      const holder = current(channel)?.data ?? null;
      return { channel, holders: holder === null ? [] : [holder], wanted: 1 };
    }),
  );
  const query = placeAll(
    state,
    "query",
    channels.map(({ channel, record }) => {
      const holders = current(channel)?.query ?? [];
      return { channel, holders, wanted: record.settings.replicas };
    }),
  );
  return new Map(
    channels.map(({ channel, key, record: { collectionId } }) => {
      const identity = { version: 1 as const, channel, collectionId, collectionKey: key };
      const holders = {
        data: data.get(channel)?.[0] ?? null,
        query: [...(query.get(channel) ?? [])],
      };
      return [channel, { ...identity, ...holders }];
    }),
  );
}

function isPlaced(state: CoordinatorState, key: string, record: CollectionRecord): boolean {
  if (record.state === "ready") return true;
  const work = state.works.get(key);
  if (record.state === "dropping" || work === undefined) return false;
  return stageOf(work) === "assignments" || stageOf(work) === "record";
}

/**
 * A query worker is let go when its successors serve; a data worker at once, for the next one
 * fences it off and the log takes writes meanwhile.
 */
function placeAll(
  state: CoordinatorState,
  role: "data" | "query",
  holdings: readonly Holding[],
): Map<string, readonly string[]> {
  const hosts = stayingHosts(state.hosts, role);
  const living = new Set(livingHosts(state.hosts, role));
  const servedBy = (served: ReadonlySet<string>) => (channel: string, host: string) =>
    role === "data" || served.has(servedName(channel, host));
  const serves = servedBy(servedChannels(state.hosts, { lately: false }));
  const isReady = servedBy(servedChannels(state.hosts, { lately: true }));
  const mayStay = (channel: string, host: string) => living.has(host) && serves(channel, host);
  const most = Math.max(0, ...holdings.map((holding) => holding.wanted));
  const missing = most > hosts.length && holdings.length > 0;
  const cause = `hosts with the role ${role}: ${most} wanted, ${hosts.length} live`;
  state.placementCauses[role] = missing ? cause : null;
  return place(holdings, hosts, isReady, mayStay);
}

/** One that cannot be read differs too: all that it can say is said anew. */
function differs(state: CoordinatorState, record: AssignmentRecord): boolean {
  const cell = state.assignments.get(record.channel);
  if (cell === undefined) return true;
  if (!isSettled(cell)) return false;
  const now = cell.value;
  return now?.data !== record.data || now.query.join() !== record.query.join();
}

function cellOf(state: CoordinatorState, channel: string): Cell<AssignmentRecord> {
  const known = state.assignments.get(channel);
  if (known !== undefined) return known;
  const cell = emptyCell(assignmentKey(channel), assignmentRecord);
  state.assignments.set(channel, cell);
  return cell;
}

function removeOrphan(
  state: CoordinatorState,
  channel: string,
  cell: Cell<AssignmentRecord>,
): void {
  if (!isSettled(cell) || !isOrphan(state, cell)) return;
  if (cell.revision === null) state.assignments.delete(channel);
  else writeAssignment(state, cell, null);
}

/** Its collection is being dropped, or is none. A creation that is resumed keeps what it has. */
function isOrphan(state: CoordinatorState, { value }: Cell<AssignmentRecord>): boolean {
  const collections = [...state.collections.values()];
  const owner = collections.find((each) => each.value?.collectionId === value?.collectionId);
  if (value !== null && owner?.value) return owner.value.state === "dropping";
  return collections.every((each) => each.known && each.damage === null);
}

function writeAssignment(
  state: CoordinatorState,
  cell: Cell<AssignmentRecord>,
  value: AssignmentRecord | null,
): void {
  const id = expect(state, { for: "assignment", cell, value });
  state.outbox.push(writeEffect(cell, value, id));
}
