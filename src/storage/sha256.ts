// The SHA-256 of bytes that may be many: others get their turn in between.
import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";

// Some five milliseconds of hashing.
const bytesPerTurn = 4 * 1024 * 1024;

/** In hexadecimal. */
export async function sha256InTurns(bytes: Uint8Array): Promise<string> {
  const hash = createHash("sha256");
  for (let start = 0; start < bytes.length; start += bytesPerTurn) {
    if (start > 0) await setImmediate();
    hash.update(bytes.subarray(start, start + bytesPerTurn));
  }
  return hash.digest("hex");
}
