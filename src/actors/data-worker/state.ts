// What a data worker knows: the open range, sealed ranges to flush, changes to commit.
import type { ChannelFold } from "../../log/channel-fold.js";
import {
  type Checkpoint,
  emptyRange,
  type OpenRange,
  type SealedRange,
} from "../../log/open-range.js";
import type { FlushChannel } from "../../messages/command.js";
import type { ObjectReference } from "../../messages/control.js";
import type { MessageOf } from "../../messages/define.js";
import type { CollectionRecord } from "../../messages/records.js";
import type { CollectionSchema } from "../../rows/schema.js";
import type { Manifest, ManifestIndex, ManifestSegment, Root } from "../../storage/manifest.js";
import type { DeliveryId, Effect } from "../../system/actor.js";
import type { ComputeJob } from "../../system/compute.js";

export interface DataWorkerSettings {
  readonly host: string;
  readonly channel: string;
  readonly shard: number;
  readonly collectionId: string;
  readonly collectionKey: string;
  /** The log keeps this much behind its head, so that no retry can be taken for a new request. */
  readonly duplicateWindowMs: number;
  /** An object that nobody names is deleted after this time. */
  readonly objectGraceMs: number;
  /** Rows that wait for the object store take no more memory than this; the log keeps the rest. */
  readonly unflushedBytesMax: number;
  /** A channel whose rows have not changed for so long has its last segments merged as well. */
  readonly quietMs: number;
}

export type Phase = "starting" | "taking-over" | "replaying" | "owning" | "damaged" | "stopping";

/** What is ready to go into the next manifest. */
export type Change =
  | {
      kind: "flushed";
      range: SealedRange;
      segment: ManifestSegment | null;
      tombstones: ObjectReference | null;
    }
  | { kind: "indexed"; segmentId: string; index: ManifestIndex }
  | { kind: "indexDamaged"; segmentId: string; key: string }
  | { kind: "compacted"; inputs: readonly string[]; segment: ManifestSegment | null };

/** The range that is on its way into the object store. */
export interface Flush {
  readonly range: SealedRange;
  /** Outcomes of an earlier attempt do not count. */
  readonly attempt: number;
  waiting: number;
  segment: ManifestSegment | null;
  tombstones: ObjectReference | null;
  retryAtMs: number | null;
}

/** The manifest that is on its way: its object first, then the root that names it. */
export interface Commit {
  readonly manifest: Manifest;
  readonly bytes: Uint8Array;
  readonly object: { readonly key: string; readonly sha256: string };
  readonly changes: readonly Change[];
  stage: "object" | "root" | "unknown";
  retryAtMs: number | null;
}

/** Segments that are being merged: first into an object, then that gets its indexes. */
export interface Compaction {
  readonly inputs: readonly string[];
  readonly giveUpAtMs: number;
  segment: ManifestSegment | null;
}

export interface Seal {
  readonly request: string;
  readonly sentAtMs: number;
  /** Where the log took it, once it has said so. */
  sequence: number | null;
}

export interface FlushRequest {
  readonly delivery: DeliveryId;
  readonly message: MessageOf<typeof FlushChannel>;
  /** The boundary that must be in the object store; null until the own seal was read back. */
  through: number | null;
  sealRequest: string | null;
}

export type Purpose =
  | { for: "record" }
  | { for: "root" }
  | { for: "take-over" }
  | { for: "manifest" }
  | { for: "seal"; request: string }
  | { for: "encode"; attempt: number }
  | { for: "segment-object"; attempt: number }
  | { for: "tombstones-object"; attempt: number }
  | { for: "manifest-object" }
  | { for: "commit" }
  | { for: "verify-commit" }
  | { for: "collect-list" }
  | { for: "collect-root" }
  | { for: "collect-delete"; key: string };

