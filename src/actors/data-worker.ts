// Makes one channel durable: seals ranges of its log, stores them, commits manifests, purges.

import type { AnyMessage } from "../messages/catalogue.js";
import { FlushChannel } from "../messages/command.js";
import {
  CollectionChanged,
  DeadRowsCounted,
  IndexBuilt,
  IndexDamaged,
  ManifestCommitted,
  SegmentDamaged,
  SegmentsCompacted,
} from "../messages/control.js";
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
import {
  applyIndexBuilt,
  applyIndexDamaged,
  decideIndexes,
  missingIndexes,
} from "./data-worker/indexing.js";
import { applySealFailed, decideFlushReplies, decideSeal } from "./data-worker/sealing.js";
import {
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
} from "./data-worker/taking-over.js";

/** How often ages, retries and deadlines are looked at. */
const tickMs = 500;
const collectEveryMs = 600_000;
const flushRequestsMax = 64;

const announcements = [
  IndexBuilt,
  IndexDamaged,
  SegmentsCompacted,
  DeadRowsCounted,
  SegmentDamaged,
];

function apply(state: DataWorkerState, outcome: Outcome, now: Now): void {
  if (state.phase === "damaged" && outcome.kind !== "Stopping") return;
  switch (outcome.kind) {
    case "Started":
      return start(state, outcome.incarnation);
    case "Stopping":
      state.phase = "stopping";
      return;
    case "FollowStarted":
      state.replayThrough = outcome.lastSequence;
      if ((state.fold?.position.sequence ?? 0) >= outcome.lastSequence) state.phase = "owning";
      return;
    case "LogEntryRead":
      return applyEntry(state, outcome.entry, now);
    case "FollowFailed":
      return fail(state, `the log is ${outcome.reason}: ${outcome.detail}`, 5_000);
    case "Delivered":
      return applyDelivered(state, outcome.delivery, outcome.message);
    case "Announced":
      return applyAnnouncement(state, outcome.message, now);
    case "TimerFired":
      return applyTimer(state, outcome.id);
    default:
      return applyExpected(state, outcome, now);
  }
}

function start(state: DataWorkerState, incarnation: string): void {
  const { channel, collectionId, collectionKey } = state.settings;
  state.incarnation = incarnation;
  state.outbox.push(
    { kind: "listen", definitions: announcements, token: channel, from: "oldest" },
    { kind: "listen", definitions: [CollectionChanged], token: collectionId, from: "new" },
    { kind: "timer", id: "tick", afterMs: tickMs },
    { kind: "timer", id: "collect", afterMs: collectEveryMs },
    { kind: "readMetadata", id: expect(state, { for: "record" }), key: collectionKey },
  );
}

function applyDelivered(state: DataWorkerState, delivery: string, message: AnyMessage): void {
  state.creditsOut -= 1;
  if (message.kind !== FlushChannel.kind) return;
  state.flushRequests.set(delivery, { delivery, message, through: null, sealRequest: null });
}

function applyAnnouncement(state: DataWorkerState, message: AnyMessage, now: Now): void {
  switch (message.kind) {
    case "IndexBuilt":
      return applyIndexBuilt(state, message);
    case "IndexDamaged":
      return applyIndexDamaged(state, message);
    case "SegmentsCompacted":
      return applyCompacted(state, message, now);
    case "DeadRowsCounted":
      return applyDeadRows(state, message);
    case "SegmentDamaged":
      return applySegmentDamaged(state, message.segmentId, message.reason);
    case "CollectionChanged": {
      const id = expect(state, { for: "record" });
      state.outbox.push({ kind: "readMetadata", id, key: state.settings.collectionKey });
    }
  }
}

/** Rows that exist nowhere else: an operator must know, and nothing here may hide it. */
function applySegmentDamaged(state: DataWorkerState, segmentId: string, reason: string): void {
  if (!state.manifest?.segments.some((segment) => segment.id === segmentId)) return;
  state.cause = reason;
  state.outbox.push({ kind: "report", level: "error", text: reason });
}

function applyTimer(state: DataWorkerState, id: string): void {
  if (id === "collect") startCollecting(state);
  const afterMs = id === "collect" ? collectEveryMs : tickMs;
  state.outbox.push({ kind: "timer", id, afterMs });
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
      if (outcome.result.ok) return applyManifest(state, outcome.result.bytes);
      return fail(state, `the manifest is ${outcome.result.reason}`, 5_000);
    case "ObjectWritten":
      return applyWritten(state, purpose, outcome.result, now);
    case "ObjectsListed":
      if (outcome.result.ok) applyListed(state, outcome.result.keys, now);
      return;
    case "ObjectDeleted":
      if (purpose.for === "collect-delete" && outcome.result.ok) applyDeleted(state, purpose.key);
      return;
    case "AppendFailed":
      return applySealFailed(state, `${outcome.reason}: ${outcome.detail}`, now);
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
    if (result.ok) return applyTakenOver(state, result.revision);
    return fail(state, "another worker took the channel over first", 1_000);
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

function decide(state: DataWorkerState, now: Now): readonly Effect[] {
  if (state.phase === "replaying" || state.phase === "owning") {
    decideSeal(state, now);
    decideFlush(state, now);
    decideCompaction(state, now);
    decideIndexes(state, now);
    decideCommit(state, now);
    decideFlushReplies(state, now);
  }
  if (state.phase === "owning") decideCredits(state);
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
  accepts: [...walMessages, FlushChannel, ...announcements, CollectionChanged],
  emits: [SegmentSealed, ManifestCommitted, BuildIndex, CompactSegments, FlushReply],
  initial: initialState,
  apply,
  decide,
  status: (state) => ({
    phase: state.phase,
    cause: state.cause,
    figures: {
      epoch: state.root?.epoch ?? 0,
      manifest: state.manifest?.number ?? 0,
      position: state.fold?.position.sequence ?? 0,
      behind: Math.max(0, state.replayThrough - (state.fold?.position.sequence ?? 0)),
      checkpoint: state.manifest?.checkpoint.sequence ?? 0,
      growingRows: state.open.rows,
      growingBytes: state.open.bytes,
      sealedRanges: state.sealed.length,
      segments: state.manifest?.segments.length ?? 0,
      storedRows: (state.manifest?.segments ?? []).reduce((sum, { rowCount }) => sum + rowCount, 0),
      unindexed: (state.manifest?.segments ?? []).filter(
        (segment) => state.record !== null && missingIndexes(state, segment).length > 0,
      ).length,
    },
  }),
});
