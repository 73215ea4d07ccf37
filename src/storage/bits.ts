// One byte a row, as columns hold it, and one bit a row, as Arrow does (least significant first).
import { expectThat } from "../rows/malformed.js";

export function packBits(bytes: Uint8Array): Uint8Array {
  const bits = new Uint8Array((bytes.length + 7) >> 3);
  for (let row = 0; row < bytes.length; row++) {
    if (bytes[row] !== 0) bits[row >> 3] = (bits[row >> 3] as number) | (1 << (row & 7));
  }
  return bits;
}

export function unpackBits(bits: Uint8Array, count: number): Uint8Array {
  expectThat(bits.length * 8 >= count, "a column's bits are cut off");
  const bytes = new Uint8Array(count);
  for (let row = 0; row < count; row++) {
    bytes[row] = ((bits[row >> 3] as number) >> (row & 7)) & 1;
  }
  return bytes;
}

export function countZeros(bytes: Uint8Array): number {
  let zeros = 0;
  for (let row = 0; row < bytes.length; row++) if (bytes[row] === 0) zeros += 1;
  return zeros;
}
