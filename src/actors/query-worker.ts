// Serves the reads of one channel: folds its log into rows and searches them at any position.

import { never } from "../log/barrier.js";
import { liveCount } from "../log/row-table.js";
import {
  CollectionChanged,
  DeadRowsCounted,
  IndexDamaged,
  ManifestCommitted,
  SegmentDamaged,
} from "../messages/control.js";
import { type QueryMessage, queryMessages } from "../messages/query.js";
import { QueryChannelReply, SearchChannelReply } from "../messages/reply.js";
import { Ticked, walMessages } from "../messages/wal.js";
import { defineActor, type Effect, type Now, type Outcome } from "../system/actor.js";
import type { ComputeResult } from "../system/compute.js";
import {
  abandonAdoption,
  applyAdoptedSegment,
  continueAdopting,
  startAdopting,
} from "./query-worker/adopting.js";
import { applyAhead } from "./query-worker/ahead.js";
import { applyComputed } from "./query-worker/answering.js";
import { applyEntry, growingRange } from "./query-worker/following.js";
import { applyAttached, attachMissing } from "./query-worker/indexes.js";
import {
  applyLoadedSegment,
  applyRecord,
  applyRoot,
  applyTombstones,
  readRoot,
  startLoading,
  stopServing,
} from "./query-worker/loading.js";
import {
  applyBarrierAppended,
  applyBarrierFailed,
  applyCacheRead,
  applyHeadRead,
  applyRead,
  decideReads,
} from "./query-worker/reading.js";
import {
  compute,
  expect,
  initialState,
  type Purpose,
  type QueryWorkerSettings,
  type QueryWorkerState,
} from "./query-worker/state.js";

/** Announcements may be lost: the root is read this often besides. */
const refreshMs = 30_000;
/** How often reads are looked through for passed deadlines while any waits. */
const sweepMs = 500;

function apply(state: QueryWorkerState, outcome: Outcome, now: Now): void {
  state.turn += 1;
  if (state.phase === "damaged" || state.holdersDropped) return;
  // Stopped before it had begun: what still arrives of the load is of no use.
  if (state.phase === "stopping" && state.fold === null) return;
  applyOutcome(state, outcome, now);
  if (state.adoption !== null) continueAdopting(state);
}

function applyOutcome(state: QueryWorkerState, outcome: Outcome, now: Now): void {
  switch (outcome.kind) {
    case "Started":
      return start(state, outcome.incarnation);
    case "Stopping":
      state.phase = "stopping";
      return;
    case "FollowStarted":
      return applyFollowStarted(state, outcome.lastSequence);
    case "LogEntryRead":
      return applyEntry(state, outcome.entry, now);
    case "FollowFailed":
      return applyFollowFailed(state, outcome.reason, outcome.detail);
    case "Delivered":
      return applyRead(
        state,
        outcome.delivery,
        outcome.deliveries,
        outcome.message as QueryMessage,
        now,
      );
    case "Announced":
      return applyAnnouncement(state, outcome.message.kind);
    case "TimerFired":
      return applyTimer(state, outcome.id);
    case "Reconnected":
      state.isHeadRefused = false;
      // The log may have lost its end with the server: a tick is read back only once that is known.
      state.ticked = never;
      return;
    default:
      return applyExpected(state, outcome, now);
  }
}

function start(state: QueryWorkerState, incarnation: string): void {
  const { channel, collectionKey, collectionId } = state.settings;
  state.incarnation = incarnation;
  dropHolders(state);
  const listen = { kind: "listen", from: "new" } as const;
  state.outbox.push(
    { ...listen, definitions: [ManifestCommitted], token: channel },
    { ...listen, definitions: [CollectionChanged], token: collectionId },
    { kind: "timer", id: "refresh", afterMs: refreshMs },
  );
  const id = expect(state, { for: "record" });
  state.outbox.push({ kind: "readMetadata", id, key: collectionKey });
}

function applyFollowStarted(state: QueryWorkerState, lastSequence: number): void {
  state.replayThrough = lastSequence;
  const isAtHead = (state.fold?.position.sequence ?? 0) >= lastSequence;
  if (state.phase === "following" && isAtHead) state.phase = "serving";
}

