// Memory that came back is used again where it fits, and not hoarded.
import { expect, test } from "vitest";
import { createSpentBuffers } from "../../src/system/spent-buffers.js";

const kilobyte = 1_024;
const megabyte = 1_024 * kilobyte;

test("what came back is taken again by what fits into it", () => {
  const buffers = createSpentBuffers();
  const first = buffers.take(430_000);
  expect(first.byteLength).toBeGreaterThanOrEqual(430_000);
  expect(buffers.take(430_000)).not.toBe(first);
  buffers.give(first);
  expect(buffers.take(431_000)).toBe(first);
});

test("neither what is too small nor what is much too large is taken", () => {
  const buffers = createSpentBuffers();
  const small = buffers.take(100 * kilobyte);
  const large = buffers.take(4 * megabyte);
  buffers.give(small);
  buffers.give(large);
  const taken = buffers.take(megabyte);
  expect([small, large]).not.toContain(taken);
  expect(buffers.take(4 * megabyte)).toBe(large);
});

test("a burst leaves only some megabytes behind", () => {
  const buffers = createSpentBuffers();
  const burst = Array.from({ length: 100 }, () => buffers.take(megabyte));
  for (const buffer of burst) buffers.give(buffer);
  const again = Array.from({ length: 100 }, () => buffers.take(megabyte));
  expect(again.filter((buffer) => burst.includes(buffer))).toHaveLength(8);
});
