// Redis against the contract of caches, and under trouble: killed, frozen, emptied, full, lying.
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Cache } from "../../src/storage/cache.js";
import { type RedisLink, redisCache } from "../../src/storage/cache-redis.js";
import { cacheContract } from "../contract/cache.js";
import { startTestRedis, type TestRedis, untilReady } from "../contract/redis-server.js";

const timing = { commandMs: 25, restMs: 300, failuresInARow: 3, silenceMs: 1_000 };
/** So patient that a busy machine is not taken for a Redis that is away. */
const patient = { commandMs: 5_000, restMs: 100, failuresInARow: 3, silenceMs: 10_000 };
const hourMs = 3_600_000;
const value = new Uint8Array([1, 2, 3]);

cacheContract("Redis", async () => {
  const own = await startTestRedis();
  const patientLink = own.open(patient);
  await untilReady(patientLink);
  return { cache: redisCache(patientLink), close: own.close };
});

let redis: TestRedis;
let link: RedisLink;
let cache: Cache;
beforeAll(async () => {
  redis = await startTestRedis();
});
beforeEach(async () => {
  link = redis.open(timing);
  cache = redisCache(link);
  await untilReady(link);
  await untilKept();
});
afterAll(() => redis.close());

/** After a trouble a first try may be needed that ends the rest. */
async function untilKept(): Promise<void> {
  for (let turn = 0; turn < 500; turn += 1) {
    await cache.set("a", value, hourMs);
    if ((await cache.get("a")) !== undefined) return;
    await delay(20);
  }
  throw new Error("the cache keeps nothing");
}

describe("a Redis that is away", () => {
  it("is an empty cache from the first moment, before any connection", async () => {
    const early = redisCache(redis.open(timing));
    expect(await early.get("a")).toBeUndefined();
    await early.set("a", value, hourMs);
    await early.delete("a");
  });

  it("when killed: empty at once, and again a cache once it is back", async () => {
    await redis.server.kill();
    const beganAtMs = performance.now();
    for (let turn = 0; turn < 200; turn += 1) {
      expect(await cache.get("a")).toBeUndefined();
      await cache.set("a", value, hourMs);
    }
    expect(performance.now() - beganAtMs).toBeLessThan(1_000);
    await redis.server.restart();
    await untilReady(link);
    await untilKept();
  });

  it("when frozen: some commands wait for their deadline, the others not at all", async () => {
    redis.server.freeze();
    const times: number[] = [];
    const until = performance.now() + 2_000;
    while (performance.now() < until) {
      const beganAtMs = performance.now();
      expect(await cache.get("a")).toBeUndefined();
      times.push(performance.now() - beganAtMs);
      await delay(1);
    }
    redis.server.thaw();
    const waited = times.filter((ms) => ms > timing.commandMs / 2);
    // Three in a row, and then one in each time of rest.
    expect(waited.length).toBeLessThanOrEqual(3 + 2_000 / timing.restMs + 3);
    expect(waited.length).toBeGreaterThan(0);
    expect(times.length).toBeGreaterThan(300);
    await untilKept();
  });

  it("when frozen under many commands at once: none waits for another", async () => {
    redis.server.freeze();
    const beganAtMs = performance.now();
    const many = Array.from({ length: 5_000 }, (_, n) => cache.get(`k${n}`));
    expect(new Set(await Promise.all(many))).toEqual(new Set([undefined]));
    expect(performance.now() - beganAtMs).toBeLessThan(2_000);
    redis.server.thaw();
    await untilKept();
  });
});

describe("a Redis that lies or refuses", () => {
  it("forgets everything: an empty cache", async () => {
    await link.ask((client) => client.flushall());
    expect(await cache.get("a")).toBeUndefined();
    await untilKept();
  });

  it("holds other types under our keys: not there, and replaced by what is set", async () => {
    await link.ask((client) => client.del("list", "hash"));
    await link.ask((client) => client.rpush("list", "x"));
    await link.ask((client) => client.hset("hash", "f", "x"));
    for (let turn = 0; turn < 10; turn += 1) {
      expect(await cache.get("list")).toBeUndefined();
      expect(await cache.get("hash")).toBeUndefined();
    }
    // A refusal is an answer: it is no reason to rest.
    expect(await cache.get("a")).toEqual(value);
    await cache.set("list", value, hourMs);
    expect(await cache.get("list")).toEqual(value);
  });

  it("is full: nothing more is kept, and what is there can be read", async () => {
    await link.ask((client) => client.config("SET", "maxmemory-policy", "noeviction"));
    await link.ask((client) => client.config("SET", "maxmemory", "1"));
    for (let turn = 0; turn < 10; turn += 1) await cache.set("more", value, hourMs);
    expect(await cache.get("more")).toBeUndefined();
    expect(await cache.get("a")).toEqual(value);
    await link.ask((client) => client.config("SET", "maxmemory", "0"));
    await untilKept();
  });
});