/** What an earlier life of this worker left in the search threads, or this one would. */
function dropHolders(state: QueryWorkerState): void {
  const { channel } = state.settings;
  compute(state, { kind: "dropChannel", channel }, { for: "holder" });
}

/** Overtaken by a purge: the manifest has what is gone. Anything else needs an operator. */
function applyFollowFailed(state: QueryWorkerState, reason: string, detail: string): void {
  if (reason === "purged") {
    state.outbox.push({ kind: "restart", reason: `overtaken by a purge: ${detail}`, afterMs: 0 });
    return;
  }
  stopServing(state, `the log is ${reason}: ${detail}`);
}

function applyAnnouncement(state: QueryWorkerState, kind: string): void {
  if (kind === ManifestCommitted.kind && state.fold !== null) readRoot(state);
  if (kind === CollectionChanged.kind) readRecord(state);
}

function readRecord(state: QueryWorkerState): void {
  const id = expect(state, { for: "record" });
  state.outbox.push({ kind: "readMetadata", id, key: state.settings.collectionKey });
}

function applyTimer(state: QueryWorkerState, id: string): void {
  if (id === "refresh") {
    state.outbox.push({ kind: "timer", id, afterMs: refreshMs });
    readRecord(state);
    if (state.fold !== null) readRoot(state);
    // An index that could not be read, or whose damage nobody heard of.
    attachMissing(state);
  }
  if (id === "sweep") state.isSweeping = false;
}

function applyExpected(
  state: QueryWorkerState,
  outcome: Exclude<Outcome, { kind: "Started" | "Stopping" }>,
  now: Now,
): void {
  if (!("id" in outcome)) return;
  const purpose = state.pending.get(outcome.id);
  if (purpose === undefined) return;
  state.pending.delete(outcome.id);
  switch (outcome.kind) {
    case "MetadataRead":
      if (!outcome.result.ok) return applyMetadataAway(state, purpose, outcome.result.detail);
      if (purpose.for === "record") applyRecord(state, outcome.result.entry);
      if (purpose.for === "root") applyRoot(state, outcome.result.entry);
      return;
    case "ObjectRead":
      if (!outcome.result.ok) return applyUnreadable(state, purpose, outcome.result);
      return applyObject(state, purpose, outcome.result.bytes);
    case "Appended":
      if (purpose.for === "barrier") applyBarrierAppended(state, purpose.id, outcome.sequence);
      return;
    case "AppendFailed":
      if (purpose.for !== "barrier") return;
      return applyBarrierFailed(state, purpose.id, `${outcome.reason}: ${outcome.detail}`, now);
    case "HeadRead":
      if (purpose.for === "barrier") applyHeadRead(state, purpose, outcome.result, now);
      return;
    case "CacheRead":
      if (purpose.for === "cached") applyCacheRead(state, purpose.delivery, outcome.bytes);
      return;
    case "Computed":
      if (purpose.for === "read") return applyComputed(state, purpose.delivery, outcome.result);
      if (purpose.for === "ahead") return applyAhead(state, purpose.delivery, outcome.result);
      if (!outcome.result.ok)
        return restart(state, `a search thread failed: ${outcome.result.detail}`);
      return applyHeld(state, purpose, outcome.result.value);
  }
}

/** Serving and loading go on without the metadata store; only what a start waits for does not. */
function applyMetadataAway(state: QueryWorkerState, purpose: Purpose, detail: string): void {
  const isRefresh = purpose.for === "record" ? state.record !== null : state.fold !== null;
  if (!isRefresh) restart(state, `metadata is unavailable: ${detail}`);
}

function applyObject(state: QueryWorkerState, purpose: Purpose, bytes: Uint8Array): void {
  if (purpose.for === "tombstones") return applyTombstones(state, bytes);
  if (state.fold === null) return startLoading(state, bytes);
  startAdopting(state, bytes);
}

