// Makes one channel durable: seals ranges of its log, stores them, commits manifests, purges.

import type { AnyMessage } from "../messages/catalogue.js";
import { FlushChannel } from "../messages/command.js";
import { ChannelMeasured, CollectionChanged, ManifestCommitted } from "../messages/control.js";
import { FlushReply } from "../messages/reply.js";
import { BuildIndex, CompactSegments } from "../messages/task.js";
import { SegmentSealed, walMessages } from "../messages/wal.js";
import { defineActor, type Effect, type Now, type Outcome } from "../system/actor.js";
import {
  applyDeleted,
  applyListed,
  applyOwnershipRead,
  startCollecting,
} from "./data-worker/collecting.js";
import {
  applyCommitDelayed,
  applyCommitted,
  applyCommitUnknown,
  applyCommitVerified,
  applyManifestStored,
  decideCommit,
} from "./data-worker/committing.js";
import { applyCompacted, applyDeadRows, decideCompaction } from "./data-worker/compacting.js";
import {
  applyEncoded,
  applyFlushFailed,
  applyObjectWritten,
  decideFlush,
} from "./data-worker/flushing.js";
import { applyEntry } from "./data-worker/folding.js";
import { decideHold, unflushedBytes } from "./data-worker/holding.js";
import {
  applyIndexBuilt,
  applyIndexDamaged,
  decideIndexes,
  missingIndexes,
} from "./data-worker/indexing.js";
import { decideLook } from "./data-worker/looking.js";
import { announceMeasure, channelBytes } from "./data-worker/measuring.js";
import {
  applySealAppended,
  applySealFailed,
  decideFlushReplies,
  decideSeal,
} from "./data-worker/sealing.js";
import {
  causeOf,
  type DataWorkerSettings,
  type DataWorkerState,
  expect,
  fail,
  initialState,
  type Purpose,
} from "./data-worker/state.js";
import {
  applyManifest,
  applyRecord,
  applyRoot,
  applyTakenOver,
  indexAnnouncements,
  segmentAnnouncements,
} from "./data-worker/taking-over.js";

/** Unnamed objects are looked for some times within their grace, an hour by default. */
const collectionsPerGrace = 6;
const collectEveryMsMin = 1_000;
const flushRequestsMax = 64;

function apply(state: DataWorkerState, outcome: Outcome, now: Now): void {
  if (state.phase === "damaged") return;
  // There may be thousands of segments: they are not gone through for each entry of the log.
  state.isLookingAround = outcome.kind !== "LogEntryRead";
  switch (outcome.kind) {
    case "Started":
      return start(state, outcome.incarnation, now);
    case "Stopping":
      state.phase = "stopping";
      return;
    case "FollowStarted":
      return applyFollowStarted(state, outcome.lastSequence);
    case "LogEntryRead":
      return applyEntry(state, outcome.entry, now);
    case "FollowFailed":
      return fail(state, `the log is ${outcome.reason}: ${outcome.detail}`, 5_000);
    case "Delivered":
      return applyDelivered(state, outcome.delivery, outcome.message);
    case "Announced":
      return applyAnnouncement(state, outcome.message);
    case "TimerFired":
      return applyTimer(state, outcome.id, now);
    default:
      return applyExpected(state, outcome, now);
  }
}

function start(state: DataWorkerState, incarnation: string, now: Now): void {
  const { collectionId } = state.settings;
  state.changedAtMs = now.monotonicMs;
  state.incarnation = incarnation;
  state.outbox.push(
    { kind: "listen", definitions: [CollectionChanged], token: collectionId, from: "new" },
    { kind: "timer", id: "collect", afterMs: collectEveryMs(state) },
  );
  readRecord(state);
}

function applyFollowStarted(state: DataWorkerState, lastSequence: number): void {
  state.replayThrough = lastSequence;
  const isAtHead = (state.fold?.position.sequence ?? 0) >= lastSequence;
  if (state.phase === "replaying" && isAtHead) state.phase = "owning";
}

function applyDelivered(state: DataWorkerState, delivery: string, message: AnyMessage): void {
  state.creditsOut -= 1;
  if (message.kind !== FlushChannel.kind) return;
  state.flushRequests.set(delivery, { delivery, message, through: null, sealRequest: null });
}

