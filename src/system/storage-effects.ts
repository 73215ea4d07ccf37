// Runs the effects on objects and metadata; whatever comes of them is an outcome.
import { readVerified } from "../segments/verified-object.js";
import { UnavailableError } from "../storage/errors.js";
import type { MetadataStore } from "../storage/metadata-store.js";
import type { ObjectStore } from "../storage/object-store.js";
import type { Effect, Outcome, Unavailable } from "./actor.js";

export interface StoragePorts {
  readonly objects: ObjectStore;
  readonly metadata: MetadataStore;
  /** What only one may do is not done when somebody else may have taken over. */
  readonly lease: { isHeld(): boolean };
}

export type StorageEffect = Extract<
  Effect,
  {
    kind:
      | "readObject"
      | "writeObject"
      | "deleteObject"
      | "listObjects"
      | "readMetadata"
      | "listMetadata"
      | "writeMetadata";
  }
>;

/** Rejects only on a broken invariant. */
export async function runStorageEffect(
  { objects, metadata, lease }: StoragePorts,
  effect: StorageEffect,
): Promise<Outcome> {
  const { id } = effect;
  switch (effect.kind) {
    case "readObject":
      return { kind: "ObjectRead", id, result: await readObject(objects, effect) };
    case "writeObject": {
      const write = async () => objects.put(effect.key, effect.bytes);
      return { kind: "ObjectWritten", id, result: await done(write) };
    }
    case "deleteObject": {
      if (!lease.isHeld()) return { kind: "ObjectDeleted", id, result: leaseIsOver };
      return { kind: "ObjectDeleted", id, result: await done(() => objects.delete(effect.key)) };
    }
    case "listObjects": {
      const list = async () => ({ keys: await objects.list(effect.prefix) });
      return { kind: "ObjectsListed", id, result: await attempt(list) };
    }
    case "readMetadata": {
      const read = async () => ({ entry: await readEntry(metadata, effect.key) });
      return { kind: "MetadataRead", id, result: await attempt(read) };
    }
    case "listMetadata": {
      const list = async () => ({ entries: await metadata.list(effect.prefix) });
      return { kind: "MetadataListed", id, result: await attempt(list) };
    }
    case "writeMetadata":
      return { kind: "MetadataWritten", id, result: await writeMetadata(metadata, effect) };
  }
}

export const leaseIsOver: Unavailable = {
  ok: false,
  reason: "unavailable",
  detail: "this host's lease is over",
};

async function readObject(
  objects: ObjectStore,
  { key, sha256 }: Extract<Effect, { kind: "readObject" }>,
) {
  const read = await readVerified(objects, { key, sha256, bytes: 0 });
  if (read.kind === "read") return { ok: true, bytes: read.bytes } as const;
  return { ok: false, reason: read.reason, detail: read.detail } as const;
}

async function readEntry(metadata: MetadataStore, key: string) {
  const stored = await metadata.get(key);
  return stored === undefined ? null : { key, ...stored };
}

async function writeMetadata(
  metadata: MetadataStore,
  { key, value, revision }: Extract<Effect, { kind: "writeMetadata" }>,
) {
  const result = await attempt(async () => {
    if (value === null) return { outcome: await metadata.delete(key, revision ?? 0) };
    if (revision === null) return { outcome: await metadata.create(key, value) };
    return { outcome: await metadata.update(key, value, revision) };
  });
  return result.ok ? result.outcome : result;
}

async function done(operation: () => Promise<void>): Promise<{ ok: true } | Unavailable> {
  return attempt(async () => {
    await operation();
    return {};
  });
}

async function attempt<Value extends object>(
  operation: () => Promise<Value>,
): Promise<({ ok: true } & Value) | Unavailable> {
  try {
    return { ok: true, ...(await operation()) };
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    return { ok: false, reason: "unavailable", detail: error.message };
  }
}
