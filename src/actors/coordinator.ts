// Decides which collections there are and which hosts hold their channels; one acts, others wait.
import type { AnyMessage } from "../messages/catalogue.js";
import {
  AlterCollection,
  CreateCollection,
  DrainHost,
  DropCollection,
} from "../messages/command.js";
import {
  AssignmentsChanged,
  CollectionChanged,
  HostChanged,
  LeadershipFreed,
} from "../messages/control.js";
import { type DroppedRecord, droppedRecord, parseRecord } from "../messages/records.js";
import { CollectionReply, HostReply } from "../messages/reply.js";
import { isLiving } from "../placement/hosts.js";
import { applyLeadership, decideLeadership, isActing, resign } from "../placement/leadership.js";
import { firstFormat } from "../storage/formats.js";
import {
  type ActorReport,
  type DeliveryId,
  defineActor,
  type Effect,
  type Now,
  type Outcome,
} from "../system/actor.js";
import { applyRead, applyWritten } from "./coordinator/cells.js";
import { decideCommand, isDropWaiting, keyOfCommand } from "./coordinator/commands.js";
import { applyDrainRead, applyDrainWritten, decideDrain } from "./coordinator/draining.js";
import { applyFormat, decideFormat } from "./coordinator/formats.js";
import { applyBeat, applyListed, decideLists, lookAtHosts } from "./coordinator/listing.js";
import { applyListOfOrphans, applyNames } from "./coordinator/orphans.js";
import { decidePlacement } from "./coordinator/placing.js";
import {
  type CollectionCommand,
  type Command,
  type CoordinatorSettings,
  type CoordinatorState,
  initialState,
  isLoaded,
  type Purpose,
  retryMs,
} from "./coordinator/state.js";
import { applyMarksListed, decideSweep } from "./coordinator/sweeping.js";
import { announceCollection, applyWork, decideWork, trackWork } from "./coordinator/works.js";

const commands = [CreateCollection, DropCollection, AlterCollection, DrainHost];
/** How many commands it holds at once. */
const commandsMax = 16;

function apply(state: CoordinatorState, outcome: Outcome, now: Now): void {
  applyLeadership(state.leadership, outcome, now);
  if (outcome.kind === "Started") {
    state.outbox.push({ kind: "listen", definitions: [HostChanged], token: null, from: "new" });
  }
  if (outcome.kind === "Stopping") state.stopping = true;
  if (!isActing(state.leadership, now)) return;
  if (outcome.kind === "Delivered") applyDelivered(state, outcome.delivery, outcome.message);
  if (outcome.kind === "Announced" && outcome.message.kind === HostChanged.kind) lookAtHosts(state);
  if (outcome.kind === "TimerFired") applyTimer(state, outcome.id, now);
  if (!("id" in outcome)) return;
  const purpose = state.pending.get(outcome.id);
  if (purpose === undefined) return;
  state.pending.delete(outcome.id);
  applyExpected(state, purpose, outcome, now);
}

function applyDelivered(state: CoordinatorState, delivery: DeliveryId, message: AnyMessage): void {
  state.creditsOut -= 1;
  if (message.kind === DrainHost.kind) {
    const unread = { entry: undefined, busy: false, retryAtMs: 0 };
    state.drains.set(delivery, { delivery, message, ...unread });
    return;
  }
  const command = { delivery, message: message as CollectionCommand };
  const unread = { dropped: undefined, readingDropped: false, retryAtMs: 0 };
  const sessionsFrom = countsHosts(command.message) ? state.sessionLists.begun + 1 : 0;
  if (sessionsFrom > 0) lookAtHosts(state);
  state.commands.set(delivery, { ...command, ...unread, sessionsFrom });
}

/** A host that was registered before the request counts, whether it was heard of or not. */
function countsHosts(message: CollectionCommand): boolean {
  return message.kind === CreateCollection.kind && message.collection.replicas === null;
}

