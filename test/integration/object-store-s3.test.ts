// The bucket under trouble: killed, frozen, slow, refusing, and answering what nobody hears.
import { stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createRandom } from "../../src/simulation/random.js";
import { UnavailableError } from "../../src/storage/errors.js";
import { sha256Hex } from "../../src/storage/keys.js";
import type { Patience } from "../../src/storage/patient-calls.js";
import { type S3Bucket, startS3Bucket } from "../contract/s3-bucket.js";
import { type Fault, type FaultyFront, startFaultyFront } from "./faulty-front.js";

const patience: Patience = {
  attempts: 4,
  callMs: 1_500,
  bytesPerMs: 20_000,
  backoffMs: { first: 5, max: 50 },
};

function bytesOf(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed + 1;
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

let bucket: S3Bucket;
let front: FaultyFront;
beforeAll(async () => {
  bucket = await startS3Bucket();
  front = await startFaultyFront(bucket.server.endpoint);
});
afterEach(() => {
  front.fault = () => null;
});
afterAll(async () => {
  await front.close();
  await bucket.close();
});

describe("a bucket whose server is killed", () => {
  it("during a put: readers see it by the hash, and the retry repairs it", async () => {
    const store = bucket.open("", { ...patience, attempts: 2 });
    const bytes = bytesOf(48 * 1024 * 1024, 1);
    const putting = store.put("torn/a", bytes).catch((error: unknown) => error);
    await untilBegun(bucket.fileOf("torn/a"));
    await bucket.server.kill();
    expect(await putting).toBeInstanceOf(UnavailableError);
    await expect(store.get("torn/a")).rejects.toThrow(UnavailableError);

    await bucket.server.restart();
    const torn = (await store.get("torn/a")) as Uint8Array;
    expect(torn.length).toBeLessThan(bytes.length);
    expect(sha256Hex(torn)).not.toBe(sha256Hex(bytes));
    await store.put("torn/a", bytes);
    expect(sha256Hex((await store.get("torn/a")) as Uint8Array)).toBe(sha256Hex(bytes));
    await expect(store.put("torn/a", bytesOf(5, 2))).rejects.toThrow("other bytes");
  });

  async function untilBegun(file: string): Promise<void> {
    for (let turn = 0; turn < 10_000; turn += 1) {
      const size = await stat(file).then(
        (facts) => facts.size,
        () => 0,
      );
      if (size > 0) return;
      await delay(1);
    }
    throw new Error(`${file} was never begun`);
  }
});

describe("a bucket whose server is frozen", () => {
  it("is unavailable after a bounded time, and whole again once it thaws", async () => {
    const store = bucket.open("frozen", { ...patience, attempts: 2, callMs: 200 });
    const bytes = bytesOf(3_000_000, 3);
    await store.put("before", bytes);
    bucket.server.freeze();
    const beganAtMs = performance.now();
    await expect(store.get("before")).rejects.toThrow("no answer within 200 ms");
    await expect(store.put("during", bytes)).rejects.toThrow(UnavailableError);
    await expect(store.list("")).rejects.toThrow(UnavailableError);
    await expect(store.delete("during")).rejects.toThrow(UnavailableError);
    expect(performance.now() - beganAtMs).toBeLessThan(10_000);
    bucket.server.thaw();
    await putUntilThere(store, "during", bytes);
    expect(await store.list("")).toEqual(["before", "during"]);
    expect(sha256Hex((await store.get("during")) as Uint8Array)).toBe(sha256Hex(bytes));
  });

  it("in the middle of an answer: the call ends as well", async () => {
    const large = bytesOf(24 * 1024 * 1024, 4);
    await bucket.open("middle").put("large", large);
    const store = bucket.open("middle", { ...patience, attempts: 1, callMs: 300 });
    const reading = store.get("large").catch((error: unknown) => error);
    await delay(15);
    bucket.server.freeze();
    const read = await reading;
    bucket.server.thaw();
    if (read instanceof Uint8Array) expect(read.length).toBe(large.length);
    else expect(read).toBeInstanceOf(UnavailableError);
    expect(await bucket.open("middle").get("large")).toHaveLength(large.length);
  });
});

describe("a bucket that fails in a third of the calls", () => {
  const faults: readonly Fault[] = ["503", "slow", "silent", "cut", "answer-lost", "answer-cut"];

  it("loses nothing, doubles nothing, and is asked a bounded number of times", async () => {
    const random = createRandom(7);
    const store = bucket.open("rough", { ...patience, callMs: 400 }, front.endpoint);
    front.fault = () => (random.chance(0.3) ? random.pick(faults) : null);
    const objects = Array.from({ length: 60 }, (_, n) => ({
      key: `o/${n}`,
      bytes: bytesOf(1 + (n % 4) * 40_000, n),
    }));
    const before = front.count;
    let calls = 0;
    const untilItWorks = async <Result>(call: () => Promise<Result>): Promise<Result> => {
      for (;;) {
        calls += 1;
        try {
          return await call();
        } catch (error) {
          expect(error).toBeInstanceOf(UnavailableError);
        }
      }
    };
    await Promise.all(
      objects.map(async ({ key, bytes }) => {
        await untilItWorks(() => store.put(key, bytes));
        const read = await untilItWorks(() => store.get(key));
        expect(Buffer.compare(read as Uint8Array, bytes)).toBe(0);
      }),
    );
    expect(await untilItWorks(() => store.list("o/"))).toHaveLength(objects.length);
    for (const { key } of objects) await untilItWorks(() => store.delete(key));
    expect(await untilItWorks(() => store.list("o/"))).toEqual([]);
    // A put looks before and after it writes.
    expect(front.count - before).toBeLessThanOrEqual(calls * 3 * patience.attempts);
  });

  it("takes a put whose answer was lost for what it is: done", async () => {
    const store = bucket.open("lost", { ...patience, attempts: 1, callMs: 300 }, front.endpoint);
    const bytes = bytesOf(100_000, 9);
    front.fault = (method) => (method === "PUT" ? "answer-lost" : null);
    await expect(store.put("a", bytes)).rejects.toThrow(UnavailableError);
    front.fault = (method) => (method === "PUT" ? "503" : null);
    await store.put("a", bytes);
    await expect(store.put("b", bytes)).rejects.toThrow("503");
  });

  it("never shows the connection, the signature or the key in an error", async () => {
    const store = bucket.open("", { ...patience, attempts: 1 }, front.endpoint);
    front.fault = () => "503";
    const error = await store.get("a").catch((caught: unknown) => caught);
    const { inspect } = await import("node:util");
    expect(inspect(error, { depth: 10 })).not.toMatch(/authorization|Credential|S3RVER/i);
  });
});

async function putUntilThere(
  store: ReturnType<S3Bucket["open"]>,
  key: string,
  bytes: Uint8Array,
): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    try {
      return await store.put(key, bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(UnavailableError);
    }
  }
  throw new Error(`'${key}' could not be put`);
}