export interface DataWorkerState {
  readonly settings: DataWorkerSettings;
  incarnation: string;
  phase: Phase;
  /** Why it has failed; what merely delays it stands under `troubles`. */
  cause: string | null;
  readonly troubles: Map<"log" | "objects" | "manifest", string>;
  /** Segments of the manifest that somebody could not read, and why. */
  readonly damaged: Map<string, string>;
  record: CollectionRecord | null;
  root: Root | null;
  rootRevision: number;
  manifest: Manifest | null;
  fold: ChannelFold | null;
  replayThrough: number;
  /** From when on it is known which indexes are missing, monotonic ms. */
  settledAtMs: number;
  open: OpenRange;
  readonly sealed: SealedRange[];
  /** Of all closed ranges, until the manifest with their rows is committed. */
  closedBytes: number;
  /** Whether the log is read no further until there is room. */
  isHeld: boolean;
  /** What was last announced of the channel's size and position. */
  told: { position: number; bytes: number; held: boolean; atMs: number };
  /** The seal that was appended and not read back yet. */
  seal: Seal | null;
  sealBlockedUntilMs: number;
  /** When the log was read last, monotonic ms. */
  lastReadAtMs: number;
  /** When an entry was folded that changes rows, monotonic ms. */
  changedAtMs: number;
  /** When the timer fires after which clocks are looked at, monotonic ms. */
  lookAtMs: number;
  /** Whether this message is one after which segments are looked through. */
  isLookingAround: boolean;
  flush: Flush | null;
  /** In a row; they lengthen the pause. */
  flushFailures: number;
  changes: Change[];
  commit: Commit | null;
  compaction: Compaction | null;
  /** In a row. */
  compactionsGivenUp: number;
  /** When an index was asked for, monotonic ms, by `<segment>/<field>`. */
  readonly indexesAsked: Map<string, number>;
  readonly deadRows: Map<string, number>;
  /** Checkpoints of past manifests, oldest first: what purge and the readable past move along. */
  readonly pastCheckpoints: Checkpoint[];
  purgedThrough: number;
  readonly flushRequests: Map<DeliveryId, FlushRequest>;
  creditsOut: number;
  collection: { unnamedSince: Map<string, number>; candidates: readonly string[] };
  readonly pending: Map<string, Purpose>;
  nextId: number;
  outbox: Effect[];
}

export function initialState(settings: DataWorkerSettings): DataWorkerState {
  return {
    settings,
    incarnation: "",
    phase: "starting",
    cause: null,
    troubles: new Map(),
    damaged: new Map(),
    record: null,
    root: null,
    rootRevision: 0,
    manifest: null,
    fold: null,
    replayThrough: 0,
    settledAtMs: 0,
    open: emptyRange(0),
    sealed: [],
    closedBytes: 0,
    isHeld: false,
    told: { position: 0, bytes: 0, held: false, atMs: Number.NEGATIVE_INFINITY },
    seal: null,
    sealBlockedUntilMs: 0,
    lastReadAtMs: 0,
    changedAtMs: 0,
    lookAtMs: Number.POSITIVE_INFINITY,
    isLookingAround: false,
    flush: null,
    flushFailures: 0,
    changes: [],
    commit: null,
    compaction: null,
    compactionsGivenUp: 0,
    indexesAsked: new Map(),
    deadRows: new Map(),
    pastCheckpoints: [],
    purgedThrough: 0,
    flushRequests: new Map(),
    creditsOut: 0,
    collection: { unnamedSince: new Map(), candidates: [] },
    pending: new Map(),
    nextId: 1,
    outbox: [],
  };
}

export function expect(state: DataWorkerState, purpose: Purpose): string {
  const id = String(state.nextId++);
  state.pending.set(id, purpose);
  return id;
}

export function compute(state: DataWorkerState, job: ComputeJob, purpose: Purpose): void {
  state.outbox.push({ kind: "compute", id: expect(state, purpose), job });
}

export function schemaOf(state: DataWorkerState): CollectionSchema {
  if (state.record === null) throw new Error("the schema is asked for before it was read");
  return { fields: state.record.fields, dynamicFields: state.record.dynamicFields };
}

/** The epoch under which this worker owns the channel. */
export function epochOf(state: DataWorkerState): number {
  if (state.root === null) throw new Error("the epoch is asked for before the take-over");
  return state.root.epoch;
}

/** What an operator should know first: nothing hides the loss of rows. */
export function causeOf({ cause, damaged, troubles }: DataWorkerState): string | null {
  return cause ?? [...damaged.values(), ...troubles.values()][0] ?? null;
}

export function fail(state: DataWorkerState, cause: string, afterMs: number): void {
  state.phase = "damaged";
  state.cause = cause;
  state.outbox.push({
    kind: "report",
    level: "error",
    text: `${state.settings.channel}: ${cause}`,
  });
  state.outbox.push({ kind: "restart", reason: cause, afterMs });
}