function applyTimer(state: CoordinatorState, id: string, now: Now): void {
  if (id === state.timers.beat) {
    state.timers.beat = null;
    applyBeat(state, now);
  }
  if (id !== state.timers.extend) return;
  state.timers.extend = null;
  for (const delivery of [...state.commands.keys(), ...state.drains.keys()]) {
    state.outbox.push({ kind: "extend", delivery });
  }
}

function applyExpected(
  state: CoordinatorState,
  purpose: Purpose,
  outcome: Outcome,
  now: Now,
): void {
  const retryAtMs = now.monotonicMs + retryMs(state);
  switch (purpose.for) {
    case "list":
      if (outcome.kind === "MetadataListed") applyListed(state, purpose.name, outcome.result, now);
      return;
    case "collection":
      return applyCollection(state, purpose, outcome, now);
    case "assignment":
      return applyAssignment(state, purpose, outcome, now);
    case "dropped":
      if (outcome.kind !== "MetadataRead") return;
      purpose.command.retryAtMs = retryAtMs;
      return applyDropped(purpose.command, outcome.result);
    case "drain":
      if (outcome.kind === "MetadataRead") {
        return applyDrainRead(purpose.command, outcome.result, retryAtMs);
      }
      if (outcome.kind !== "MetadataWritten") return;
      return applyDrainWritten(state, purpose.command, outcome.result, retryAtMs);
    case "format":
      return applyFormat(state, purpose.value, outcome, now);
    case "work":
      return applyWork(state, purpose.work, purpose.item, outcome, now);
    case "sweep-marks":
      if (outcome.kind !== "MetadataListed" || !outcome.result.ok) return;
      return applyMarksListed(state, outcome.result.entries, now);
    case "orphan-list":
      if (outcome.kind !== "ObjectsListed" && outcome.kind !== "ChannelsListed") return;
      return applyListOfOrphans(state, outcome);
    case "orphan-names":
      if (outcome.kind === "MetadataListed") applyNames(state, purpose, outcome.result);
      return;
    case "orphan-removal":
      state.sweep.orphans.running -= 1;
      return;
    case "sweep-record":
      return;
  }
}

/** Whatever has changed is announced, by whomever it was changed: an announcement may be lost. */
function applyCollection(
  state: CoordinatorState,
  { cell, value }: Extract<Purpose, { for: "collection" }>,
  outcome: Outcome,
  now: Now,
): void {
  const before = { revision: cell.revision, value: cell.value };
  const retryAtMs = now.monotonicMs + retryMs(state);
  if (outcome.kind === "MetadataRead") applyRead(cell, outcome.result, retryAtMs);
  if (outcome.kind === "MetadataWritten") applyWritten(cell, value, outcome.result, retryAtMs);
  if (!cell.known) {
    state.unknown.collections.add(cell);
    return;
  }
  state.placementDue = true;
  trackWork(state, cell);
  const collectionId = cell.value?.collectionId ?? before.value?.collectionId;
  if (cell.revision === before.revision || collectionId === undefined) return;
  announceCollection(state, collectionId, cell.key);
}

function applyAssignment(
  state: CoordinatorState,
  { cell, value }: Extract<Purpose, { for: "assignment" }>,
  outcome: Outcome,
  now: Now,
): void {
  const before = cell.revision;
  const retryAtMs = now.monotonicMs + retryMs(state);
  if (outcome.kind === "MetadataRead") applyRead(cell, outcome.result, retryAtMs);
  if (outcome.kind === "MetadataWritten") applyWritten(cell, value, outcome.result, retryAtMs);
  if (!cell.known) state.unknown.assignments.add(cell);
  state.placementDue = true;
  if (cell.known && cell.revision !== before) state.assignmentsMoved = true;
}

/** A mark that cannot be read is one: of a drop by a request that nobody knows. */
function applyDropped(
  command: Command,
  result: Extract<Outcome, { kind: "MetadataRead" }>["result"],
): void {
  command.readingDropped = false;
  if (!result.ok) return;
  if (result.entry === null) {
    command.dropped = null;
    return;
  }
  const parsed = parseRecord(droppedRecord, result.entry.value);
  const unread: DroppedRecord = { version: 1, collectionId: "", request: "", droppedAtMs: 0 };
  command.dropped = parsed.ok ? parsed.record : unread;
}

