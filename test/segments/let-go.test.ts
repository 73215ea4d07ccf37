// A large buffer is freed at once, and what is not one's own is left alone.
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { letGo } from "../../src/segments/let-go.js";

const megabyte = 1024 * 1024;

it("takes a large buffer away, and its memory goes without a collection", async () => {
  const bytes = new Uint8Array(200 * megabyte).fill(1);
  const before = process.memoryUsage.rss();
  letGo(bytes);
  expect(bytes.byteLength).toBe(0);
  for (let look = 0; look < 100 && process.memoryUsage.rss() > before - 150 * megabyte; look += 1) {
    await delay(20);
  }
  expect(process.memoryUsage.rss()).toBeLessThan(before - 150 * megabyte);
});

it("leaves small ones to the collector, and those that others may look at", () => {
  const small = new Uint8Array(1_000);
  const part = new Uint8Array(4 * megabyte).subarray(megabyte);
  const shared = new Uint8Array(new SharedArrayBuffer(2 * megabyte));
  for (const bytes of [small, part, shared]) letGo(bytes);
  expect([small, part, shared].map(({ byteLength }) => byteLength)).toEqual([
    1_000,
    3 * megabyte,
    2 * megabyte,
  ]);
});