/** Missing: the manifest has moved on since; read the root again. Corrupt: say so, loudly. */
function applyUnreadable(
  state: QueryWorkerState,
  purpose: Purpose,
  failure: { reason: string; detail: string },
): void {
  const what = purpose.for === "segment" ? `segment ${purpose.segment.id}` : purpose.for;
  const cause = `${what} is ${failure.reason}: ${failure.detail}`;
  if (purpose.for === "segment" && failure.reason === "corrupt") {
    const { channel } = state.settings;
    const fields = { channel, segmentId: purpose.segment.id, reason: cause };
    const message = SegmentDamaged.create(fields);
    state.outbox.push({ kind: "publish", message, messageId: null });
  }
  if (state.fold !== null) {
    if (purpose.for === "segment" && purpose.adopting === state.adoption?.manifest.number) {
      abandonAdoption(state);
    }
    state.troubles.set("manifest", `a newer manifest is not taken up: ${cause}`);
    state.outbox.push({ kind: "report", level: "error", text: cause });
    return;
  }
  if (failure.reason === "corrupt") return stopServing(state, cause);
  restart(state, cause);
}

function applyHeld(state: QueryWorkerState, purpose: Purpose, value: ComputeResult): void {
  if (purpose.for === "index") return applyAttached(state, purpose, value);
  if (purpose.for !== "segment") return;
  if (value.kind === "unreadable") return applyUnreadable(state, purpose, value);
  if (value.kind !== "segmentLoaded") throw new Error(`a segment was loaded as '${value.kind}'`);
  const { keys, sequences, rowNumbers, commits } = value;
  const rows = { number: purpose.number, keys, sequences, rowNumbers, commits };
  if (purpose.adopting !== null) applyAdoptedSegment(state, purpose.segment, rows);
  else applyLoadedSegment(state, purpose.segment, rows);
}

function restart(state: QueryWorkerState, reason: string): void {
  state.cause = reason;
  state.outbox.push({ kind: "restart", reason, afterMs: 1_000 });
}

function decide(state: QueryWorkerState, now: Now): readonly Effect[] {
  if (state.phase === "serving" || state.phase === "stopping") decideReads(state, now);
  startSweep(state);
  if (state.phase === "serving") decideCredits(state);
  if (state.phase === "stopping" && state.reads.size === 0 && !state.holdersDropped) {
    state.holdersDropped = true;
    dropHolders(state);
  }
  const effects = state.outbox;
  state.outbox = [];
  return effects;
}

function startSweep(state: QueryWorkerState): void {
  if (state.reads.size === 0 || state.isSweeping) return;
  state.isSweeping = true;
  state.outbox.push({ kind: "timer", id: "sweep", afterMs: sweepMs });
}

/** Reads are taken once the segments have their indexes, and while a place is free. */
function decideCredits(state: QueryWorkerState): void {
  if (!state.isWhole && state.indexesWaiting > 0) return;
  state.isWhole = true;
  const credits = state.settings.readsMax - state.creditsOut - state.reads.size;
  if (credits <= 0) return;
  state.creditsOut += credits;
  const { channel: token } = state.settings;
  state.outbox.push({ kind: "take", definitions: queryMessages, token, credits });
}

export const queryWorker = defineActor<QueryWorkerSettings, QueryWorkerState>({
  name: "query-worker",
  accepts: [...walMessages, ...queryMessages, ManifestCommitted, CollectionChanged],
  emits: [
    Ticked,
    SearchChannelReply,
    QueryChannelReply,
    IndexDamaged,
    SegmentDamaged,
    DeadRowsCounted,
  ],
  initial: initialState,
  apply,
  decide,
  status: (state) => ({
    // Without its indexes it takes no read: nobody may let go of the channel because of it.
    phase: state.phase === "serving" && !state.isWhole ? "warming" : state.phase,
    cause: state.cause ?? [...state.troubles.values()][0] ?? setAsideCause(state),
    figures: {
      rows: liveCount(state.table),
      position: state.fold?.position.sequence ?? 0,
      behind: Math.max(0, state.replayThrough - (state.fold?.position.sequence ?? 0)),
      manifest: state.adoptedNumber,
      growingRows: growingRange(state)?.count ?? 0,
      segments: state.table.ranges.filter((range) => range.segmentId !== null).length,
      indexed: state.attached.size,
      reads: state.reads.size,
      setAside: state.fold?.setAside.count ?? 0,
    },
  }),
});

function setAsideCause(state: QueryWorkerState): string | null {
  const setAside = state.fold?.setAside;
  if (setAside === undefined || setAside.count === 0) return null;
  return `${setAside.count} unreadable entries were set aside; the last: ${setAside.last}`;
}
