// A digest of which rows a range holds, whatever the order in which they were added.
import type { Key } from "../rows/schema.js";
import { hash64 } from "./xxhash.js";

/**
 * The sum, modulo 2^64, of one 64-bit hash a row over its key, its sequence and its row number.
 * The digest of neighbouring ranges taken together is the sum of theirs.
 */
export type KeyDigest = bigint;

export const emptyDigest: KeyDigest = 0n;

// One row: type of key (1), sequence (8), row number (4), then the key.
const headBytes = 13;
const integerTag = 1;
const textTag = 2;
let scratch = Buffer.alloc(headBytes + 1024);

export function addToDigest(digest: KeyDigest, key: Key, sequence: number, row: number): KeyDigest {
  return sumOf(digest, rowHash(key, sequence, row));
}

/** Takes out what `addToDigest` put in. */
export function removeFromDigest(
  digest: KeyDigest,
  key: Key,
  sequence: number,
  row: number,
): KeyDigest {
  return sumOf(digest, -rowHash(key, sequence, row));
}

export function sumOf(left: KeyDigest, right: KeyDigest): KeyDigest {
  return BigInt.asUintN(64, left + right);
}

/** As manifests and messages hold it: 16 hexadecimal digits. */
export function digestText(digest: KeyDigest): string {
  return digest.toString(16).padStart(16, "0");
}

function rowHash(key: Key, sequence: number, row: number): bigint {
  const length = writeKey(key);
  scratch.writeDoubleLE(sequence, 1);
  scratch.writeUInt32LE(row, 9);
  return hash64(scratch.subarray(0, headBytes + length));
}

function writeKey(key: Key): number {
  if (typeof key === "bigint") {
    scratch[0] = integerTag;
    scratch.writeBigInt64LE(key, headBytes);
    return 8;
  }
  const length = Buffer.byteLength(key, "utf8");
  if (headBytes + length > scratch.length) scratch = Buffer.alloc(2 * (headBytes + length));
  scratch[0] = textTag;
  return scratch.write(key, headBytes, "utf8");
}
