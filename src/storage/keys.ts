// Where objects lie: keys of generated ids, epochs and hashes only, never of names.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";

export interface ChannelPlace {
  readonly collectionId: string;
  readonly channel: string;
}

/** The owner's epoch and the hash make sure that no two writers ever mean one key. */
export interface ObjectPlace extends ChannelPlace {
  readonly epoch: number;
  /** Of the object's bytes, in hexadecimal. */
  readonly sha256: string;
}

export function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** All objects of a channel lie under this, and nothing else does. */
export function channelPrefix({ collectionId, channel }: ChannelPlace): string {
  return `${token(collectionId)}/${token(channel)}/`;
}

export function segmentObjectKey(place: ObjectPlace & { readonly segmentId: string }): string {
  return `${channelPrefix(place)}segments/${token(place.segmentId)}-${writerOf(place)}.arrow`;
}

export function tombstonesObjectKey(
  place: ObjectPlace & { readonly from: number; readonly through: number },
): string {
  const range = `${count(place.from)}-${count(place.through)}`;
  return `${channelPrefix(place)}tombstones/${range}-${writerOf(place)}.arrow`;
}

export function manifestObjectKey(place: ObjectPlace & { readonly number: number }): string {
  return `${channelPrefix(place)}manifests/${count(place.number)}-${writerOf(place)}.json`;
}

/**
 * An index is built by whoever takes the task, so the delivery's own id stands where the others
 * have an epoch. The hash tells the fields of a segment apart.
 */
export function indexObjectKey(
  place: Omit<ObjectPlace, "epoch"> & { readonly segmentId: string; readonly attempt: string },
): string {
  const writer = `${token(place.attempt)}-${shortHash(place.sha256)}`;
  return `${channelPrefix(place)}indexes/${token(place.segmentId)}-${writer}.hnsw`;
}

function writerOf({ epoch, sha256 }: ObjectPlace): string {
  return `${count(epoch)}-${shortHash(sha256)}`;
}

function shortHash(sha256: string): string {
  assert(/^[0-9a-f]{64}$/.test(sha256), `'${sha256}' is no SHA-256`);
  return sha256.slice(0, 16);
}

function token(id: string): string {
  assert(/^[A-Za-z0-9_-]{1,128}$/.test(id), `'${id}' is no generated id`);
  return id;
}

function count(value: number): string {
  assert(Number.isSafeInteger(value) && value >= 0, `${value} is no count`);
  return String(value);
}
