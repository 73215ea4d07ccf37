// The port to small records with compare-and-set: roots, collections, assignments, leases.
import assert from "node:assert/strict";

export type WriteOutcome =
  | { readonly ok: true; readonly revision: number }
  | { readonly ok: false; readonly reason: "conflict" };

export interface StoredValue {
  readonly value: Uint8Array;
  readonly revision: number;
}

/**
 * One key is one fact: nothing ever needs two keys at once. A revision grows with each write.
 *
 * Every write may be repeated: values carry their writer's token, so a stored value with our bytes
 * is our write. A store that refuses a write, or cannot tell what became of it, reads the key back:
 * our bytes at a revision above the expected one count as written, anything else at such a revision
 * is a conflict, and a key still at the expected revision after an unknown outcome rejects with
 * `UnavailableError`. A conflict can thus mean: written, and overwritten since.
 */
export interface MetadataStore {
  get(key: string): Promise<StoredValue | undefined>;
  create(key: string, value: Uint8Array): Promise<WriteOutcome>;
  update(key: string, value: Uint8Array, revision: number): Promise<WriteOutcome>;
  /** `revision` is the deleted value's, in the outcome too. A missing key counts as deleted. */
  delete(key: string, revision: number): Promise<WriteOutcome>;
  /**
   * The records whose keys begin with this text, in ascending order of key. Nobody changes them:
   * where nothing has changed since, the next list may be the same one.
   */
  list(prefix: string): Promise<readonly MetadataRecord[]>;
}

export interface MetadataRecord extends StoredValue {
  readonly key: string;
}

export const conflict: WriteOutcome = { ok: false, reason: "conflict" };

/**
 * What reading back says of a write of `value` over `expected` (0 for a create); undefined when the
 * key stands where it stood before, so the write was not applied, or not yet.
 */
export function outcomeOfWrite(
  stored: StoredValue | undefined,
  value: Uint8Array,
  expected: number,
): WriteOutcome | undefined {
  if ((stored?.revision ?? 0) === expected) return undefined;
  if (stored === undefined || stored.revision < expected) return conflict;
  if (Buffer.compare(stored.value, value) !== 0) return conflict;
  return { ok: true, revision: stored.revision };
}

/** The same for a delete, whose mark is that the key is gone. */
export function outcomeOfDelete(
  stored: StoredValue | undefined,
  expected: number,
): WriteOutcome | undefined {
  if (stored === undefined) return { ok: true, revision: expected };
  return stored.revision === expected ? undefined : conflict;
}

const keyPattern = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
const prefixPattern = /^([A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]*$/;
const keyLengthMax = 1024;
/** Below what an etcd request or a NATS message may be by default. */
const valueBytesMax = 512 * 1024;

/** Dots separate the parts, as in `collections.default.docs`. */
export function assertMetadataKey(key: string): void {
  assert(key.length <= keyLengthMax && keyPattern.test(key), `'${key}' is no metadata key`);
}

export function assertMetadataPrefix(prefix: string): void {
  assert(
    prefix.length <= keyLengthMax && prefixPattern.test(prefix),
    `'${prefix}' is no prefix of metadata keys`,
  );
}

export function assertMetadataValue(key: string, value: Uint8Array): void {
  assert(value.length <= valueBytesMax, `the record '${key}' has ${value.length} bytes`);
}

export function assertRevision(revision: number): void {
  assert(Number.isSafeInteger(revision) && revision > 0, `${revision} is no revision`);
}
