// Values bound to their keys: swapped, cut, bent, forged or of another secret, they are not there.
import fc from "fast-check";
import { expect, it } from "vitest";
import { memoryCache } from "../../src/storage/cache-memory.js";
import { seal, sealedCache, unseal } from "../../src/storage/sealed-cache.js";

const secret = "the secret of a cluster";
const bytesOf = fc.uint8Array({ maxLength: 200 });

it("gives back what was sealed, for its key and secret only", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), bytesOf, (key, other, bytes) => {
      const stored = seal(secret, key, bytes);
      expect(Buffer.compare(unseal(secret, key, stored) as Uint8Array, bytes)).toBe(0);
      expect(unseal(`${secret}.`, key, stored)).toBeUndefined();
      if (other !== key) expect(unseal(secret, other, stored)).toBeUndefined();
    }),
  );
});

it("sees every change, cut and addition", () => {
  const stored = seal(secret, "k", new Uint8Array([1, 2, 3, 4, 5]));
  for (let length = 0; length < stored.length; length += 1) {
    expect(unseal(secret, "k", stored.subarray(0, length))).toBeUndefined();
  }
  expect(unseal(secret, "k", Buffer.concat([stored, Buffer.of(0)]))).toBeUndefined();
  for (let bit = 0; bit < stored.length * 8; bit += 1) {
    const bent = Uint8Array.from(stored);
    bent[bit >> 3] = (bent[bit >> 3] as number) ^ (1 << (bit & 7));
    expect(unseal(secret, "k", bent), `bit ${bit}`).toBeUndefined();
  }
});

it("does not let a part of a key pass for one of a value", () => {
  const stored = seal(secret, "key", new TextEncoder().encode("value"));
  const moved = Buffer.concat([stored.subarray(0, 32), Buffer.from("lue")]);
  expect(unseal(secret, "keyva", moved)).toBeUndefined();
});

it("takes what others put under its keys for nothing", async () => {
  const cache = memoryCache({ bytesMax: 1_000_000 });
  const sealed = sealedCache(cache, { name: "n", secret, ttlMs: 60_000 });
  await sealed.set("a", new Uint8Array([1]));
  await sealed.set("b", new Uint8Array([2]));
  expect(await sealed.get("a")).toEqual(new Uint8Array([1]));
  await cache.set("n:a", (await cache.get("n:b")) as Uint8Array, 60_000);
  expect(await sealed.get("a")).toBeUndefined();
  await cache.set("n:b", new Uint8Array([2]), 60_000);
  expect(await sealed.get("b")).toBeUndefined();
  const other = sealedCache(cache, { name: "m", secret, ttlMs: 60_000 });
  expect(await other.get("b")).toBeUndefined();
});
