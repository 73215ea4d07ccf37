// The port to where segments, indexes, tombstones and manifests lie: immutable objects by key.
import assert from "node:assert/strict";

/**
 * An object never changes and its key is never used twice, so every call may be repeated.
 * Rejects with `UnavailableError` when the store does not answer.
 */
export interface ObjectStore {
  /**
   * Resolves once the object is durable and can be read. Nothing happens if the same bytes are
   * there already; other bytes under the key are a broken invariant, and an error.
   */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** The bytes belong to the caller: nobody else has them. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** A missing object counts as deleted. */
  delete(key: string): Promise<void>;
  /** The keys that begin with this text, in ascending order of their characters' codes. */
  list(prefix: string): Promise<readonly string[]>;
}

const keyPattern = /^[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;
const prefixPattern = /^([A-Za-z0-9_-][A-Za-z0-9._-]*\/)*([A-Za-z0-9_-][A-Za-z0-9._-]*)?$/;
const keyLengthMax = 1024;

/**
 * Parts between slashes are not empty and do not begin with a dot, so no key can climb out of a
 * folder or meet a store's own files. No key may be another one's folder (`a` beside `a/b`).
 */
export function assertObjectKey(key: string): void {
  assert(isObjectKey(key), `'${key}' is no object key`);
}

export function isObjectKey(text: string): boolean {
  return text.length <= keyLengthMax && keyPattern.test(text);
}

/** The beginning of a key, or nothing. */
export function assertObjectPrefix(prefix: string): void {
  assert(
    prefix.length <= keyLengthMax && prefixPattern.test(prefix),
    `'${prefix}' is no prefix of object keys`,
  );
}

/** What a store says when a key is used for a second object. */
export function objectDiffers(key: string): Error {
  return new Error(`the object '${key}' exists with other bytes`);
}
