// Quotas that proxies share through a real Redis, and alone when it is away.
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { redisCounters } from "../../src/storage/cache-redis.js";
import type { Counters } from "../../src/storage/counters.js";
import { Quota, type QuotaLimits } from "../../src/system/quota.js";
import { startTestRedis, type TestRedis, untilReady } from "../contract/redis-server.js";

let redis: TestRedis;
const quotas: Quota[] = [];
beforeAll(async () => {
  redis = await startTestRedis();
});
afterEach(() => {
  for (const quota of quotas.splice(0)) quota.close();
});
afterAll(() => redis.close());

const limits: QuotaLimits = { requests: 10, bytes: null };
/** The same second for all: quotas go by the clock that they are told. */
const nowMs = () => Math.floor(Date.now() / 1_000) * 1_000;

function quotaOf(given: QuotaLimits, counters: Counters | null, prefix = "test"): Quota {
  const quota = new Quota(given, counters, prefix);
  quotas.push(quota);
  return quota;
}

async function counters(): Promise<Counters> {
  const link = redis.open();
  await untilReady(link);
  return redisCounters(link);
}

function admittedOf(quota: Quota, count: number, atMs: number, bytes = 1): number {
  const answers = Array.from({ length: count }, () => quota.admit("docs", bytes, atMs));
  return answers.filter(({ ok }) => ok).length;
}

describe("a quota", () => {
  it("admits what a second allows, and again in the next second", () => {
    const quota = quotaOf(limits, null);
    const atMs = nowMs();
    expect(admittedOf(quota, 30, atMs)).toBe(10);
    expect(quota.admit("docs", 1, atMs)).toEqual({ ok: false, spent: "10 requests" });
    expect(quota.admit("other", 1, atMs).ok).toBe(true);
    expect(admittedOf(quota, 30, atMs + 1_000)).toBe(10);
  });

  it("begins anew when the clock was set back", () => {
    const quota = quotaOf(limits, null);
    const atMs = nowMs();
    expect(admittedOf(quota, 30, atMs + 3_600_000)).toBe(10);
    expect(admittedOf(quota, 30, atMs)).toBe(10);
  });

  it("lets a request through that is larger than a whole second's bytes, and no second one", () => {
    const quota = quotaOf({ requests: null, bytes: 1_000 }, null);
    const atMs = nowMs();
    expect(admittedOf(quota, 3, atMs, 5_000)).toBe(1);
  });

  it("refuses nothing without limits", () => {
    const quota = quotaOf({ requests: null, bytes: null }, null);
    expect(admittedOf(quota, 1_000, nowMs(), 1e9)).toBe(1_000);
  });

  it("never keeps more than a bounded number of names", () => {
    const quota = quotaOf(limits, null);
    const atMs = nowMs();
    const names = Array.from({ length: 5_000 }, (_, n) => `name${n}`);
    const admitted = names.filter((name) => quota.admit(name, 1, atMs).ok);
    expect(admitted).toHaveLength(4_096 + 10);
  });
});

describe("a quota that proxies share", () => {
  it("is one budget: what one proxy admitted the other cannot", async () => {
    const one = quotaOf(limits, await counters(), "shared");
    const two = quotaOf(limits, await counters(), "shared");
    const atMs = nowMs() + 1_000;
    expect(admittedOf(one, 10, atMs)).toBe(10);
    // It may admit a little until it has heard of the other.
    await vi.waitFor(() => expect(two.admit("docs", 0, atMs).ok).toBe(false), 5_000);
    expect(admittedOf(two, 5, atMs)).toBe(0);
    expect(admittedOf(one, 5, atMs)).toBe(0);
  });

  it("counts alone while the counters are away, hold something else or lie", async () => {
    const link = redis.open();
    await untilReady(link);
    const atMs = nowMs() + 1_000;
    const window = atMs / 1_000;
    await link.ask((client) => client.set(`poisoned:docs:requests:${window}`, "no number"));
    const poisoned = quotaOf(limits, redisCounters(link), "poisoned");
    expect(admittedOf(poisoned, 30, atMs)).toBe(10);
    const absent = quotaOf(limits, { add: async () => undefined });
    expect(admittedOf(absent, 30, atMs)).toBe(10);
    const negative = quotaOf(limits, { add: async () => -1_000_000 });
    expect(admittedOf(negative, 30, atMs)).toBe(10);
    await vi.waitFor(() => expect(admittedOf(negative, 30, atMs)).toBe(0));
  });
});
