// A cache whose values are bound to their keys by a MAC: what others put there is not there.
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Cache } from "./cache.js";

export interface SealedCache {
  get(key: string): Promise<Uint8Array | undefined>;
  set(key: string, bytes: Uint8Array): Promise<void>;
}

const macBytes = 32;

/** `name` keeps the keys apart from those of other uses; the secret is that of the cluster. */
export function sealedCache(
  cache: Cache,
  { name, secret, ttlMs }: { name: string; secret: string; ttlMs: number },
): SealedCache {
  const placeOf = (key: string) => `${name}:${key}`;
  return {
    async get(key) {
      const stored = await cache.get(placeOf(key));
      return stored === undefined ? undefined : unseal(secret, placeOf(key), stored);
    },
    async set(key, bytes) {
      await cache.set(placeOf(key), seal(secret, placeOf(key), bytes), ttlMs);
    },
  };
}

export function seal(secret: string, key: string, bytes: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(macBytes + bytes.byteLength);
  sealed.set(macOf(secret, key, bytes));
  sealed.set(bytes, macBytes);
  return sealed;
}

/** Undefined when it was not sealed with this secret for this key, or was changed since. */
export function unseal(secret: string, key: string, stored: Uint8Array): Uint8Array | undefined {
  if (stored.byteLength < macBytes) return undefined;
  const bytes = stored.subarray(macBytes);
  const isOurs = timingSafeEqual(stored.subarray(0, macBytes), macOf(secret, key, bytes));
  return isOurs ? bytes : undefined;
}

/** The key's length stands in front, so that no part of a key passes for one of a value. */
function macOf(secret: string, key: string, bytes: Uint8Array): Buffer {
  const mac = createHmac("sha256", secret);
  return mac
    .update(`${Buffer.byteLength(key)}:${key}`)
    .update(bytes)
    .digest();
}
