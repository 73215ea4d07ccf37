// What a query worker knows: the rows of its channel, the reads that wait, and what is in hand.
import { type Barrier, createBarrier, type Moment, never } from "../../log/barrier.js";
import { type ChannelFold, logStart } from "../../log/channel-fold.js";
import { createRowTable, type LoadedRows, type RowTable } from "../../log/row-table.js";
import { createTimeline, type Timeline } from "../../log/timeline.js";
import type { Timestamp } from "../../log/timestamp.js";
import type { QueryMessage } from "../../messages/query.js";
import type { CollectionRecord } from "../../messages/records.js";
import type { CollectionSchema } from "../../rows/schema.js";
import type { Manifest, ManifestSegment } from "../../storage/manifest.js";
import type { Tombstone } from "../../storage/tombstones-file.js";
import type { DeliveryId, Effect, LogPosition } from "../../system/actor.js";
import type { ComputeJob } from "../../system/compute.js";
import type { Ahead } from "./ahead.js";

export interface QueryWorkerSettings {
  readonly host: string;
  readonly channel: string;
  readonly shard: number;
  readonly collectionId: string;
  readonly collectionKey: string;
  /** How many reads the worker holds at once: what a frozen host strands at most. */
  readonly readsMax: number;
  /** Whether there is a cache of search results to ask. */
  readonly caches: boolean;
}

export type Phase = "starting" | "loading" | "following" | "serving" | "damaged" | "stopping";

/** A read that was delivered and not answered yet. */
export interface Read {
  readonly delivery: DeliveryId;
  readonly message: QueryMessage;
  readonly arrived: Moment;
  running: boolean;
  /** The position whose rows it is shown, once it runs, and what the log knew of the time then. */
  at: number;
  readTimestamp: Timestamp;
  /** Under which the shared cache may have the answer, or get it. */
  cacheKey: string | null;
  wasLookedUp: boolean;
  ahead: Ahead | null;
  /** Once is enough: what failed ahead is tried again behind the barrier. */
  ranAhead: boolean;
}

/** Segments and tombstones on their way from the object store, until all are here. */
export interface Loading {
  readonly manifest: Manifest;
  readonly rows: Map<string, LoadedSegment>;
  readonly tombstones: Tombstone[];
  waiting: number;
}

export interface LoadedSegment extends LoadedRows {
  readonly number: number;
  readonly commits: BigUint64Array;
}

/** A newer manifest on its way in: the segments that still have to be fetched for it. */
export interface Adoption {
  readonly manifest: Manifest;
  readonly loaded: Map<string, LoadedSegment>;
  waiting: number;
}

/** What an effect was for, by its id. */
export type Purpose =
  /** `adopting`: the number of the manifest it is for; null while the first one is loaded. */
  | { for: "record" }
  | { for: "root" }
  | { for: "manifest" }
  | { for: "segment"; segment: ManifestSegment; number: number; adopting: number | null }
  | { for: "tombstones" }
  | { for: "index"; segmentId: string; number: number; field: string; key: string }
  | { for: "holder" }
  | { for: "barrier"; id: string; position: number }
  | { for: "cached"; delivery: DeliveryId }
  | { for: "ahead"; delivery: DeliveryId }
  | { for: "read"; delivery: DeliveryId };

export interface QueryWorkerState {
  readonly settings: QueryWorkerSettings;
  incarnation: string;
  /** Counts the messages applied, to order what the clock cannot. */
  turn: number;
  phase: Phase;
  cause: string | null;
  /** What merely delays it, and may pass. */
  readonly troubles: Map<"log" | "manifest", string>;
  record: CollectionRecord | null;
  /** The root's manifest number that was adopted last. */
  adoptedNumber: number;
  manifest: Manifest | null;
  loading: Loading | null;
  adoption: Adoption | null;
  fold: ChannelFold | null;
  /** The last entry that changed rows, or the checkpoint from which this worker began. */
  changedAt: LogPosition;
  /** Entries up to here were in the log before this worker followed it. */
  replayThrough: number;
  readonly table: RowTable;
  readonly timeline: Timeline;
  readonly barrier: Barrier;
  barrierBlockedUntilMs: number;
  /** Where the log took the barrier in flight, once it has said so. */
  barrierSequence: number | null;
  /** When the last tick was sent that was read back. */
  ticked: Moment;
  /** Nobody tells how far the log reaches: this connection is to a cluster. */
  isHeadRefused: boolean;
  /** When the log was read last, monotonic ms. */
  lastReadAtMs: number;
  /** By segment, what was announced of its dead rows last and when, monotonic ms. */
  deadRowsTold: Map<string, { readonly deadRows: number; readonly atMs: number }>;
  /** Index files that searches can use: `<range number>/<field>`. */
  readonly attached: Set<string>;
  indexesWaiting: number;
  /** All indexes of the first manifest were there: reads are taken from then on. */
  isWhole: boolean;
  /** Stopping, and the search threads were told so. */
  holdersDropped: boolean;
  readonly reads: Map<DeliveryId, Read>;
  /** A timer runs, after which reads are looked through. */
  isSweeping: boolean;
  creditsOut: number;
  readonly pending: Map<string, Purpose>;
  nextId: number;
  /** Effects that were called for and not handed to the host yet. */
  outbox: Effect[];
}

export function initialState(settings: QueryWorkerSettings): QueryWorkerState {
  return {
    settings,
    incarnation: "",
    turn: 0,
    phase: "starting",
    cause: null,
    troubles: new Map(),
    record: null,
    adoptedNumber: 0,
    manifest: null,
    loading: null,
    adoption: null,
    fold: null,
    changedAt: logStart,
    replayThrough: 0,
    table: createRowTable(),
    timeline: createTimeline(),
    barrier: createBarrier(),
    barrierBlockedUntilMs: 0,
    barrierSequence: null,
    ticked: never,
    isHeadRefused: false,
    lastReadAtMs: 0,
    deadRowsTold: new Map(),
    attached: new Set(),
    indexesWaiting: 0,
    isWhole: false,
    holdersDropped: false,
    reads: new Map(),
    isSweeping: false,
    creditsOut: 0,
    pending: new Map(),
    nextId: 1,
    outbox: [],
  };
}

/** A fresh effect id under which the outcome will be recognised. */
export function expect(state: QueryWorkerState, purpose: Purpose): string {
  const id = String(state.nextId++);
  state.pending.set(id, purpose);
  return id;
}

export function compute(state: QueryWorkerState, job: ComputeJob, purpose: Purpose): void {
  state.outbox.push({ kind: "compute", id: expect(state, purpose), job });
}

export function attachmentName(rangeNumber: number, field: string): string {
  return `${rangeNumber}/${field}`;
}

export function schemaOf(state: QueryWorkerState): CollectionSchema {
  if (state.record === null) throw new Error("the schema is asked for before it was read");
  const { fields, dynamicFields } = state.record;
  return { fields, dynamicFields };
}
