// One xxHash a thread, compiled while this module loads, so that its use is synchronous.
import xxhash from "xxhash-wasm";

const instance = await xxhash();

/** The 64-bit hash of a few bytes, which are copied into the instance's memory. */
export const hash64 = (bytes: Uint8Array): bigint => instance.h64Raw(bytes);

/** Bytes that go into the instance's memory at once: it never shrinks. */
const blockBytes = 1024 * 1024;

/** The 64-bit hash of the parts one after another, as 16 hexadecimal digits. */
export function hashParts(parts: readonly Uint8Array[]): string {
  const hash = instance.create64();
  for (const part of parts) {
    for (let start = 0; start < part.length; start += blockBytes) {
      hash.update(part.subarray(start, start + blockBytes));
    }
  }
  return hash.digest().toString(16).padStart(16, "0");
}