function applyAnnouncement(state: DataWorkerState, message: AnyMessage): void {
  switch (message.kind) {
    case "IndexBuilt":
      return applyIndexBuilt(state, message);
    case "IndexDamaged":
      return applyIndexDamaged(state, message);
    case "SegmentsCompacted":
      return applyCompacted(state, message);
    case "DeadRowsCounted":
      return applyDeadRows(state, message);
    case "SegmentDamaged":
      return applySegmentDamaged(state, message.segmentId, message.reason);
    case "CollectionChanged":
      return readRecord(state);
  }
}

function readRecord(state: DataWorkerState): void {
  const id = expect(state, { for: "record" });
  state.outbox.push({ kind: "readMetadata", id, key: state.settings.collectionKey });
}

/** Rows that exist nowhere else: an operator must know, and nothing here may hide it. */
function applySegmentDamaged(state: DataWorkerState, segmentId: string, reason: string): void {
  // The output of a merge: its inputs are still there, and are merged anew.
  if (state.compaction?.segment?.id === segmentId) state.compaction = null;
  if (!state.manifest?.segments.some((segment) => segment.id === segmentId)) return;
  if (state.damaged.has(segmentId)) return;
  state.damaged.set(segmentId, reason);
  state.outbox.push({ kind: "report", level: "error", text: reason });
}

/** Objects may take longer than the queue waits before it gives a command to another worker. */
function extendFlushRequests(state: DataWorkerState): void {
  for (const delivery of state.flushRequests.keys()) {
    state.outbox.push({ kind: "extend", delivery });
  }
}

function applyTimer(state: DataWorkerState, id: string, now: Now): void {
  if (id === "collect") {
    startCollecting(state);
    // Announcements of its changes may be lost.
    readRecord(state);
    state.outbox.push({ kind: "timer", id, afterMs: collectEveryMs(state) });
  } else {
    state.lookAtMs = Number.POSITIVE_INFINITY;
    extendFlushRequests(state);
    announceMeasure(state, now);
  }
}

function collectEveryMs({ settings }: DataWorkerState): number {
  return Math.max(collectEveryMsMin, settings.objectGraceMs / collectionsPerGrace);
}

function applyExpected(state: DataWorkerState, outcome: Outcome, now: Now): void {
  if (!("id" in outcome)) return;
  const purpose = state.pending.get(outcome.id);
  if (purpose === undefined) return;
  state.pending.delete(outcome.id);
  switch (outcome.kind) {
    case "MetadataRead":
      return applyMetadataRead(state, purpose, outcome.result, now);
    case "MetadataWritten":
      return applyMetadataWritten(state, purpose, outcome.result, now);
    case "ObjectRead":
      if (outcome.result.ok) return applyManifest(state, outcome.result.bytes, now);
      return fail(state, `the manifest is ${outcome.result.reason}`, 5_000);
    case "ObjectWritten":
      return applyWritten(state, purpose, outcome.result, now);
    case "ObjectsListed":
      if (outcome.result.ok) applyListed(state, outcome.result.keys, now);
      return;
    case "ObjectDeleted":
      if (purpose.for === "collect-delete" && outcome.result.ok) applyDeleted(state, purpose.key);
      return;
    case "Appended":
      if (purpose.for === "seal") applySealAppended(state, purpose.request, outcome.sequence);
      return;
    case "AppendFailed":
      if (purpose.for !== "seal") return;
      return applySealFailed(state, purpose.request, `${outcome.reason}: ${outcome.detail}`, now);
    case "Computed":
      return applyComputed(state, purpose, outcome.result, now);
  }
}

function applyMetadataRead(
  state: DataWorkerState,
  purpose: Purpose,
  result: Extract<Outcome, { kind: "MetadataRead" }>["result"],
  now: Now,
): void {
  if (!result.ok) {
    if (purpose.for === "verify-commit") return applyCommitDelayed(state, result.detail, now);
    if (state.fold === null) fail(state, `metadata is unavailable: ${result.detail}`, 1_000);
    return;
  }
  if (purpose.for === "record") applyRecord(state, result.entry);
  if (purpose.for === "root") applyRoot(state, result.entry);
  if (purpose.for === "verify-commit") applyCommitVerified(state, result.entry, now);
  if (purpose.for === "collect-root") applyOwnershipRead(state, result.entry);
}

