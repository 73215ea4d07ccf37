// What a proxy admits alone, in a second of the clock that it is told.
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Counters } from "../../src/storage/counters.js";
import { Quota, type QuotaLimits } from "../../src/system/quota.js";

const quotas: Quota[] = [];
afterEach(() => {
  for (const quota of quotas.splice(0)) quota.close();
});

const limits: QuotaLimits = { requests: 10, bytes: null };
/** The same second for all: quotas go by the clock that they are told. */
const nowMs = () => Math.floor(Date.now() / 1_000) * 1_000;

function quotaOf(given: QuotaLimits, counters: Counters | null): Quota {
  const quota = new Quota(given, counters);
  quotas.push(quota);
  return quota;
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

  it("counts alone while the counters are away or lie", async () => {
    const atMs = nowMs() + 1_000;
    for (const answer of [undefined, -1_000_000]) {
      let calls = 0;
      const add = async () => {
        calls += 1;
        return answer;
      };
      const wrong = quotaOf(limits, { add });
      expect(admittedOf(wrong, 30, atMs)).toBe(10);
      await vi.waitFor(() => expect(calls).toBeGreaterThanOrEqual(3));
      expect(admittedOf(wrong, 30, atMs)).toBe(0);
    }
  });
});
