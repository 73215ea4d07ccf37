// A digest of which rows a range holds, whatever the order in which they were added.
import type { Key } from "../rows/schema.js";
import { digestKernel } from "../wasm/digest-kernel.js";
import { WasmMemory } from "../wasm/wasm-memory.js";
import { hash64 } from "./xxhash.js";

/**
 * The sum, modulo 2^64, of one 64-bit hash a row over its key, its sequence and its row number.
 * The digest of neighbouring ranges taken together is the sum of theirs.
 */
export type KeyDigest = bigint;

export const emptyDigest: KeyDigest = 0n;

/** What is hashed: key or 0 (8 bytes), sequence (8), row number (4), type of key (4), text. */
const headBytes = 24;
const integerTag = 1;
const textTag = 2;

interface Scratch {
  readonly bytes: Uint8Array;
  readonly key: BigInt64Array;
  readonly sequence: Float64Array;
  readonly rowAndTag: Uint32Array;
}

const encoder = new TextEncoder();
const integerScratch = scratchOf(headBytes, integerTag);
let textScratch = scratchOf(headBytes + 1024, textTag);

export function addToDigest(digest: KeyDigest, key: Key, sequence: number, row: number): KeyDigest {
  return BigInt.asUintN(64, digest + rowHash(key, sequence, row));
}

/** `digest` of `wasm/kernel/digest.as.ts`; its sum comes with a sign. */
type DigestKernel = (keys: number, count: number, sequence: number, firstRow: number) => bigint;

const blockRows = 2_048;
const kernelMemory = new WasmMemory<{ readonly digest: DigestKernel }>(digestKernel, blockRows * 8);
const blockOfKeys = new BigInt64Array(kernelMemory.buffer, 0, blockRows);

/** As `addToDigest` for each, of the rows of one entry, whose numbers are their places. */
export function addIntegersToDigest(
  digest: KeyDigest,
  keys: BigInt64Array,
  sequence: number,
): KeyDigest {
  let sum = digest;
  for (let first = 0; first < keys.length; first += blockRows) {
    const block = keys.subarray(first, first + blockRows);
    blockOfKeys.set(block);
    sum += kernelMemory.kernel.digest(0, block.length, sequence, first);
  }
  return BigInt.asUintN(64, sum);
}

/** What is left of a range when the rows of `right` are taken out of it. */
export function differenceOf(left: KeyDigest, right: KeyDigest): KeyDigest {
  return BigInt.asUintN(64, left - right);
}

/** As manifests and messages hold it: 16 hexadecimal digits. */
export function digestText(digest: KeyDigest): string {
  return digest.toString(16).padStart(16, "0");
}

function rowHash(key: Key, sequence: number, row: number): bigint {
  if (typeof key === "string") return textHash(key, sequence, row);
  integerScratch.key[0] = key;
  integerScratch.sequence[0] = sequence;
  integerScratch.rowAndTag[0] = row;
  return hash64(integerScratch.bytes);
}

function textHash(key: string, sequence: number, row: number): bigint {
  const length = Buffer.byteLength(key, "utf8");
  if (headBytes + length > textScratch.bytes.length) {
    textScratch = scratchOf(headBytes + 2 * length, textTag);
  }
  textScratch.sequence[0] = sequence;
  textScratch.rowAndTag[0] = row;
  encoder.encodeInto(key, textScratch.bytes.subarray(headBytes));
  return hash64(textScratch.bytes.subarray(0, headBytes + length));
}

function scratchOf(length: number, tag: number): Scratch {
  const bytes = new Uint8Array(length);
  const rowAndTag = new Uint32Array(bytes.buffer, 16, 2);
  rowAndTag[1] = tag;
  const key = new BigInt64Array(bytes.buffer, 0, 1);
  return { bytes, key, sequence: new Float64Array(bytes.buffer, 8, 1), rowAndTag };
}
