// A query worker driven by hand: its collection, its log, its manifests, its reads.

import type { QueryWorkerState } from "../../src/actors/query-worker/state.js";
import { queryWorker } from "../../src/actors/query-worker.js";
import { definitionOf } from "../../src/messages/catalogue.js";
import { QueryChannel, type ReadView, SearchChannel } from "../../src/messages/query.js";
import type { ReplyMessage } from "../../src/messages/reply.js";
import {
  RowsDeleted,
  RowsInserted,
  SegmentSealed,
  type WalMessage,
} from "../../src/messages/wal.js";
import { addToDigest, digestText, emptyDigest } from "../../src/storage/key-digest.js";
import {
  encodeManifest,
  encodeRoot,
  type Manifest,
  type ManifestSegment,
  rootKey,
} from "../../src/storage/manifest.js";
import type { Effect, LogEntry, Outcome } from "../../src/system/actor.js";
import type { ComputeJob, ComputeResult } from "../../src/system/compute.js";
import { Driven, every, one, published } from "./driven.js";
import { collectionId, recordEntry, recordKey, recordWith, rowsOf } from "./small-collection.js";

export const channel = "c1-0";
export const appendedAtMs = 1_700_000_000_000;

/** An entry as the broker keeps it; appended a millisecond after the one before it. */
export function entryOf(sequence: number, message: WalMessage, request = "r"): LogEntry {
  const definition = definitionOf(message.kind);
  if (definition === undefined) throw new Error(message.kind);
  return {
    ...{ channel, sequence, appendedAtUs: (appendedAtMs + sequence) * 1_000 },
    ...{ kind: message.kind, version: 1, stamp: 0n, request, body: definition.encode(message) },
  };
}

export const inserted = (...keys: number[]) =>
  RowsInserted.create({ channel, rows: rowsOf(keys), count: keys.length });
export const deleted = (...keys: number[]) =>
  RowsDeleted.create({ channel, keys, evaluatedAt: null });
export const sealed = (through: number | null = null) => SegmentSealed.create({ channel, through });
export const ticked = { kind: "Ticked", channel } as const;

export const commitAt = (sequence: number) => BigInt(appendedAtMs + sequence) << 18n;

export type Birth = readonly [key: number, sequence: number];

export function segmentOf(
  id: string,
  [from, through]: readonly [number, number],
  births: readonly Birth[],
  rest: Partial<ManifestSegment> = {},
): ManifestSegment {
  let digest = emptyDigest;
  for (const [key, sequence] of births) digest = addToDigest(digest, BigInt(key), sequence, 0);
  const object = { key: `objects/${id}`, sha256: "a".repeat(64), bytes: 100 };
  const facts = { rowCount: births.length, keyDigest: digestText(digest), object };
  return { id, from, through, ...facts, appliedThrough: 0, indexes: [], ...rest };
}

export function manifestOf(
  number: number,
  checkpoint: number,
  segments: readonly ManifestSegment[],
  rest: Partial<Manifest> = {},
): Manifest {
  const at = { sequence: checkpoint, commit: commitAt(checkpoint) };
  return {
    ...{ version: 1, collectionId, channel, epoch: 1, number },
    checkpoint: { ...at, appendedAtUs: (appendedAtMs + checkpoint) * 1_000 },
    readableFrom: { sequence: 0, commit: 0n },
    ...{ segments, tombstones: [], ...rest },
  };
}

export function rootOf(manifest: Manifest | null) {
  const named = manifest === null ? null : { key: `m/${manifest.number}`, sha256: "b".repeat(64) };
  const number = manifest?.number ?? 0;
  const root = { version: 1, collectionId, channel, epoch: 1, owner: "d1" } as const;
  const value = encodeRoot({ ...root, manifest: named, number });
  return { key: rootKey(channel), value, revision: 3 };
}

export const anyAge = {
  ...{ maxAgeMs: null, sessionSequence: null },
  ...{ asOfTimestamp: null, asOfSequence: null },
};

export class QueryWorld extends Driven<QueryWorkerState> {
  #sequence = 0;
  #deliveries = 0;

  constructor(settings = {}) {
    const place = { host: "h1", channel, shard: 0, collectionId, collectionKey: recordKey };
    super(queryWorker, { ...place, readsMax: 4, caches: false, ...settings });
  }

  /** Started and told of its collection; the effects are those of reading the root. */
  begin(record = recordWith()): Effect[] {
    const effects = this.tell({ kind: "Started", incarnation: "q1" });
    this.settle(effects);
    const { id } = one(effects, "readMetadata");
    return this.tell({
      kind: "MetadataRead",
      id,
      result: { ok: true, entry: recordEntry(record) },
    });
  }

  /** Serving a channel without a manifest, from the beginning of its log. */
  serveFromNothing(record = recordWith()): Effect[] {
    const effects = this.rootRead(this.begin(record), null);
    one(effects, "follow");
    return this.tell({ kind: "FollowStarted", channel, lastSequence: 0 });
  }