/** One that is to end carries out the commands it holds first; works go on with the next one. */
function decide(state: CoordinatorState, now: Now): readonly Effect[] {
  if (state.stopping && state.commands.size + state.drains.size === 0) resign(state.leadership);
  const effects = decideLeadership(state.leadership, now);
  if (isActing(state.leadership, now)) act(state, now);
  effects.push(...state.outbox);
  state.outbox = [];
  return effects;
}

function act(state: CoordinatorState, now: Now): void {
  decideTimers(state);
  decideLists(state, now);
  if (!isLoaded(state)) return;
  for (const command of state.commands.values()) decideCommand(state, command, now);
  for (const command of state.drains.values()) decideDrain(state, command, now);
  for (const work of state.works.values()) {
    const { collectionId, state: phase } = work.record;
    if (phase === "creating" && isDropWaiting(state, collectionId)) continue;
    decideWork(state, work, now);
  }
  decidePlacement(state);
  decideFormat(state, now);
  decideSweep(state, now);
  forgetEmptyCells(state);
  decideCredits(state);
}

function decideTimers(state: CoordinatorState): void {
  if (state.timers.beat === null) {
    state.timers.beat = `beat-${state.nextId++}`;
    const afterMs = state.settings.sessionTtlMs / 3;
    state.outbox.push({ kind: "timer", id: state.timers.beat, afterMs });
  }
  if (state.timers.extend === null && state.commands.size + state.drains.size > 0) {
    state.timers.extend = `extend-${state.nextId++}`;
    const afterMs = state.settings.ackWaitMs / 3;
    state.outbox.push({ kind: "timer", id: state.timers.extend, afterMs });
  }
}

/** Names that somebody asked about and that stand for nothing. */
function forgetEmptyCells(state: CoordinatorState): void {
  const asked = new Set([...state.commands.values()].map(({ message }) => keyOfCommand(message)));
  for (const [key, cell] of state.collections) {
    const isEmpty = cell.known && !cell.busy && cell.revision === null;
    if (isEmpty && !asked.has(key)) state.collections.delete(key);
  }
}

function decideCredits(state: CoordinatorState): void {
  if (state.stopping) return;
  const credits = commandsMax - state.creditsOut - state.commands.size - state.drains.size;
  if (credits < commandsMax / 2) return;
  state.creditsOut += credits;
  state.outbox.push({ kind: "take", definitions: commands, token: null, credits });
}

export const coordinator = defineActor<CoordinatorSettings, CoordinatorState>({
  name: "coordinator",
  accepts: [...commands, HostChanged, LeadershipFreed],
  emits: [
    CollectionReply,
    HostReply,
    CollectionChanged,
    AssignmentsChanged,
    HostChanged,
    LeadershipFreed,
  ],
  initial: initialState,
  apply,
  decide,
  status,
});

function status(state: CoordinatorState, now: Now): ActorReport {
  const isLeading = isActing(state.leadership, now);
  const hosts = [...state.hosts.seen.values()].filter((host) => isLiving(state.hosts, host));
  const idle = state.leadership.phase === "leading" ? "ended" : state.leadership.phase;
  return {
    phase: isLeading ? (isLoaded(state) ? "leading" : "loading") : idle,
    cause: state.leadership.cause ?? (isLeading ? causeOf(state) : null),
    figures: {
      epoch: state.leadership.epoch,
      format: state.format.cell.value?.format ?? firstFormat,
      collections: state.collections.size,
      channels: state.assignments.size,
      hosts: hosts.length,
      commands: state.commands.size + state.drains.size,
      underWay: state.works.size,
    },
  };
}

function causeOf(state: CoordinatorState): string | null {
  for (const { key, damage } of state.collections.values()) {
    if (damage !== null) return `the record '${key}' cannot be read: ${damage}`;
  }
  for (const { record, detail } of state.works.values()) {
    if (detail !== null) return `${record.state} '${record.name}': ${detail}`;
  }
  return state.placementCauses.data ?? state.placementCauses.query;
}
