// Quotas that proxies share through a real Redis, which may also hold what it should not.
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { redisCounters } from "../../src/storage/cache-redis.js";
import type { Counters } from "../../src/storage/counters.js";
import { Quota } from "../../src/system/quota.js";
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

const limits = { requests: 1_000, bytes: null };
/** A second that has not begun: it is not over before the test is. */
const nextSecondMs = () => (Math.floor(Date.now() / 1_000) + 2) * 1_000;

async function counters(): Promise<Counters> {
  const link = redis.open();
  await untilReady(link);
  return redisCounters(link);
}

async function quotaOf(prefix: string): Promise<Quota> {
  const quota = new Quota(limits, await counters(), prefix);
  quotas.push(quota);
  return quota;
}

function admittedOf(quota: Quota, count: number, atMs: number): number {
  const answers = Array.from({ length: count }, () => quota.admit("docs", 1, atMs));
  return answers.filter(({ ok }) => ok).length;
}

it("is one budget: what one proxy admitted the other cannot", async () => {
  const one = await quotaOf("shared");
  const two = await quotaOf("shared");
  const atMs = nextSecondMs();
  expect(admittedOf(one, 1_000, atMs)).toBe(1_000);
  // Alone it would admit 1,000: it refuses because it has heard of the other.
  let admitted = 0;
  await vi.waitFor(() => {
    const { ok } = two.admit("docs", 1, atMs);
    if (ok) admitted += 1;
    expect(ok).toBe(false);
  }, 5_000);
  expect(admitted).toBeLessThan(500);
  expect(one.admit("docs", 1, atMs).ok).toBe(false);
});

it("counts alone where the counter holds no number", async () => {
  const link = redis.open();
  await untilReady(link);
  const atMs = nextSecondMs();
  await link.ask((client) => client.set(`poisoned:docs:requests:${atMs / 1_000}`, "no number"));
  const poisoned = await quotaOf("poisoned");
  expect(admittedOf(poisoned, 500, atMs)).toBe(500);
  // It has told and asked several times by then.
  await delay(300);
  expect(admittedOf(poisoned, 2_000, atMs)).toBe(500);
});