function applyMetadataWritten(
  state: DataWorkerState,
  purpose: Purpose,
  result: Extract<Outcome, { kind: "MetadataWritten" }>["result"],
  now: Now,
): void {
  if (purpose.for === "take-over") {
    if (result.ok) return applyTakenOver(state, result.revision, now);
    const why = result.reason === "conflict" ? "another worker was first" : result.detail;
    return fail(state, `the channel was not taken over: ${why}`, 1_000);
  }
  if (result.ok) return applyCommitted(state, result.revision, now);
  if (result.reason === "conflict") return applyCommitUnknown(state, "the root has moved", now);
  applyCommitUnknown(state, result.detail, now);
}

function applyWritten(
  state: DataWorkerState,
  purpose: Purpose,
  result: Extract<Outcome, { kind: "ObjectWritten" }>["result"],
  now: Now,
): void {
  if (purpose.for === "manifest-object") {
    if (result.ok) return applyManifestStored(state);
    return applyCommitDelayed(state, result.detail, now);
  }
  if (!("attempt" in purpose)) return;
  if (result.ok) applyObjectWritten(state, purpose.attempt);
  else applyFlushFailed(state, purpose.attempt, result.detail, now);
}

function applyComputed(
  state: DataWorkerState,
  purpose: Purpose,
  result: Extract<Outcome, { kind: "Computed" }>["result"],
  now: Now,
): void {
  if (purpose.for !== "encode") return;
  if (!result.ok) return applyFlushFailed(state, purpose.attempt, result.detail, now);
  const { value } = result;
  if (value.kind === "encoded") return applyEncoded(state, purpose.attempt, value);
  applyFlushFailed(state, purpose.attempt, `a thread answered '${value.kind}'`, now);
}

/** A stopping worker brings to an end what it has begun, and begins nothing. */
function decide(state: DataWorkerState, now: Now): readonly Effect[] {
  if (state.phase === "owning") {
    decideSeal(state, now);
    decideCredits(state);
  }
  if (state.fold !== null && state.phase !== "damaged") {
    if (state.phase !== "stopping") decideHold(state);
    decideFlush(state, now);
    if (state.isLookingAround && state.phase !== "stopping") {
      decideCompaction(state, now);
      decideIndexes(state, now);
    }
    decideCommit(state, now);
    decideFlushReplies(state, now);
  }
  if (state.phase !== "damaged") decideLook(state, now);
  const effects = state.outbox;
  state.outbox = [];
  return effects;
}

function decideCredits(state: DataWorkerState): void {
  const credits = flushRequestsMax - state.creditsOut - state.flushRequests.size;
  if (credits < flushRequestsMax / 2) return;
  state.creditsOut += credits;
  const { channel: token } = state.settings;
  state.outbox.push({ kind: "take", definitions: [FlushChannel], token, credits });
}

export const dataWorker = defineActor<DataWorkerSettings, DataWorkerState>({
  name: "data-worker",
  accepts: [
    ...walMessages,
    FlushChannel,
    ...indexAnnouncements,
    ...segmentAnnouncements,
    CollectionChanged,
  ],
  emits: [
    SegmentSealed,
    ManifestCommitted,
    ChannelMeasured,
    BuildIndex,
    CompactSegments,
    FlushReply,
  ],
  initial: initialState,
  apply,
  decide,
  status: (state) => ({
    phase: state.phase,
    cause: causeOf(state),
    figures: {
      epoch: state.root?.epoch ?? 0,
      manifest: state.manifest?.number ?? 0,
      position: state.fold?.position.sequence ?? 0,
      behind: Math.max(0, state.replayThrough - (state.fold?.position.sequence ?? 0)),
      checkpoint: state.manifest?.checkpoint.sequence ?? 0,
      growingRows: state.open.rows,
      growingBytes: state.open.bytes,
      sealedRanges: state.sealed.length,
      unflushedBytes: unflushedBytes(state),
      channelBytes: channelBytes(state),
      held: Number(state.isHeld),
      segments: state.manifest?.segments.length ?? 0,
      storedRows: (state.manifest?.segments ?? []).reduce((sum, { rowCount }) => sum + rowCount, 0),
      unindexed: (state.manifest?.segments ?? []).filter(
        (segment) => state.record !== null && missingIndexes(state, segment).length > 0,
      ).length,
    },
  }),
});
