// A data worker driven by hand: the stores, the log and the search threads answer as they are told.

import type { DataWorkerState } from "../../src/actors/data-worker/state.js";
import { dataWorker } from "../../src/actors/data-worker.js";
import type { WalMessage } from "../../src/messages/wal.js";
import { decodeManifest, encodeManifest, type Manifest } from "../../src/storage/manifest.js";
import type { Effect } from "../../src/system/actor.js";
import { Driven, every, one } from "./driven.js";
import { channel, entryOf, job, rootOf } from "./query-world.js";
import { collectionId, recordEntry, recordKey, recordWith } from "./small-collection.js";

export const duplicateWindowMs = 10_000;

export class DataWorld extends Driven<DataWorkerState> {
  sequence = 0;
  #revision = 10;

  constructor(unflushedBytesMax = 2 ** 30, quietMs = 1e9) {
    const place = { host: "h1", channel, shard: 0, collectionId, collectionKey: recordKey };
    const bounds = { duplicateWindowMs, objectGraceMs: 3_600_000, unflushedBytesMax, quietMs };
    super(dataWorker, { ...place, ...bounds });
  }

  /** Up to the compare-and-set that takes the channel over. */
  begin(manifest: Manifest | null, record = recordWith()): Effect[] {
    const started = this.tell({ kind: "Started", incarnation: "d1" });
    const read = { kind: "MetadataRead", id: one(started, "readMetadata").id } as const;
    const known = this.tell({ ...read, result: { ok: true, entry: recordEntry(record) } });
    const { id } = one(known, "readMetadata");
    return this.tell({ kind: "MetadataRead", id, result: { ok: true, entry: rootOf(manifest) } });
  }

  written(effects: readonly Effect[]): Effect[] {
    const { id } = one(effects, "writeMetadata");
    this.#revision += 1;
    const result = { ok: true, revision: this.#revision } as const;
    return this.tell({ kind: "MetadataWritten", id, result });
  }

  /** The owner of the channel, with the whole log read. */
  own(manifest: Manifest | null, record = recordWith()): Effect[] {
    let effects = this.written(this.begin(manifest, record));
    if (manifest !== null) {
      const { id } = one(effects, "readObject");
      const bytes = encodeManifest(manifest);
      effects = this.tell({ kind: "ObjectRead", id, result: { ok: true, bytes } });
    }
    this.sequence = one(effects, "follow").after?.sequence ?? 0;
    return [
      ...effects,
      ...this.tell({ kind: "FollowStarted", channel, lastSequence: this.sequence }),
    ];
  }

  log(message: WalMessage, request = "r"): Effect[] {
    this.sequence += 1;
    const entry = entryOf(this.sequence, message, request);
    return this.tell({ kind: "LogEntryRead", entry });
  }

  /** The seal that the worker appended comes back from the log. */
  sealRead(append: Extract<Effect, { kind: "append" }>): Effect[] {
    return this.log(append.message as WalMessage, append.request);
  }

  encoded(effects: readonly Effect[], rowCount: number): Effect[] {
    const { id } = job(effects, "encodeSegment");
    const bytes = Uint8Array.of(1, 2, 3);
    const facts = { bytes, sha256: "d".repeat(64), rowCount, keyDigest: "0".repeat(16) };
    return this.tell({
      kind: "Computed",
      id,
      result: { ok: true, value: { kind: "encoded", ...facts } },
    });
  }

  /** All objects that are on their way are stored. */
  stored(effects: readonly Effect[]): Effect[] {
    return every(effects, "writeObject").flatMap(({ id }) =>
      this.tell({ kind: "ObjectWritten", id, result: { ok: true } }),
    );
  }

  /** From a manifest's object on its way to its having been committed. */
  committed(effects: readonly Effect[]): Effect[] {
    return this.written(this.stored(effects));
  }

  /** From the seal that was read to the commit. */
  flushed(effects: readonly Effect[], rowCount: number): Effect[] {
    return this.committed(this.stored(this.encoded(effects, rowCount)));
  }

  /** Without word of the channel's size, which has times of its own. */
  tick(ms = 500): Effect[] {
    return this.pass(ms, "tick").filter((effect) => !isMeasure(effect));
  }

  measures(ms: number): Effect[] {
    return this.pass(ms, "tick").filter(isMeasure);
  }
}

const isMeasure = (effect: Effect) =>
  effect.kind === "publish" && effect.message.kind === "ChannelMeasured";

export function manifestIn(effects: readonly Effect[]): Manifest {
  const objects = every(effects, "writeObject").filter(({ key }) => key.endsWith(".json"));
  const decoded = decodeManifest(objects[0]?.bytes ?? new Uint8Array());
  if (!decoded.ok || objects.length > 1) throw new Error("one manifest was expected");
  return decoded.manifest;
}
