// Strings as one block of UTF-8 and its offsets: how text lies in the log and in segments.
import assert from "node:assert/strict";
import { isAscii, isUtf8 } from "node:buffer";
import { expectThat } from "./malformed.js";

/** String `i` lies in `bytes` from `offsets[i]` to `offsets[i + 1]`. */
export interface Utf8Strings {
  readonly offsets: Int32Array;
  readonly bytes: Uint8Array;
}

const bytesMax = 2 ** 31 - 1;
/** Strings are joined, so that one call encodes many, up to these bounds. */
const joinedStringsMax = 1024;
const joinedLengthMax = 1024 * 1024;

/** Throws on a lone surrogate, which UTF-8 cannot hold: two such keys would become one. */
export function encodeStrings(values: readonly string[]): Utf8Strings {
  const offsets = new Int32Array(values.length + 1);
  const blocks: Buffer[] = [];
  let total = 0;
  for (let start = 0; start < values.length; ) {
    const some = joinable(values, start);
    const block = encodeBlock(some, offsets, start);
    total += block.length;
    assert(total <= bytesMax, "a column holds more than 2 GiB of text");
    blocks.push(block);
    start += some.length;
  }
  return { offsets, bytes: blocks.length === 1 ? (blocks[0] as Buffer) : Buffer.concat(blocks) };
}

function joinable(values: readonly string[], start: number): readonly string[] {
  let end = start;
  let length = 0;
  while (end < values.length && end - start < joinedStringsMax && length < joinedLengthMax) {
    length += (values[end] as string).length;
    end += 1;
  }
  return values.slice(start, end);
}

/** Writes the offsets behind `offsets[start]`. */
function encodeBlock(values: readonly string[], offsets: Int32Array, start: number): Buffer {
  const joined = values.join("");
  const block = Buffer.from(joined, "utf8");
  const ascii = block.length === joined.length;
  let end = offsets[start] as number;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] as string;
    end += ascii ? value.length : Buffer.byteLength(value, "utf8");
    offsets[start + index + 1] = end;
  }
  const wellFormed = ascii || block.toString("utf8") === joined;
  // Two halves of a surrogate pair in neighbouring strings are well formed only when joined.
  const apart = end - (offsets[start] as number) === block.length;
  assert(wellFormed && apart, "a string has a lone surrogate and is no text");
  return block;
}

/** Throws what `reasonOf` explains, for any offsets and bytes. */
export function decodeStrings({ offsets, bytes }: Utf8Strings, count: number): string[] {
  expectThat(offsets.length === count + 1, "the number of offsets does not fit");
  expectThat(offsets[0] === 0, "the first offset is not 0");
  expectThat(offsets[count] === bytes.length, "the last offset is not the text's end");
  expectThat(isUtf8(bytes), "the text is not UTF-8");
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const encoding = isAscii(text) ? "latin1" : "utf8";
  const strings = new Array<string>(count);
  for (let index = 0; index < count; index++) {
    const start = offsets[index] as number;
    const end = offsets[index + 1] as number;
    expectThat(start <= end && end <= text.length, "the offsets do not ascend");
    expectThat(!isContinuation(text[start]), "an offset splits a character");
    strings[index] = text.toString(encoding, start, end);
  }
  return strings;
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0b1100_0000) === 0b1000_0000;
}