  rootRead(effects: readonly Effect[], manifest: Manifest | null): Effect[] {
    const { id } = one(effects, "readMetadata");
    return this.tell({ kind: "MetadataRead", id, result: { ok: true, entry: rootOf(manifest) } });
  }

  /** Word of a newer manifest, up to its having been read. */
  announce(manifest: Manifest): Effect[] {
    const { number, epoch } = manifest;
    const message = { kind: "ManifestCommitted", channel, epoch, number } as const;
    const effects = this.rootRead(this.tell({ kind: "Announced", message }), manifest);
    return this.manifestRead(effects, manifest);
  }

  manifestRead(effects: readonly Effect[], manifest: Manifest): Effect[] {
    const { id } = one(effects, "readObject");
    const bytes = encodeManifest(manifest);
    return this.tell({ kind: "ObjectRead", id, result: { ok: true, bytes } });
  }

  startAt(sequence: number): void {
    this.#sequence = sequence;
  }

  log(message: WalMessage, request = "r"): Effect[] {
    this.#sequence += 1;
    const entry = entryOf(this.#sequence, message, request);
    return this.settle(this.tell({ kind: "LogEntryRead", entry }));
  }

  /** The search threads have done what changes their ranges, which nobody waits for. */
  settle(effects: readonly Effect[]): Effect[] {
    const quick = [
      "openRange",
      "appendRows",
      "splitRange",
      "bindLives",
      "dropRange",
      "dropChannel",
    ];
    const jobs = every(effects, "compute").filter(({ job }) => quick.includes(job.kind));
    return [...effects, ...jobs.flatMap(({ id }) => this.computed(id, { kind: "done" }))];
  }

  computed(id: string, value: ComputeResult): Effect[] {
    return this.tell({ kind: "Computed", id, result: { ok: true, value } });
  }

  segmentLoaded(id: string, births: readonly Birth[]): Effect[] {
    return this.settle(
      this.computed(id, {
        kind: "segmentLoaded",
        keys: births.map(([key]) => BigInt(key)),
        sequences: Float64Array.from(births.map(([, sequence]) => sequence)),
        rowNumbers: new Uint32Array(births.length),
        commits: BigUint64Array.from(births.map(([, sequence]) => commitAt(sequence))),
        bytes: 100,
      }),
    );
  }

  read(
    view: Partial<ReadView> = {},
    { deliveries = 1, deadlineMs = 30_000, mode = "count" as "count" | "rows" } = {},
  ): Effect[] {
    this.#deliveries += 1;
    const message = QueryChannel.create({
      ...{ channel, proxy: "p1", request: String(this.#deliveries), attempt: 0, collectionId },
      ...{ filter: null, outputFields: [], ids: null, limit: 0, mode },
      deadlineMs: this.wallMs + deadlineMs,
      view: { ...anyAge, ...view },
    });
    const delivery = `d${this.#deliveries}`;
    return this.tell({ kind: "Delivered", delivery, deliveries, message });
  }

  /** A search of the name `d<number>` and the request of that number, like those of `read`. */
  search(asked: Partial<Parameters<typeof SearchChannel.create>[0]> = {}): Effect[] {
    this.#deliveries += 1;
    const message = SearchChannel.create({
      ...{ channel, proxy: "p1", request: String(this.#deliveries), attempt: 0, collectionId },
      ...{ deadlineMs: this.wallMs + 30_000, filter: null, outputFields: [], view: anyAge },
      ...{ field: "vector", vectors: new Uint8Array(8), count: 1, limit: 3, ef: 16, exact: false },
      ...asked,
    });
    const delivery = `d${this.#deliveries}`;
    return this.tell({ kind: "Delivered", delivery, deliveries: 1, message });
  }

  /** The barrier that was just sent comes back from the log. */
  passBarrier(append: Extract<Effect, { kind: "append" }>): Effect[] {
    return this.log(ticked, append.request);
  }
}

export type JobOf<Kind extends ComputeJob["kind"]> = Extract<ComputeJob, { kind: Kind }>;

export function jobs<Kind extends ComputeJob["kind"]>(effects: readonly Effect[], kind: Kind) {
  return every(effects, "compute").flatMap(({ id, job }) =>
    job.kind === kind ? [{ id, job: job as JobOf<Kind> }] : [],
  );
}

export function job<Kind extends ComputeJob["kind"]>(effects: readonly Effect[], kind: Kind) {
  const [found, ...others] = jobs(effects, kind);
  if (found === undefined || others.length > 0) throw new Error(`one job '${kind}' was expected`);
  return found;
}

export function replies(effects: readonly Effect[]): ReplyMessage[] {
  return published(effects).filter((message): message is ReplyMessage =>
    message.kind.endsWith("Reply"),
  );
}

export const counted = (count: number): ComputeResult => ({ kind: "scanned", count, rows: null });
export const away = { ok: false, reason: "unavailable", detail: "away" } as const;
export type { Outcome };
